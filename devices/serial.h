/* SPDX-License-Identifier: MIT */
/*
 * A 16550A serial port, connected to a console through core/chario.h.
 *
 * No byte is lost in either direction as long as the guest keeps to the chip's rules:
 *
 * Guest to host: what the console cannot take stays in the transmitter's FIFO, and LSR.THRE stays
 * 0 until the console has taken it. A guest that writes to a full FIFO all the same overruns it:
 * the byte is dropped and counted. A guest that polls LSR meanwhile is slowed down, so that
 * Linux's printk(), which gives up after 10,000 polls, waits for minutes rather than milliseconds.
 *
 * Host to guest: the far side honours RTS, as a terminal with hardware flow control does. Linux
 * throws away what arrives while it probes and opens a port, and raises RTS when it is done;
 * input that is piped in from the start therefore reaches it whole. A guest that drives no
 * modem lines gets input once it is seen to poll LSR for it.
 */
#ifndef DEVICES_SERIAL_H
#define DEVICES_SERIAL_H

#include <stdint.h>

#include "vmm/core/device.h"

#define SERIAL_NR_PORTS 8

/*
 * Claims SERIAL_NR_PORTS ports from `port` on and attaches to the console. Uses env's pio, irq,
 * console and log. 0 or -errno.
 */
int serial_create(const struct device_env *env, uint16_t port, struct device **device);

#endif
