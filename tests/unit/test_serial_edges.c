/* SPDX-License-Identifier: MIT */
/* The serial port's edges: what sets and clears the transmitter's interrupt, and how polls wait. */
#include "tests/unit/serial_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define POLLS_WHILE_BLOCKED 16
#define POLLS_FOR_INPUT	    64

/* The wait of a guest that polls a blocked transmitter, wrapped: it is counted and never waits. */
static unsigned int nr_waits;
static struct timespec waits_until, now;

int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
			   const struct timespec *until)
{
	(void)cond, (void)mutex;
	nr_waits++;
	waits_until = *until;
	return ETIMEDOUT;
}

int clock_gettime(clockid_t id, struct timespec *at)
{
	if (id != CLOCK_MONOTONIC || now.tv_sec == 0)
		return (int)syscall(SYS_clock_gettime, id, at);
	*at = now;
	return 0;
}

/* ---- the transmitter's interrupt: table IV ---- */

static void a_byte_that_waits_makes_it_no_longer_due(void **state)
{
	struct world *w = *state;

	open_port(w);
	w->host.takes = 0;
	out(w, REG_IER, IER_THRE); /* due: the transmitter is empty */
	out(w, REG_DATA, 'a');
	assert_int_equal(iir(w), IIR_NONE);
	drain(w, 1);
	assert_int_equal(iir(w), IIR_THRE);
	assert_int_equal(iir(w), IIR_NONE); /* told once */
}

static void it_is_not_due_while_something_waits(void **state)
{
	struct world *w = *state;

	open_port(w);
	w->host.takes = 0;
	out(w, REG_DATA, 'a');
	out(w, REG_IER, IER_THRE);
	assert_int_equal(iir(w), IIR_NONE);
	out(w, REG_IER, 0);
	out(w, REG_IER, IER_RX);
	out(w, REG_IER, IER_RX | IER_THRE);
	assert_int_equal(iir(w), IIR_NONE);
}

static void enabling_what_is_enabled_makes_nothing_due(void **state)
{
	struct world *w = *state;

	open_port(w);
	out(w, REG_IER, IER_THRE);
	assert_int_equal(iir(w), IIR_THRE);
	out(w, REG_IER, IER_THRE | IER_RX);
	assert_int_equal(iir(w), IIR_NONE);
}

static void a_console_that_is_ready_makes_nothing_due(void **state)
{
	struct world *w = *state;

	open_port(w);
	out(w, REG_IER, IER_THRE);
	assert_int_equal(iir(w), IIR_THRE);
	drain(w, 1); /* of nothing */
	assert_int_equal(iir(w), IIR_NONE);
}

/* 8.8: in loopback mode the byte is received and the transmitter is empty again. */
static void a_looped_byte_makes_it_due(void **state)
{
	struct world *w = *state;

	open_port(w);
	out(w, REG_MCR, MCR_LOOP);
	out(w, REG_IER, IER_THRE);
	assert_int_equal(iir(w), IIR_THRE);
	out(w, REG_DATA, 'a');
	assert_int_equal(iir(w), IIR_THRE);
	assert_int_equal(in(w, REG_DATA), 'a');
}

/* What waits for the console from before still fills the transmitter. */
static void a_looped_byte_does_not_empty_the_transmitter(void **state)
{
	struct world *w = *state;

	open_port(w);
	w->host.takes = 0;
	out(w, REG_DATA, 'a');
	out(w, REG_MCR, MCR_LOOP);
	out(w, REG_IER, IER_THRE);
	out(w, REG_DATA, 'b');
	assert_int_equal(iir(w), IIR_NONE);
}

static void the_modem_interrupt_tells_of_the_fifos_too(void **state)
{
	struct world *w = *state;

	open_port(w);
	out(w, REG_IER, IER_MSR);
	out(w, REG_MCR, MCR_LOOP); /* the lines fall */
	assert_int_equal(in(w, REG_FCR), IIR_FIFOS | IIR_MSR);
	in(w, REG_MSR);
	assert_int_equal(in(w, REG_FCR), IIR_FIFOS | IIR_NONE);
}

/* ---- the receiver ---- */

static void reading_nothing_takes_nothing(void **state)
{
	struct world *w = *state;

	open_port(w);
	in(w, REG_DATA);
	assert_int_equal(in(w, REG_LSR) & LSR_DATA, 0);
	receive(w, "x");
	assert_int_equal(in(w, REG_DATA), 'x');
	in(w, REG_DATA);
	assert_int_equal(in(w, REG_LSR) & LSR_DATA, 0);
	assert_int_equal(room(w), FIFO_BYTES);
}

static void more_is_asked_for_once_half_is_free(void **state)
{
	struct world *w = *state;

	open_port(w);
	receive(w, "0123456789abcdef");
	assert_int_equal(room(w), 0);
	for (unsigned int left = FIFO_BYTES - 1; left > FIFO_BYTES / 2; left--) {
		in(w, REG_DATA);
		assert_int_equal(w->host.resumes, 0);
	}
	in(w, REG_DATA);
	assert_int_equal(w->host.resumes, 1);
	read_all(w);
	assert_int_equal(w->host.resumes, 1); /* once for each time that there was no room */
}

static void clearing_the_receiver_clears_its_errors(void **state)
{
	struct world *w = *state;

	open_port(w);
	out(w, REG_IER, IER_LINE);
	receive(w, "0123456789abcdefg");
	assert_int_equal(iir(w), IIR_LINE);
	out(w, REG_FCR, FCR_ENABLE | FCR_CLEAR_RX);
	assert_int_equal(iir(w), IIR_NONE);
	assert_int_equal(in(w, REG_LSR), LSR_THRE | LSR_TEMT);
}

/* ---- polls ---- */

static void a_poll_of_a_blocked_transmitter_waits_from_the_16th_on(void **state)
{
	struct world *w = *state;

	open_port(w);
	w->host.takes = 0;
	out(w, REG_DATA, 'a');
	nr_waits = 0;
	for (int i = 1; i < POLLS_WHILE_BLOCKED; i++)
		in(w, REG_LSR);
	assert_int_equal(nr_waits, 0);
	in(w, REG_LSR);
	assert_int_equal(nr_waits, 1);
	in(w, REG_IER); /* something else: it does not only poll */
	for (int i = 1; i < POLLS_WHILE_BLOCKED; i++)
		in(w, REG_LSR);
	assert_int_equal(nr_waits, 1);
	in(w, REG_LSR);
	assert_int_equal(nr_waits, 2);
}

static void the_wait_is_for_a_millisecond_in_valid_figures(void **state)
{
	static const struct timespec cases[][2] = {
		{{5, 0}, {5, 1000000}},	       {{5, 998999999}, {5, 999999999}},
		{{5, 999000000}, {6, 0}},      {{5, 999000001}, {6, 1}},
		{{5, 999999999}, {6, 999999}},
	};
	struct world *w = *state;

	open_port(w);
	w->host.takes = 0;
	out(w, REG_DATA, 'a');
	for (int i = 0; i < POLLS_WHILE_BLOCKED; i++)
		in(w, REG_LSR);
	for (size_t i = 0; i < NR_OF(cases); i++) {
		now = cases[i][0];
		in(w, REG_LSR);
		assert_int_equal(waits_until.tv_sec, cases[i][1].tv_sec);
		assert_int_equal(waits_until.tv_nsec, cases[i][1].tv_nsec);
	}
	now.tv_sec = 0;
}

/* A guest without an interrupt handler, such as a boot loader, gets its input all the same. */
static void a_guest_that_only_polls_is_listening_from_the_64th_on(void **state)
{
	struct world *w = *state;

	for (int round = 0; round < 2; round++) {
		for (int i = 1; i < POLLS_FOR_INPUT; i++)
			in(w, REG_LSR);
		assert_int_equal(room(w), 0);
		in(w, REG_MCR);
	}
	for (int i = 0; i < POLLS_FOR_INPUT; i++)
		in(w, REG_LSR);
	assert_int_equal(room(w), 1);
}

/* ---- registers ---- */

static void a_register_is_written_alone(void **state)
{
	struct world *w = *state;

	out(w, REG_SCR, 0x11);
	out(w, REG_MCR, MCR_DTR);
	out(w, REG_LCR, 0x03);
	out(w, REG_FCR, FCR_ENABLE);
	assert_int_equal(in(w, REG_LCR), 0x03);
	assert_int_equal(in(w, REG_MCR), MCR_DTR);
	assert_int_equal(in(w, REG_SCR), 0x11);
	out(w, REG_LCR, 0x1b);
	assert_int_equal(in(w, REG_MCR), MCR_DTR);
	out(w, REG_MCR, MCR_RTS);
	assert_int_equal(in(w, REG_SCR), 0x11);
	assert_int_equal(in(w, REG_LCR), 0x1b);
	assert_int_equal(in(w, REG_FCR), IIR_FIFOS | IIR_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		serial_test(a_byte_that_waits_makes_it_no_longer_due),
		serial_test(it_is_not_due_while_something_waits),
		serial_test(enabling_what_is_enabled_makes_nothing_due),
		serial_test(a_console_that_is_ready_makes_nothing_due),
		serial_test(a_looped_byte_makes_it_due),
		serial_test(a_looped_byte_does_not_empty_the_transmitter),
		serial_test(the_modem_interrupt_tells_of_the_fifos_too),
		serial_test(reading_nothing_takes_nothing),
		serial_test(more_is_asked_for_once_half_is_free),
		serial_test(clearing_the_receiver_clears_its_errors),
		serial_test(a_poll_of_a_blocked_transmitter_waits_from_the_16th_on),
		serial_test(the_wait_is_for_a_millisecond_in_valid_figures),
		serial_test(a_guest_that_only_polls_is_listening_from_the_64th_on),
		serial_test(a_register_is_written_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
