/* SPDX-License-Identifier: MIT */
/* For tests of the serial port: a port as it comes out of reset, and a console that it talks to. */
#ifndef TESTS_UNIT_SERIAL_FIXTURE_H
#define TESTS_UNIT_SERIAL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "devices/serial.h"
#include "devices/serial_regs.h"
#include "tests/unit/device_fixture.h"
#include "vmm/core/array.h"

#define PORT 0x3f8

/* A console that takes `takes` more bytes, and remembers them. */
struct host {
	struct chario_port port;
	size_t takes;
	uint8_t out[4096];
	size_t nr_out;
	unsigned int resumes;
};

static inline size_t host_write(void *ctx, const uint8_t *bytes, size_t len)
{
	struct host *host = ctx;
	size_t n = len < host->takes ? len : host->takes;

	host->takes -= n;
	for (size_t i = 0; i < n; i++)
		host->out[host->nr_out++ % sizeof(host->out)] = bytes[i];
	return n;
}

static inline void host_resume(void *ctx)
{
	struct host *host = ctx;

	host->resumes++;
}

static inline void host_attach(void *ctx, const struct chario_port *port)
{
	struct host *host = ctx;

	host->port = port != NULL ? *port : (struct chario_port){0};
}

/* A port as it comes out of reset, and its world. */
struct world {
	struct fixture f;
	struct host host;
	struct chario_host chario;
	struct device *device;
};

static inline int create(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	fixture_init(&w->f);
	w->host.takes = SIZE_MAX;
	w->chario = (struct chario_host){
		.write = host_write,
		.resume = host_resume,
		.attach = host_attach,
		.ctx = &w->host,
	};
	w->f.env.console = &w->chario;
	assert_int_equal(serial_create(&w->f.env, PORT, &w->device), 0);
	*state = w;
	return 0;
}

static inline int destroy(void **state)
{
	struct world *w = *state;

	device_destroy(w->device);
	assert_null(w->host.port.ctx); /* it has detached */
	free(w);
	return 0;
}

static inline unsigned int in(struct world *w, unsigned int reg)
{
	return in8(&w->f, (uint16_t)(PORT + reg));
}

static inline void out(struct world *w, unsigned int reg, unsigned int value)
{
	out8(&w->f, (uint16_t)(PORT + reg), value);
}

static inline unsigned int iir(struct world *w)
{
	return in(w, REG_FCR) & IIR_ID;
}

static inline size_t room(struct world *w)
{
	return w->host.port.room(w->host.port.ctx);
}

static inline void receive(struct world *w, const char *bytes)
{
	w->host.port.receive(w->host.port.ctx, (const uint8_t *)bytes, strlen(bytes));
}

/* The console takes `n` bytes more. */
static inline void drain(struct world *w, size_t n)
{
	w->host.takes = n;
	w->host.port.writable(w->host.port.ctx);
}

/* As Linux leaves the port: FIFOs on with a trigger level of 8, DTR, RTS and OUT2 on. */
static inline void open_port(struct world *w)
{
	out(w, REG_FCR, FCR_ENABLE | FCR_CLEAR_RX | FCR_CLEAR_TX);
	out(w, REG_FCR, FCR_ENABLE | 0x80);
	out(w, REG_MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
}

/* As `rep outsb` does. */
static inline void guest_sends(struct world *w, const char *text)
{
	bus_write(&w->f.pio, PORT, text, 1, (unsigned int)strlen(text));
}

/* All that the console has got. */
static inline void expect_sent(struct world *w, const char *text)
{
	assert_int_equal(w->host.nr_out, strlen(text));
	assert_memory_equal(w->host.out, text, strlen(text));
}

/* Reads what there is; returns how much that was. */
static inline unsigned int read_all(struct world *w)
{
	unsigned int n = 0;

	for (; n < 256 && in(w, REG_LSR) & LSR_DATA; n++)
		in(w, REG_DATA);
	return n;
}

#define serial_test(name) cmocka_unit_test_setup_teardown(name, create, destroy)

#endif
