/* SPDX-License-Identifier: MIT */
/*
 * KVM's own counters, from a binary statistics descriptor (api.rst 4.133).
 */
#ifndef KVM_STATS_H
#define KVM_STATS_H

#include <stdint.h>

/*
 * Calls `visit` for each counter that is a single number (histograms are left out). `name` is valid
 * during the call. 0 or -errno; -EBADMSG if the descriptor does not hold what api.rst says.
 */
int kvm_stats_read(int stats_fd, void (*visit)(void *ctx, const char *name, uint64_t value),
		   void *ctx);

#endif
