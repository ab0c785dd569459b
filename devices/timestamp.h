/* SPDX-License-Identifier: MIT */
/*
 * A clock of tinyvmm's own, for payloads that measure exits: a read says when the VMM served it, in
 * ticks of the host's time stamp counter. Together with the guest's own readings before and after
 * that splits an exit into its way out and its way back.
 */
#ifndef DEVICES_TIMESTAMP_H
#define DEVICES_TIMESTAMP_H

#include <stdint.h>

#include "core/device.h"

#define TIMESTAMP_NR_PORTS 4

/*
 * Claims four ports from `port`. A read of all four gives the counter's low 32 bits; narrower reads
 * give a part of it, each of another moment. Writes are ignored. Uses env's pio. 0 or -errno.
 */
int timestamp_create(const struct device_env *env, uint16_t port, struct device **device);

#endif
