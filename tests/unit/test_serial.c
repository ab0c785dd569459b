/* SPDX-License-Identifier: MIT */
/*
 * The 16550A's registers, transmitter and receiver, after the PC16550D data sheet and under
 * back-pressure from the console.
 */
#include <time.h>

#include "tests/unit/serial_fixture.h"

/* ---- registers ---- */

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

/* ---- transmitter ---- */

static void a_byte_goes_to_the_console_at_once(void **state)
{
	struct world *w = *state;

	guest_sends(w, "hello");
	expect_sent(w, "hello");
	assert_int_equal(in(w, REG_LSR), LSR_THRE | LSR_TEMT);
}

/* 8.4, bit 5: with the FIFOs on, THRE means that the transmitter's is empty. */
static void thre_stays_0_until_the_console_has_taken_all(void **state)
{
	struct world *w = *state;

	open_port(w);
	w->host.takes = 0;
	guest_sends(w, "0123456789abcdef");
	assert_int_equal(in(w, REG_LSR), 0);
	drain(w, 15);
	assert_int_equal(in(w, REG_LSR), 0);
	drain(w, 1);
	assert_int_equal(in(w, REG_LSR), LSR_THRE | LSR_TEMT);
	expect_sent(w, "0123456789abcdef");
}

/* A guest that ignores THRE overruns the transmitter; the bytes that it has stay. */
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
	guest_sends(w, "bye");
	out(w, REG_FCR, FCR_ENABLE | FCR_CLEAR_RX | FCR_CLEAR_TX);
	out(w, REG_FCR, 0); /* Linux closes the port */
	drain(w, SIZE_MAX);
	expect_sent(w, "bye");
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

/* ---- receiver ---- */

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
	assert_int_equal(w->host.resumes, 0); /* no host waits */

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
		read_all(w);
		receive(w, "x");
		out(w, REG_FCR, cases[i].to);
		assert_int_equal(in(w, REG_LSR) & LSR_DATA, cases[i].emptied ? 0 : LSR_DATA);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		serial_test(reset_state_is_the_data_sheets),
		serial_test(registers_keep_the_bits_that_exist),
		serial_test(the_divisor_latch_hides_data_and_interrupt_enable),
		serial_test(status_registers_cannot_be_written),
		serial_test(a_wide_access_is_bytes_at_consecutive_registers),
		serial_test(a_byte_goes_to_the_console_at_once),
		serial_test(thre_stays_0_until_the_console_has_taken_all),
		serial_test(writing_to_a_full_transmitter_drops_the_byte),
		serial_test(what_the_transmitter_has_accepted_is_not_taken_back),
		serial_test(polling_a_blocked_transmitter_is_slowed_down),
		serial_test(received_bytes_are_read_in_order),
		serial_test(room_is_what_the_fifo_has_left),
		serial_test(input_is_resumed_when_the_guest_has_made_room),
		serial_test(nothing_is_received_while_rts_is_off),
		serial_test(a_guest_that_polls_for_input_gets_it_without_rts),
		serial_test(polling_for_output_is_not_polling_for_input),
		serial_test(an_overrun_is_reported_once),
		serial_test(the_receiver_is_emptied_by_fcr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
