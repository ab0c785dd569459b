/* SPDX-License-Identifier: MIT */
/*
 * A byte stream between a serial port (guest side) and a console (host side), with back-pressure
 * in both directions, so that no byte is ever dropped.
 *
 * Guest to host: the port calls `write`, which takes as many bytes as the host side can take now
 * and never blocks. When it took fewer, the console calls the port's `writable` once there is room.
 * Host to guest: the console asks `room` and delivers at most that many bytes through `receive`;
 * when the guest has made room again, the port calls the console's `resume`.
 */
#ifndef CORE_CHARIO_H
#define CORE_CHARIO_H

#include <stddef.h>
#include <stdint.h>

/* What the serial port offers; called on the I/O thread. */
struct chario_port {
	size_t (*room)(void *ctx); /* bytes that `receive` takes now */
	void (*receive)(void *ctx, const uint8_t *bytes, size_t len); /* len <= room */
	void (*writable)(void *ctx); /* `write` may take bytes again */
	void *ctx;
};

/* What the console offers; called on a vCPU's thread or the I/O thread. */
struct chario_host {
	size_t (*write)(void *ctx, const uint8_t *bytes, size_t len); /* bytes taken, 0..len */
	void (*resume)(void *ctx);				   /* `room` has become non-zero */
	void (*attach)(void *ctx, const struct chario_port *port); /* NULL detaches; copied */
	void *ctx;
};

#endif
