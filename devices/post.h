/* SPDX-License-Identifier: MIT */
/*
 * The POST port of a PC: firmware and boot code write progress codes to it, Linux writes to it to
 * pass the time of an ISA bus cycle. Keeps the last code, which a read gives, and logs codes at
 * LOG_DEBUG.
 */
#ifndef DEVICES_POST_H
#define DEVICES_POST_H

#include <stdint.h>

#include "vmm/core/device.h"

/* Claims `port`; uses env's pio and log. 0 or -errno. */
int post_create(const struct device_env *env, uint16_t port, struct device **device);

#endif
