/* SPDX-License-Identifier: MIT */
/*
 * The 16550A, register by register after the PC16550D data sheet, as Linux's 8250 driver probes and
 * drives it, and under back-pressure from the console.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "devices/serial.h"
#include "devices/serial_regs.h"
#include "tests/unit/device_fixture.h"

#define NR_OF(array) (sizeof(array) / sizeof((array)[0]))
#define PORT	     0x3f8

/* A console that takes `takes` more bytes, and remembers them. */
struct host {
	struct chario_port port;
	size_t takes;
	uint8_t out[4096];
	size_t nr_out;
	unsigned int resumes;
};

static size_t host_write(void *ctx, const uint8_t *bytes, size_t len)
{
	struct host *host = ctx;
	size_t n = len < host->takes ? len : host->takes;

	host->takes -= n;
	for (size_t i = 0; i < n; i++)
		host->out[host->nr_out++ % sizeof(host->out)] = bytes[i];
	return n;
}

static void host_resume(void *ctx)
{
	struct host *host = ctx;

	host->resumes++;
}

static void host_attach(void *ctx, const struct chario_port *port)
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

static int create(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	fixture_init(&w->f);
	w->host.takes = SIZE_MAX;
	w->chario = (struct chario_host){
		.write = host_write,
		.resume = host_resume,
		.attach = host_attach,
		.ctx = &w->host,
	};
	assert_int_equal(serial_create(&w->f.env, PORT, &w->chario, &w->device), 0);
	*state = w;
	return 0;
}

static int destroy(void **state)
{
	struct world *w = *state;

	device_destroy(w->device);
	assert_null(w->host.port.ctx); /* it has detached */
	free(w);
	return 0;
}

static unsigned int in(struct world *w, unsigned int reg)
{
	return in8(&w->f, (uint16_t)(PORT + reg));
}

static void out(struct world *w, unsigned int reg, unsigned int value)
{
	out8(&w->f, (uint16_t)(PORT + reg), value);
}

static unsigned int iir(struct world *w)
{
	return in(w, REG_FCR) & IIR_ID;
}

static size_t room(struct world *w)
{
	return w->host.port.room(w->host.port.ctx);
}

static void receive(struct world *w, const char *bytes)
{
	w->host.port.receive(w->host.port.ctx, (const uint8_t *)bytes, strlen(bytes));
}

/* The console takes `n` bytes more. */
static void drain(struct world *w, size_t n)
{
	w->host.takes = n;
	w->host.port.writable(w->host.port.ctx);
}

/* As Linux leaves the port: FIFOs on with a trigger level of 8, DTR, RTS and OUT2 on. */
static void open_port(struct world *w)
{
	out(w, REG_FCR, FCR_ENABLE | FCR_CLEAR_RX | FCR_CLEAR_TX);
	out(w, REG_FCR, FCR_ENABLE | 0x80);
	out(w, REG_MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
}

/* --- registers --- */

/* Table II: reset states. */
static void reset_state_is_the_data_sheets(void **state)
{
	static const uint8_t expected[] = {
		[REG_IER] = 0,
		[REG_FCR] = IIR_NONE,
		[REG_LCR] = 0,
		[REG_MCR] = 0,
		[REG_LSR] = LSR_THRE | LSR_TEMT,
	};
	struct world *w = *state;

	for (unsigned int reg = REG_IER; reg <= REG_LSR; reg++)
		assert_int_equal(in(w, reg), expected[reg]);
	assert_int_equal(in(w, REG_MSR) & 0x0f, 0);
	assert_int_equal(irqs_since(&w->f), 0);
	assert_int_equal(w->host.nr_out, 0);
}

static void registers_keep_the_bits_that_exist(void **state)
{
	static const struct {
		unsigned int reg;
		uint8_t bits;
	} cases[] = {
		{REG_IER, 0x0f},
		{REG_LCR, 0xff},
		{REG_MCR, 0x1f},
		{REG_SCR, 0xff},
	};
	struct world *w = *state;

	for (size_t i = 0; i < NR_OF(cases); i++)
		for (unsigned int value = 0; value < 256; value++) {
			out(w, cases[i].reg, value);
			assert_int_equal(in(w, cases[i].reg), value & cases[i].bits);
			out(w, REG_LCR, 0);
			out(w, REG_MCR, 0);
			out(w, REG_IER, 0);
		}
}

/* 8.1, bit 7, and 8.3. */
static void the_divisor_latch_hides_data_and_interrupt_enable(void **state)
{
	struct world *w = *state;

	out(w, REG_IER, IER_LINE);
	out(w, REG_LCR, LCR_DLAB | 3);
	out(w, REG_DATA, 0x34);
	out(w, REG_IER, 0x12);
	assert_int_equal(in(w, REG_DATA), 0x34);
	assert_int_equal(in(w, REG_IER), 0x12);
	assert_int_equal(w->host.nr_out, 0);
	out(w, REG_LCR, 3);
	assert_int_equal(in(w, REG_IER), IER_LINE);
	assert_int_equal(in(w, REG_DATA), 0);
	out(w, REG_LCR, LCR_DLAB);
	assert_int_equal(in(w, REG_DATA), 0x34);
}

static void status_registers_cannot_be_written(void **state)
{
	struct world *w = *state;

	out(w, REG_LSR, 0x9f);
	out(w, REG_MSR, 0x0f);
	assert_int_equal(in(w, REG_LSR), LSR_THRE | LSR_TEMT);
	assert_int_equal(in(w, REG_MSR), MSR_CTS | MSR_DSR | MSR_DCD);
}

static void a_wide_access_is_bytes_at_consecutive_registers(void **state)
{
	struct world *w = *state;
	uint16_t value = 0x5a03; /* LCR, then MCR's existing bits */

	bus_write(&w->f.pio, PORT + REG_LCR, &value, sizeof(value), 1);
	assert_int_equal(in(w, REG_LCR), 0x03);
	assert_int_equal(in(w, REG_MCR), 0x1a);
	bus_read(&w->f.pio, PORT + REG_LCR, &value, sizeof(value), 1);
	assert_int_equal(value, 0x1a03);
}

/* --- transmitter --- */

static void a_byte_goes_to_the_console_at_once(void **state)
{
	struct world *w = *state;

	bus_write(&w->f.pio, PORT, "hello", 1, 5); /* rep outsb */
	assert_int_equal(w->host.nr_out, 5);
	assert_memory_equal(w->host.out, "hello", 5);
	assert_int_equal(in(w, REG_LSR), LSR_THRE | LSR_TEMT);
}

/* 8.4, bit 5: with the FIFOs on, THRE means that the transmitter's is empty. */
static void thre_stays_0_until_the_console_has_taken_all(void **state)
{
	struct world *w = *state;

	open_port(w);
	w->host.takes = 0;
	bus_write(&w->f.pio, PORT, "0123456789abcdef", 1, 16);
	assert_int_equal(in(w, REG_LSR), 0);
	drain(w, 15);
	assert_int_equal(in(w, REG_LSR), 0);
	drain(w, 1);
	assert_int_equal(in(w, REG_LSR), LSR_THRE | LSR_TEMT);
	assert_int_equal(w->host.nr_out, 16);
	assert_memory_equal(w->host.out, "0123456789abcdef", 16);
}

/* Whoever ignores THRE overruns the transmitter; the bytes that it has stay. */
static void writing_to_a_full_transmitter_drops_the_byte(void **state)
{
	static const struct {
		unsigned int fcr;
		size_t capacity;
	} cases[] = {{0, 1}, {FCR_ENABLE, 16}};
	struct world *w = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		out(w, REG_FCR, cases[i].fcr);
		w->host.takes = 0;
		w->host.nr_out = 0;
		for (unsigned int byte = 0; byte < 100; byte++)
			out(w, REG_DATA, byte);
		drain(w, SIZE_MAX);
		assert_int_equal(w->host.nr_out, cases[i].capacity);
		for (size_t j = 0; j < cases[i].capacity; j++)
			assert_int_equal(w->host.out[j], j);
		assert_int_equal(in(w, REG_LSR), LSR_THRE | LSR_TEMT);
	}
}

static void what_the_transmitter_has_accepted_is_not_taken_back(void **state)
{
	struct world *w = *state;

	open_port(w);
	w->host.takes = 0;
	bus_write(&w->f.pio, PORT, "bye", 1, 3);
	out(w, REG_FCR, FCR_ENABLE | FCR_CLEAR_RX | FCR_CLEAR_TX);
	out(w, REG_FCR, 0); /* Linux closes the port */
	drain(w, SIZE_MAX);
	assert_int_equal(w->host.nr_out, 3);
	assert_memory_equal(w->host.out, "bye", 3);
}

/* Linux gives up after 10,000 polls; each must take long enough for that never to happen in
 * practice. */
static void polling_a_blocked_transmitter_is_slowed_down(void **state)
{
	struct world *w = *state;
	struct timespec start, end;
	double ms;

	w->host.takes = 0;
	out(w, REG_DATA, 'x');
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 0; i < 50; i++)
		assert_int_equal(in(w, REG_LSR), 0);
	clock_gettime(CLOCK_MONOTONIC, &end);
	ms = (double)(end.tv_sec - start.tv_sec) * 1e3 +
	     (double)(end.tv_nsec - start.tv_nsec) / 1e6;
	assert_true(ms >= 30);
	drain(w, 1);
	assert_int_equal(in(w, REG_LSR), LSR_THRE | LSR_TEMT);
}

/* --- receiver --- */

static void received_bytes_are_read_in_order(void **state)
{
	struct world *w = *state;

	open_port(w);
	assert_int_equal(room(w), 16);
	receive(w, "abc");
	assert_int_equal(room(w), 13);
	for (const char *c = "abc"; *c != '\0'; c++) {
		assert_int_equal(in(w, REG_LSR), LSR_THRE | LSR_TEMT | LSR_DATA);
		assert_int_equal(in(w, REG_DATA), *c);
	}
	assert_int_equal(in(w, REG_LSR), LSR_THRE | LSR_TEMT);
}

/* 8.5: 16 bytes with the FIFOs on, one with them off. */
static void room_is_what_the_fifo_has_left(void **state)
{
	struct world *w = *state;

	out(w, REG_MCR, MCR_RTS);
	assert_int_equal(room(w), 1);
	receive(w, "x");
	assert_int_equal(room(w), 0);
	open_port(w);
	assert_int_equal(room(w), 16);
	receive(w, "0123456789abcdef");
	assert_int_equal(room(w), 0);
}

/* The console is asked for more once, when half of the FIFO is free, and only if it waits. */
static void input_is_resumed_when_the_guest_has_made_room(void **state)
{
	struct world *w = *state;

	open_port(w);
	receive(w, "0123456789abcdef");
	w->host.resumes = 0;
	for (int i = 0; i < 16; i++)
		in(w, REG_DATA);
	assert_int_equal(w->host.resumes, 0); /* nobody waits */

	receive(w, "0123456789abcdef");
	assert_int_equal(room(w), 0);
	for (int i = 0; i < 7; i++)
		in(w, REG_DATA);
	assert_int_equal(w->host.resumes, 0);
	for (int i = 0; i < 9; i++)
		in(w, REG_DATA);
	assert_int_equal(w->host.resumes, 1);
}

/* The flow control of RTS/CTS: nothing arrives while the guest is not ready for it. */
static void nothing_is_received_while_rts_is_off(void **state)
{
	struct world *w = *state;

	assert_int_equal(room(w), 0);
	out(w, REG_FCR, FCR_ENABLE);
	out(w, REG_IER, IER_RX);
	assert_int_equal(room(w), 0);
	assert_int_equal(w->host.resumes, 0);
	out(w, REG_MCR, MCR_RTS);
	assert_int_equal(w->host.resumes, 1);
	assert_int_equal(room(w), 16);
	out(w, REG_MCR, MCR_DTR | MCR_OUT2);
	assert_int_equal(room(w), 0);
}

/* A guest that knows nothing of modem lines polls for its input: it waits for a byte in a loop. */
static void a_guest_that_polls_for_input_gets_it_without_rts(void **state)
{
	struct world *w = *state;

	assert_int_equal(room(w), 0);
	for (int i = 0; i < 100; i++)
		in(w, REG_LSR);
	assert_int_equal(w->host.resumes, 1);
	assert_int_equal(room(w), 1);
	receive(w, "a");
	assert_int_equal(in(w, REG_LSR) & LSR_DATA, LSR_DATA);
	assert_int_equal(in(w, REG_DATA), 'a');
	out(w, REG_DATA, 'a'); /* an echo does not end it */
	assert_int_equal(room(w), 1);
	out(w, REG_MCR, 0); /* a driver that sets up the port does */
	assert_int_equal(room(w), 0);
}

/* A guest that polls for the transmitter, one look a byte, does not ask for input by that. */
static void polling_for_output_is_not_polling_for_input(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 1000; i++) {
		in(w, REG_LSR);
		out(w, REG_DATA, 'x');
	}
	assert_int_equal(room(w), 0);
}

/* 8.4, bit 1: a full FIFO keeps its bytes, and the error goes away when LSR is read. */
static void an_overrun_is_reported_once(void **state)
{
	struct world *w = *state;

	open_port(w);
	out(w, REG_IER, IER_LINE);
	out(w, REG_MCR, MCR_LOOP);
	for (unsigned int byte = 0; byte < 20; byte++)
		out(w, REG_DATA, byte);
	assert_int_equal(iir(w), IIR_LINE);
	assert_int_equal(in(w, REG_LSR), LSR_THRE | LSR_TEMT | LSR_DATA | LSR_OVERRUN);
	assert_int_equal(iir(w), IIR_NONE);
	assert_int_equal(in(w, REG_LSR), LSR_THRE | LSR_TEMT | LSR_DATA);
	for (unsigned int byte = 0; byte < 16; byte++)
		assert_int_equal(in(w, REG_DATA), byte);
	assert_int_equal(in(w, REG_LSR), LSR_THRE | LSR_TEMT);

	out(w, REG_FCR, 0); /* a 16450's holding register keeps the last one */
	out(w, REG_DATA, 1);
	out(w, REG_DATA, 2);
	assert_int_equal(in(w, REG_LSR) & LSR_OVERRUN, LSR_OVERRUN);
	assert_int_equal(in(w, REG_DATA), 2);
}

/* 8.5, bits 0 and 1. */
static void the_receiver_is_emptied_by_fcr(void **state)
{
	static const struct {
		unsigned int from, to;
		bool emptied;
	} cases[] = {
		{FCR_ENABLE, FCR_ENABLE, false},
		{FCR_ENABLE, FCR_ENABLE | 0xc0, false},
		{FCR_ENABLE, FCR_ENABLE | FCR_CLEAR_TX, false},
		{FCR_ENABLE, FCR_ENABLE | FCR_CLEAR_RX, true},
		{FCR_ENABLE, 0, true},
		{0, FCR_ENABLE, true},
		{0, FCR_CLEAR_RX, false}, /* not programmed while bit 0 is 0 */
		{0, 0, false},
	};
	struct world *w = *state;

	out(w, REG_MCR, MCR_RTS);
	for (size_t i = 0; i < NR_OF(cases); i++) {
		out(w, REG_FCR, cases[i].from);
		while (in(w, REG_LSR) & LSR_DATA)
			in(w, REG_DATA);
		receive(w, "x");
		out(w, REG_FCR, cases[i].to);
		assert_int_equal(in(w, REG_LSR) & LSR_DATA, cases[i].emptied ? 0 : LSR_DATA);
	}
}

/* --- interrupts --- */

/* Table IV: identification and priority; all four at once, taken away from the top. */
static void interrupts_are_told_by_priority(void **state)
{
	struct world *w = *state;

	open_port(w);
	in(w, REG_MSR);
	out(w, REG_MCR, MCR_LOOP); /* changes the modem's lines */
	for (unsigned int i = 0; i < 17; i++)
		out(w, REG_DATA, i); /* overruns the receiver */
	out(w, REG_IER, IER_RX | IER_THRE | IER_LINE | IER_MSR);

	assert_int_equal(iir(w), IIR_LINE);
	assert_int_equal(iir(w), IIR_LINE);
	in(w, REG_LSR);
	assert_int_equal(iir(w), IIR_RX);
	assert_int_equal(iir(w), IIR_RX);
	while (in(w, REG_LSR) & LSR_DATA)
		in(w, REG_DATA);
	assert_int_equal(iir(w), IIR_THRE); /* reading it is what clears it */
	assert_int_equal(iir(w), IIR_MSR);
	assert_int_equal(iir(w), IIR_MSR);
	in(w, REG_MSR);
	assert_int_equal(iir(w), IIR_NONE);
}

/* 8.7: a disabled interrupt is not told, but stays pending. */
static void disabled_interrupts_are_not_told(void **state)
{
	struct world *w = *state;

	open_port(w);
	receive(w, "x");
	assert_int_equal(iir(w), IIR_NONE);
	assert_int_equal(irqs_since(&w->f), 0);
	out(w, REG_IER, IER_RX);
	assert_int_equal(irqs_since(&w->f), 1);
	assert_int_equal(iir(w), IIR_TIMEOUT);
	out(w, REG_IER, 0);
	assert_int_equal(iir(w), IIR_NONE);
}

/* 8.11: at the trigger level data is available; below it the time-out says so. */
static void the_trigger_level_divides_data_from_time_out(void **state)
{
	static const struct {
		unsigned int fcr, level;
	} cases[] = {
		{FCR_ENABLE, 1},
		{FCR_ENABLE | 0x40, 4},
		{FCR_ENABLE | 0x80, 8},
		{FCR_ENABLE | 0xc0, 14},
	};
	struct world *w = *state;

	open_port(w);
	out(w, REG_IER, IER_RX);
	for (size_t i = 0; i < NR_OF(cases); i++) {
		out(w, REG_FCR, cases[i].fcr | FCR_CLEAR_RX);
		assert_int_equal(in(w, REG_FCR), IIR_FIFOS | IIR_NONE);
		for (unsigned int n = 1; n <= 16; n++) {
			receive(w, "x");
			assert_int_equal(in(w, REG_FCR),
					 IIR_FIFOS | (n >= cases[i].level ? IIR_RX : IIR_TIMEOUT));
		}
		for (unsigned int n = 15; n >= 1; n--) {
			in(w, REG_DATA);
			assert_int_equal(in(w, REG_FCR),
					 IIR_FIFOS | (n >= cases[i].level ? IIR_RX : IIR_TIMEOUT));
		}
	}
	out(w, REG_FCR, 0); /* 8.6, bit 3: a 16450 has no time-out */
	out(w, REG_MCR, MCR_RTS | MCR_OUT2);
	receive(w, "x");
	assert_int_equal(in(w, REG_FCR), IIR_RX);
}

static void the_transmitter_interrupts_when_it_becomes_empty(void **state)
{
	struct world *w = *state;

	open_port(w);
	out(w, REG_IER, IER_THRE); /* empty already: due at once, so that a driver can begin */
	assert_int_equal(irqs_since(&w->f), 1);
	assert_int_equal(iir(w), IIR_THRE);
	assert_int_equal(iir(w), IIR_NONE);

	w->host.takes = 0;
	bus_write(&w->f.pio, PORT, "0123", 1, 4);
	assert_int_equal(iir(w), IIR_NONE);
	assert_int_equal(irqs_since(&w->f), 0);
	drain(w, 3);
	assert_int_equal(irqs_since(&w->f), 0);
	drain(w, 1);
	assert_int_equal(irqs_since(&w->f), 1);
	assert_int_equal(iir(w), IIR_THRE);
}

/* 8.11: "The first transmitter interrupt after changing FCR0 will be immediate if it is enabled."
 */
static void switching_the_fifos_makes_the_transmitter_interrupt(void **state)
{
	static const unsigned int fcr[] = {FCR_ENABLE, 0};
	struct world *w = *state;

	out(w, REG_MCR, MCR_OUT2);
	out(w, REG_IER, IER_THRE);
	assert_int_equal(iir(w), IIR_THRE);
	for (size_t i = 0; i < NR_OF(fcr); i++) {
		irqs_since(&w->f);
		out(w, REG_FCR, fcr[i]);
		assert_int_equal(irqs_since(&w->f), 1);
		assert_int_equal(iir(w), IIR_THRE);
		out(w, REG_FCR, fcr[i]); /* no change */
		assert_int_equal(iir(w), IIR_NONE);
	}
}

/* Sixteen bytes in a row are one reason to interrupt, not sixteen. */
static void a_burst_that_passes_straight_through_interrupts_once(void **state)
{
	struct world *w = *state;

	open_port(w);
	out(w, REG_IER, IER_THRE);
	iir(w);
	irqs_since(&w->f);
	bus_write(&w->f.pio, PORT, "0123456789abcdef", 1, 16);
	assert_int_equal(irqs_since(&w->f), 1);
	assert_int_equal(iir(w), IIR_THRE);
}

/* Edge-triggered: an edge for each cause that appears, none for one that stays. */
static void each_new_cause_raises_the_line(void **state)
{
	struct world *w = *state;

	open_port(w);
	out(w, REG_IER, IER_RX | IER_THRE);
	assert_int_equal(iir(w), IIR_THRE);
	irqs_since(&w->f);
	receive(w, "a");
	assert_int_equal(irqs_since(&w->f), 1);
	receive(w, "b");
	assert_int_equal(irqs_since(&w->f), 0); /* the driver has not been there yet */
	in(w, REG_DATA);
	assert_int_equal(irqs_since(&w->f), 0);
	in(w, REG_DATA);
	receive(w, "c");
	assert_int_equal(irqs_since(&w->f), 1);
	out(w, REG_DATA, 'x'); /* another cause, while the first one is pending */
	assert_int_equal(irqs_since(&w->f), 1);
}

/* On a PC, OUT2 gates the interrupt; an edge that was held back comes when the gate opens. */
static void out2_gates_the_interrupt(void **state)
{
	struct world *w = *state;

	open_port(w);
	out(w, REG_MCR, MCR_RTS);
	out(w, REG_IER, IER_RX);
	receive(w, "x");
	assert_int_equal(irqs_since(&w->f), 0);
	assert_int_equal(iir(w), IIR_TIMEOUT);
	out(w, REG_MCR, MCR_RTS | MCR_OUT2);
	assert_int_equal(irqs_since(&w->f), 1);
	out(w, REG_MCR, MCR_RTS | MCR_OUT2 | MCR_LOOP); /* 8.8: the OUT pins are off in loopback */
	assert_int_equal(irqs_since(&w->f), 0);
	out(w, REG_MCR, MCR_RTS | MCR_OUT2);
	assert_int_equal(irqs_since(&w->f), 1);
}

/* A driver that masks while it works and unmasks afterwards misses no edge. */
static void unmasking_raises_what_is_pending(void **state)
{
	struct world *w = *state;

	open_port(w);
	out(w, REG_IER, IER_RX);
	receive(w, "x");
	irqs_since(&w->f);
	out(w, REG_IER, IER_RX); /* even if nothing has changed: the edge may have been lost */
	assert_int_equal(irqs_since(&w->f), 1);
	in(w, REG_DATA);
	out(w, REG_IER, IER_RX);
	assert_int_equal(irqs_since(&w->f), 0);
}

/* --- modem lines --- */

/* 8.8, bit 4: in loopback mode DTR, RTS, OUT1, OUT2 are DSR, CTS, RI, DCD. */
static void loopback_connects_the_modem_lines(void **state)
{
	struct world *w = *state;

	assert_int_equal(in(w, REG_MSR), MSR_CTS | MSR_DSR | MSR_DCD); /* somebody is there */
	for (unsigned int lines = 0; lines < 16; lines++) {
		unsigned int expected =
			(lines & MCR_DTR ? MSR_DSR : 0u) | (lines & MCR_RTS ? MSR_CTS : 0u) |
			(lines & MCR_OUT1 ? MSR_RI : 0u) | (lines & MCR_OUT2 ? MSR_DCD : 0u);

		out(w, REG_MCR, MCR_LOOP | lines);
		assert_int_equal(in(w, REG_MSR) & 0xf0, expected);
	}
}

/* 8.9, bits 0 to 3; RI reports its trailing edge only. */
static void changes_of_the_modem_lines_are_told_once(void **state)
{
	static const struct {
		unsigned int from, to, deltas;
	} cases[] = {
		{0, MCR_RTS, MSR_DELTA_CTS},
		{MCR_RTS, 0, MSR_DELTA_CTS},
		{0, MCR_DTR, MSR_DELTA_DSR},
		{MCR_DTR, 0, MSR_DELTA_DSR},
		{0, MCR_OUT1, 0},
		{MCR_OUT1, 0, MSR_FALL_RI},
		{0, MCR_OUT2, MSR_DELTA_DCD},
		{MCR_OUT2, 0, MSR_DELTA_DCD},
		{MCR_OUT2, MCR_OUT2, 0},
		{MCR_OUT1 | MCR_RTS, MCR_DTR, MSR_FALL_RI | MSR_DELTA_CTS | MSR_DELTA_DSR},
	};
	struct world *w = *state;

	out(w, REG_IER, IER_MSR);
	for (size_t i = 0; i < NR_OF(cases); i++) {
		out(w, REG_MCR, MCR_LOOP | cases[i].from);
		in(w, REG_MSR);
		out(w, REG_MCR, MCR_LOOP | cases[i].to);
		assert_int_equal(iir(w), cases[i].deltas != 0 ? IIR_MSR : IIR_NONE);
		assert_int_equal(in(w, REG_MSR) & 0x0f, cases[i].deltas);
		assert_int_equal(in(w, REG_MSR) & 0x0f, 0);
		assert_int_equal(iir(w), IIR_NONE);
	}
}

/* 8.8: transmitted data is received, and neither goes out to nor comes in from the line. */
static void loopback_disconnects_the_line(void **state)
{
	struct world *w = *state;

	open_port(w);
	out(w, REG_MCR, MCR_LOOP | MCR_RTS);
	assert_int_equal(room(w), 0);
	out(w, REG_DATA, 0x5a);
	assert_int_equal(w->host.nr_out, 0);
	assert_int_equal(in(w, REG_LSR), LSR_THRE | LSR_TEMT | LSR_DATA);
	assert_int_equal(in(w, REG_DATA), 0x5a);
	w->host.resumes = 0;
	out(w, REG_MCR, MCR_RTS);
	assert_int_equal(w->host.resumes, 1);
	assert_int_equal(room(w), 16);
}

/* --- as Linux sees it: drivers/tty/serial/8250/8250_port.c --- */

static void linux_finds_a_16550a(void **state)
{
	struct world *w = *state;
	unsigned int count = 0;

	/* autoconfig(): IER keeps four bits, and loopback connects RTS and OUT2 */
	out(w, REG_IER, 0);
	assert_int_equal(in(w, REG_IER) & 0x0f, 0);
	out(w, REG_IER, 0x0f);
	assert_int_equal(in(w, REG_IER) & 0x0f, 0x0f);
	out(w, REG_IER, 0);
	out(w, REG_MCR, MCR_LOOP | 0x0a);
	assert_int_equal(in(w, REG_MSR) & 0xf0, 0x90);
	out(w, REG_MCR, 0);
	/* both top bits of IIR: the FIFOs work */
	out(w, REG_LCR, 0xbf);
	out(w, REG_FCR, 0);
	out(w, REG_LCR, 0);
	out(w, REG_FCR, FCR_ENABLE);
	assert_int_equal(in(w, REG_FCR) >> 6, 3);
	/* autoconfig_16550a(): no EFR, no 64-byte FIFO, no UUE bit */
	out(w, REG_LCR, LCR_DLAB);
	out(w, 2, 0x21);
	assert_int_equal(in(w, REG_FCR) >> 5, 6);
	out(w, REG_LCR, 0);
	out(w, REG_FCR, 0x21);
	assert_int_equal(in(w, REG_FCR) >> 5, 6);
	out(w, REG_FCR, FCR_ENABLE);
	out(w, REG_IER, 0x40);
	assert_int_equal(in(w, REG_IER) & 0x40, 0);
	/* size_fifo(): counts what comes back in loopback mode */
	out(w, REG_FCR, FCR_ENABLE | FCR_CLEAR_RX | FCR_CLEAR_TX);
	out(w, REG_MCR, MCR_LOOP);
	for (unsigned int i = 0; i < 256; i++)
		out(w, REG_DATA, i);
	while (in(w, REG_LSR) & LSR_DATA && count < 256) {
		in(w, REG_DATA);
		count++;
	}
	assert_int_equal(count, 16);
	assert_int_equal(w->host.nr_out, 0);
}

/* serial8250_do_startup(): neither UART_BUG_THRE nor UART_BUG_TXEN. */
static void linux_finds_no_bugs(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 2; i++) {
		out(w, REG_IER, IER_THRE);
		assert_int_equal(iir(w), IIR_THRE);
		out(w, REG_IER, 0);
	}
	out(w, REG_MCR, MCR_OUT2);
	out(w, REG_IER, IER_THRE);
	assert_int_equal(in(w, REG_LSR) & LSR_TEMT, LSR_TEMT);
	assert_int_equal(iir(w), IIR_THRE);
}

static void a_line_that_is_not_connected_is_no_error(void **state)
{
	struct world *w = *state;
	struct device_env env = w->f.env;
	struct host second_host = {.takes = SIZE_MAX};
	struct chario_host chario = w->chario;
	struct device *second;

	/* The second port of a machine, without an interrupt controller. */
	env.irq = (struct irq){0};
	chario.ctx = &second_host;
	assert_int_equal(serial_create(&env, PORT + 7, &chario, &second), -EEXIST);
	assert_int_equal(serial_create(&env, 0x2f8, &chario, &second), 0);
	out8(&w->f, 0x2f8 + REG_MCR, MCR_OUT2);
	out8(&w->f, 0x2f8 + REG_IER, IER_THRE);
	out8(&w->f, 0x2f8, 'x');
	assert_int_equal(second_host.nr_out, 1);
	assert_int_equal(w->host.nr_out, 0);
	device_destroy(second);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, create, destroy)
	const struct CMUnitTest tests[] = {
		TEST(reset_state_is_the_data_sheets),
		TEST(registers_keep_the_bits_that_exist),
		TEST(the_divisor_latch_hides_data_and_interrupt_enable),
		TEST(status_registers_cannot_be_written),
		TEST(a_wide_access_is_bytes_at_consecutive_registers),
		TEST(a_byte_goes_to_the_console_at_once),
		TEST(thre_stays_0_until_the_console_has_taken_all),
		TEST(writing_to_a_full_transmitter_drops_the_byte),
		TEST(what_the_transmitter_has_accepted_is_not_taken_back),
		TEST(polling_a_blocked_transmitter_is_slowed_down),
		TEST(received_bytes_are_read_in_order),
		TEST(room_is_what_the_fifo_has_left),
		TEST(input_is_resumed_when_the_guest_has_made_room),
		TEST(nothing_is_received_while_rts_is_off),
		TEST(a_guest_that_polls_for_input_gets_it_without_rts),
		TEST(polling_for_output_is_not_polling_for_input),
		TEST(an_overrun_is_reported_once),
		TEST(the_receiver_is_emptied_by_fcr),
		TEST(interrupts_are_told_by_priority),
		TEST(disabled_interrupts_are_not_told),
		TEST(the_trigger_level_divides_data_from_time_out),
		TEST(the_transmitter_interrupts_when_it_becomes_empty),
		TEST(switching_the_fifos_makes_the_transmitter_interrupt),
		TEST(a_burst_that_passes_straight_through_interrupts_once),
		TEST(each_new_cause_raises_the_line),
		TEST(out2_gates_the_interrupt),
		TEST(unmasking_raises_what_is_pending),
		TEST(loopback_connects_the_modem_lines),
		TEST(changes_of_the_modem_lines_are_told_once),
		TEST(loopback_disconnects_the_line),
		TEST(linux_finds_a_16550a),
		TEST(linux_finds_no_bugs),
		TEST(a_line_that_is_not_connected_is_no_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
