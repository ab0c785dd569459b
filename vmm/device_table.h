/* SPDX-License-Identifier: MIT */
/*
 * Which devices a machine has: one explicit table of chips at fixed ports, one of virtio devices in
 * slots. A new device is one file and one row here (docs/adding-a-device.md).
 */
#ifndef VMM_DEVICE_TABLE_H
#define VMM_DEVICE_TABLE_H

#include <stdio.h>

#include "vmm/backends.h"
#include "vmm/core/device.h"
#include "vmm/core/err.h"
#include "vmm/x86/board.h"

/* At most: the fixed chips and every slot. */
#define DEVICE_TABLE_MAX 32

/*
 * Gives every virtio device that the back ends call for a slot on the board: an address and a GSI.
 * 0, or -ENOSPC with a message if there are more devices than slots.
 */
int device_table_slots(const struct backends *backends, struct board *board, struct err *err);

/* The line of a GSI on this machine. */
struct device_wiring {
	struct irq (*irq)(void *ctx, unsigned int gsi);
	void *ctx;
};

/*
 * Creates all devices into devices[0 .. *nr), in the table's order. `env` is the common part of the
 * environment; each device gets its own line from `wiring` and its own element of `limits`. 0, or
 * -errno with a message; *nr then counts those to destroy.
 */
int device_table_create(const struct device_env *env, const struct device_wiring *wiring,
			struct backends *backends, const struct board *board,
			struct log_limit limits[DEVICE_TABLE_MAX],
			struct device *devices[DEVICE_TABLE_MAX], unsigned int *nr,
			struct err *err);

/* A line for each device, for --dry-run. */
void device_table_print(const struct board *board, FILE *to);

#endif
