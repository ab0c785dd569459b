/* SPDX-License-Identifier: MIT */
/*
 * What test guests, kvm-unit-tests above all, want of a machine besides a way to end it: QEMU's
 * pc-testdev (hw/misc/pc-testdev.c). Not a chip that was ever built.
 *
 *	registers	four bytes that keep what is written, in any width
 *	flush		a 32-bit write of a guest-physical address makes KVM forget its mapping of
 *			that page, so that the guest's next access faults in the host
 *	lines		one byte for each line of the interrupt controllers: 0 lowers it, any
 *			other value raises it, and it stays so
 *	window		64 KiB that are no RAM, so that KVM emulates each access, and keep what is
 *			written
 *
 * Of QEMU's device, four ports that split wide accesses into bytes are left out: the debug console
 * has one of them.
 */
#ifndef DEVICES_TESTDEV_H
#define DEVICES_TESTDEV_H

#include <stdint.h>

#include "vmm/core/device.h"

#define TESTDEV_NR_REGISTERS 4
#define TESTDEV_NR_FLUSH     4 /* ports */
#define TESTDEV_NR_LINES     24
#define TESTDEV_WINDOW_BYTES 0x10000u

struct testdev_layout {
	uint16_t registers, flush, lines; /* the first port of each */
	uint64_t window;		  /* guest-physical */
};

/* Claims all of these; uses env's mem, pio, mmio, lines and log. 0 or -errno. */
int testdev_create(const struct device_env *env, const struct testdev_layout *layout,
		   struct device **device);

#endif
