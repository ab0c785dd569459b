/* SPDX-License-Identifier: MIT */
/*
 * The debug console of Bochs and QEMU: each byte written to its port appears on the console, no
 * set-up needed; a read gives 0xe9, by which a guest finds it.
 *
 * The port has no status, so a guest cannot wait for a slow console. The write itself waits
 * instead, for up to a second or until the machine ends; if the console has not moved by then, it
 * is taken to be stuck, and bytes are dropped and counted until it takes one again.
 */
#ifndef DEVICES_DEBUGCON_H
#define DEVICES_DEBUGCON_H

#include <stdint.h>

#include "vmm/core/device.h"

/* Claims `port`; writes to the console. Uses env's pio, console and log. 0 or -errno. */
int debugcon_create(const struct device_env *env, uint16_t port, struct device **device);

#endif
