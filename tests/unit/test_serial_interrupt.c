/* SPDX-License-Identifier: MIT */
/*
 * The 16550A's interrupts and modem lines, after the PC16550D data sheet and as Linux's 8250 driver
 * probes and drives them.
 */
#include <errno.h>

#include "tests/unit/serial_fixture.h"

/* ---- interrupts ---- */

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
	read_all(w);
	assert_int_equal(iir(w), IIR_THRE); /* reading it is what clears it */
	assert_int_equal(iir(w), IIR_MSR);
	assert_int_equal(iir(w), IIR_MSR);
	in(w, REG_MSR);
	assert_int_equal(iir(w), IIR_NONE);
}

/* 8.7: a disabled interrupt is not reported, but stays pending. */
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
	guest_sends(w, "0123");
	assert_int_equal(iir(w), IIR_NONE);
	assert_int_equal(irqs_since(&w->f), 0);
	drain(w, 3);
	assert_int_equal(irqs_since(&w->f), 0);
	drain(w, 1);
	assert_int_equal(irqs_since(&w->f), 1);
	assert_int_equal(iir(w), IIR_THRE);
}

/*
 * 8.11: "The first transmitter interrupt after changing FCR0 will be immediate if it is enabled."
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

/* Table IV: writing a byte clears the interrupt too. The guest need not read IIR. */
static void a_driver_that_goes_by_lsr_gets_an_interrupt_for_each_byte(void **state)
{
	struct world *w = *state;

	open_port(w);
	out(w, REG_IER, IER_THRE);
	for (unsigned int i = 0; i < 5; i++) {
		assert_int_equal(irqs_since(&w->f), 1);
		assert_int_equal(in(w, REG_LSR), LSR_THRE | LSR_TEMT);
		assert_int_equal(irqs_since(&w->f), 0);
		out(w, REG_DATA, 'a' + i);
	}
	expect_sent(w, "abcde");
}

/* 8.11: it takes a trigger level's bytes at IIR_RX, and one at each time-out. */
static void a_driver_that_goes_by_iir_gets_all_that_was_received(void **state)
{
	struct world *w = *state;
	unsigned int taken = 0;

	open_port(w); /* trigger level 8 */
	out(w, REG_IER, IER_RX);
	receive(w, "0123456789a");
	for (; irqs_since(&w->f) > 0; taken++) {
		if (iir(w) == IIR_RX)
			for (; taken < 7; taken++)
				assert_int_equal(in(w, REG_DATA), "0123456"[taken]);
		assert_int_equal(in(w, REG_DATA), "0123456789a"[taken]);
	}
	assert_int_equal(taken, 11);
	assert_int_equal(iir(w), IIR_NONE);
}

static void a_driver_that_goes_by_lsr_is_interrupted_once_for_what_it_takes(void **state)
{
	struct world *w = *state;

	open_port(w);
	out(w, REG_IER, IER_RX);
	receive(w, "0123456789a");
	assert_int_equal(irqs_since(&w->f), 1);
	assert_int_equal(iir(w), IIR_RX);
	assert_int_equal(read_all(w), 11);
	assert_int_equal(irqs_since(&w->f), 0);
}

/* Sixteen bytes in a row are one reason to interrupt, not sixteen. */
static void a_burst_that_passes_straight_through_interrupts_once(void **state)
{
	struct world *w = *state;

	open_port(w);
	out(w, REG_IER, IER_THRE);
	iir(w);
	irqs_since(&w->f);
	guest_sends(w, "0123456789abcdef");
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
	in(w, REG_LSR);
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

/* ---- modem lines ---- */

/* 8.8, bit 4: in loopback mode DTR, RTS, OUT1, OUT2 are DSR, CTS, RI, DCD. */
static void loopback_connects_the_modem_lines(void **state)
{
	struct world *w = *state;

	assert_int_equal(in(w, REG_MSR), MSR_CTS | MSR_DSR | MSR_DCD); /* a far side is there */
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

/* ---- as Linux sees it: drivers/tty/serial/8250/8250_port.c ---- */

static void linux_finds_a_16550a(void **state)
{
	struct world *w = *state;

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
	assert_int_equal(read_all(w), 16);
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
	env.console = &chario;
	assert_int_equal(serial_create(&env, PORT + 7, &second), -EEXIST);
	assert_int_equal(serial_create(&env, 0x2f8, &second), 0);
	out8(&w->f, 0x2f8 + REG_MCR, MCR_OUT2);
	out8(&w->f, 0x2f8 + REG_IER, IER_THRE);
	out8(&w->f, 0x2f8, 'x');
	assert_int_equal(second_host.nr_out, 1);
	assert_int_equal(w->host.nr_out, 0);
	device_destroy(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		serial_test(interrupts_are_told_by_priority),
		serial_test(disabled_interrupts_are_not_told),
		serial_test(the_trigger_level_divides_data_from_time_out),
		serial_test(the_transmitter_interrupts_when_it_becomes_empty),
		serial_test(switching_the_fifos_makes_the_transmitter_interrupt),
		serial_test(a_driver_that_goes_by_lsr_gets_an_interrupt_for_each_byte),
		serial_test(a_driver_that_goes_by_iir_gets_all_that_was_received),
		serial_test(a_driver_that_goes_by_lsr_is_interrupted_once_for_what_it_takes),
		serial_test(a_burst_that_passes_straight_through_interrupts_once),
		serial_test(each_new_cause_raises_the_line),
		serial_test(out2_gates_the_interrupt),
		serial_test(unmasking_raises_what_is_pending),
		serial_test(loopback_connects_the_modem_lines),
		serial_test(changes_of_the_modem_lines_are_told_once),
		serial_test(loopback_disconnects_the_line),
		serial_test(linux_finds_a_16550a),
		serial_test(linux_finds_no_bugs),
		serial_test(a_line_that_is_not_connected_is_no_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
