/* SPDX-License-Identifier: MIT */
/*
 * The CMOS clock of a PC: an MC146818 and its battery-backed bytes.
 *
 * The time is the host's, in UTC, and cannot be set: writes to the time registers are ignored.
 * Interrupts are not offered: the alarm registers and the enable bits of status B hold what is
 * written, but no alarm ever comes, and status C always reads 0.
 */
#ifndef DEVICES_RTC_H
#define DEVICES_RTC_H

#include <stdint.h>

#include "vmm/core/device.h"

#define RTC_NR_PORTS 2 /* index, data */

/* Claims RTC_NR_PORTS ports from `port` on; uses env's pio. 0 or -errno. */
int rtc_create(const struct device_env *env, uint16_t port, struct device **device);

#endif
