/* SPDX-License-Identifier: MIT */
/*
 * Doorbells: guest writes that wake a file descriptor instead of returning to the vCPU's thread.
 *
 * The real one is KVM's ioeventfd. Making one costs KVM milliseconds (it waits for a grace
 * period), so a transport asks only for the queues that a driver enables. Where `bind` is NULL or
 * fails, the write simply arrives on the bus, and the transport handles it there.
 */
#ifndef CORE_DOORBELL_H
#define CORE_DOORBELL_H

#include <stdint.h>

#include "vmm/core/gmem.h"

struct doorbell {
	/* A 4-byte write of `value` to `at` signals the eventfd `fd`. 0 or -errno. */
	int (*bind)(void *ctx, gpa_t at, uint32_t value, int fd);
	void (*unbind)(void *ctx, gpa_t at, uint32_t value, int fd);
	void *ctx;
};

#endif
