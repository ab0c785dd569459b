/* SPDX-License-Identifier: MIT */
/*
 * The debug-exit port, as QEMU's isa-debug-exit: a write ends the machine, and the value written
 * becomes part of the exit status. Not a chip that was ever built; test payloads use it.
 */
#ifndef DEVICES_DEBUG_EXIT_H
#define DEVICES_DEBUG_EXIT_H

#include <stdint.h>

#include "vmm/core/device.h"

#define DEBUG_EXIT_NR_PORTS 4

/* Claims DEBUG_EXIT_NR_PORTS ports from `port` on; uses env's pio and end. 0 or -errno. */
int debug_exit_create(const struct device_env *env, uint16_t port, struct device **device);

#endif
