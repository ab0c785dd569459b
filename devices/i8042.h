/* SPDX-License-Identifier: MIT */
/*
 * An i8042 keyboard controller with nothing plugged in: its use is the reset line. A guest that
 * probes it finds a working controller, no keyboard and no mouse, and needs no time-out for that.
 * It raises no interrupts.
 */
#ifndef DEVICES_I8042_H
#define DEVICES_I8042_H

#include <stdint.h>

#include "vmm/core/device.h"

/* Of the command and status port, from the data port on; between them is not the chip's. */
#define I8042_COMMAND_OFFSET 4

/* Claims the data port `port` and the command port; uses env's pio and end. 0 or -errno. */
int i8042_create(const struct device_env *env, uint16_t port, struct device **device);

#endif
