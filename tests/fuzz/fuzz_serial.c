/* SPDX-License-Identifier: MIT */
/*
 * A guest that does anything to a serial port while its console stalls and types at will. The
 * input is a list of what happens, OP_BYTES each.
 *
 * A model of a few lines says what must have come of it: which bytes reach the console and in what
 * order, what the receiver has room for, and that no interrupt appears in IIR without an edge.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/core/device.h"
#include "devices/serial.h"
#include "devices/serial_regs.h"

#define PORT	 0x3f8
#define OP_BYTES 2u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
	if (!condition)
		abort();
}

struct world {
	struct chario_port port;
	struct bus pio;
	size_t credit; /* bytes that the console takes */
	unsigned int irqs, lsr_reads;

	/* The model: registers as written, and the bytes that the transmitter must still hold. */
	uint8_t lcr, mcr, fcr;
	uint8_t tx[FIFO_BYTES];
	unsigned int tx_len;
	bool iir_was_none;
	bool input_waits; /* room() said 0 and no resume() came */
};

static size_t host_write(void *ctx, const uint8_t *bytes, size_t len)
{
	struct world *w = ctx;
	size_t n = len < w->credit ? len : w->credit;

	check(len > 0 && len <= w->tx_len);
	check(memcmp(bytes, w->tx, len) == 0);
	memmove(w->tx, w->tx + n, w->tx_len - n);
	w->tx_len -= (unsigned int)n;
	w->credit -= n;
	return n;
}

static void host_resume(void *ctx)
{
	struct world *w = ctx;

	check(w->input_waits);
	w->input_waits = false;
}

static void host_attach(void *ctx, const struct chario_port *port)
{
	struct world *w = ctx;

	w->port = port != NULL ? *port : (struct chario_port){0};
}

static void raise_irq(void *ctx)
{
	struct world *w = ctx;

	w->irqs++;
}

static unsigned int capacity(const struct world *w)
{
	return w->fcr & FCR_ENABLE ? FIFO_BYTES : 1;
}

static bool gate_is_open(const struct world *w)
{
	return (w->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;
}

/* An interrupt that appears between two looks at IIR must have come with an edge. */
static void check_iir(struct world *w, uint8_t iir)
{
	static const uint16_t known = 1 << IIR_NONE | 1 << IIR_MSR | 1 << IIR_THRE | 1 << IIR_RX |
				      1 << IIR_LINE | 1 << IIR_TIMEOUT;
	bool none = (iir & IIR_ID) == IIR_NONE;

	check(known >> (iir & IIR_ID) & 1);
	check((iir & ~IIR_ID) == (w->fcr & FCR_ENABLE ? IIR_FIFOS : 0));
	check((iir & IIR_ID) != IIR_TIMEOUT || w->fcr & FCR_ENABLE);
	if (w->iir_was_none && !none && gate_is_open(w))
		check(w->irqs > 0);
	w->iir_was_none = none;
	w->irqs = 0;
}

static void read_register(struct world *w, unsigned int reg)
{
	uint8_t value;

	/* Polling a blocked transmitter takes time on purpose. */
	w->lsr_reads = reg == REG_LSR ? w->lsr_reads + 1 : 0;
	if (w->lsr_reads > 8 && w->tx_len > 0)
		return;
	bus_read(&w->pio, PORT + reg, &value, 1, 1);
	if (reg == REG_FCR)
		check_iir(w, value);
	if (reg == REG_LSR)
		check(((value & LSR_THRE) != 0) == (w->tx_len == 0) &&
		      ((value & LSR_TEMT) != 0) == (w->tx_len == 0));
	if (reg == REG_LCR)
		check(value == w->lcr);
	if (reg == REG_MCR)
		check(value == w->mcr);
}

static void write_register(struct world *w, unsigned int reg, uint8_t value)
{
	if (reg == REG_DATA && !(w->lcr & LCR_DLAB) && !(w->mcr & MCR_LOOP) &&
	    w->tx_len < capacity(w))
		w->tx[w->tx_len++] = value;
	if (reg == REG_FCR)
		w->fcr = value;
	if (reg == REG_LCR)
		w->lcr = value;
	if (reg == REG_MCR)
		w->mcr = value & 0x1f;
	bus_write(&w->pio, PORT + reg, &value, 1, 1);
}

static size_t ask_room(struct world *w)
{
	bool waited = w->input_waits;
	size_t room = w->port.room(w->port.ctx);

	w->input_waits = room == 0;
	/* A console that waits is asked at the latest when half of the FIFO is free. */
	check(!waited || room * 2 < capacity(w));
	check(room <= capacity(w));
	check(room == 0 || !(w->mcr & MCR_LOOP));
	return room;
}

static void type(struct world *w, uint8_t byte)
{
	uint8_t bytes[FIFO_BYTES];
	size_t room = ask_room(w);

	memset(bytes, byte, sizeof(bytes));
	if (byte % 8 < room)
		room = byte % 8;
	w->port.receive(w->port.ctx, bytes, room);
}

static void do_one(struct world *w, uint8_t op, uint8_t value)
{
	uint64_t wide;

	switch (op >> 4) {
	case 0:
	case 1:
	case 2:
	case 3:
		read_register(w, op & 7);
		break;
	case 4:
		w->credit += value % 20;
		w->port.writable(w->port.ctx);
		break;
	case 5:
		w->credit = 0;
		break;
	case 6:
	case 7:
		type(w, value);
		break;
	case 8: /* reads of any width, at any edge; LSR is left alone, as it may take its time */
		if ((op & 3) < 3 && (value & 7) + (1u << (op & 3)) <= REG_LSR && w->tx_len == 0) {
			bus_read(&w->pio, PORT + (value & 7), &wide, 1u << (op & 3), 1);
			w->iir_was_none = false; /* it may have read IIR */
		}
		break;
	default: /* most of the time */
		write_register(w, op & 7, value);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = {0};
	const struct chario_host host = {host_write, host_resume, host_attach, &w};
	const struct log log = {.level = LOG_ERROR};
	struct log_limit log_limit = {0};
	const struct device_env env = {
		.pio = &w.pio,
		.irq = {.raise = raise_irq, .ctx = &w},
		.console = &host,
		.log = &log,
		.log_limit = &log_limit,
	};
	struct device *serial;

	check(serial_create(&env, PORT, &serial) == 0);
	for (; size >= OP_BYTES; data += OP_BYTES, size -= OP_BYTES)
		do_one(&w, data[0], data[1]);

	/* Whatever happened: a console that takes all gets all, and a reset port works. */
	w.credit = SIZE_MAX;
	w.port.writable(w.port.ctx);
	check(w.tx_len == 0);
	write_register(&w, REG_LCR, 3);
	write_register(&w, REG_FCR, FCR_ENABLE | FCR_CLEAR_RX);
	write_register(&w, REG_MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
	check(ask_room(&w) == FIFO_BYTES);
	write_register(&w, REG_IER, IER_THRE);
	read_register(&w, REG_FCR);
	w.credit = 0;
	write_register(&w, REG_DATA, 'x');
	read_register(&w, REG_FCR);
	check(w.iir_was_none && w.tx_len == 1);
	w.credit = 1;
	w.port.writable(w.port.ctx);
	check(w.irqs == 1 && w.tx_len == 0);
	read_register(&w, REG_FCR);
	check(!w.iir_was_none);
	device_destroy(serial);
	check(w.port.ctx == NULL);
	return 0;
}
