/* SPDX-License-Identifier: MIT */
/*
 * A window for payloads on what the VMM notes of their exits: when the boot vCPU's last one reached
 * user space, and when user space was done with it. With the guest's own readings of its time stamp
 * counter before and after, that splits an exit into its way out, its handling and its way back.
 *
 *	0  control	write 1: start noting exits; 0: stop
 *			read 1: stamps are in ticks of the guest's counter; 0: KVM does not say how
 *			the two counters are related, so they cannot be
 *	4  left		when KVM_RUN had returned with the exit before this one
 *	8  entered	when KVM_RUN was called again; of the exit that `left` was last read of
 *
 * All are 32 bits wide; a stamp is the low half of the counter. A narrower read gives a part.
 */
#ifndef DEVICES_TIMESTAMP_H
#define DEVICES_TIMESTAMP_H

#include <stdint.h>

#include "vmm/core/device.h"

#define TIMESTAMP_NR_PORTS 12

/* Claims TIMESTAMP_NR_PORTS ports from `port`. Uses env's pio and clock. 0 or -errno. */
int timestamp_create(const struct device_env *env, uint16_t port, struct device **device);

#endif
