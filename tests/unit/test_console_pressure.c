/* SPDX-License-Identifier: MIT */
/* The console under back-pressure of its output, and when the far side of that goes away. */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "tests/unit/console_far_side.h"

static void a_full_pipe_takes_nothing_and_tells_when_it_does(void **state)
{
	struct world *w = *state;
	size_t len;

	start_on_pipes(w, 0);
	for (int round = 0; round < 3; round++) {
		unsigned int before = w->port.writables;

		len = fill_output(w);
		assert_rests(w);
		assert_int_equal(w->port.writables, before);
		drain_output(w, len);
		wait_until(w->port.writables > before);
		assert_rests(w);
	}
}

static void a_full_socket_takes_nothing_and_tells_when_it_does(void **state)
{
	struct world *w = *state;
	size_t len;

	use_pipe_in(w);
	w->far_out = redirect_to_socket(w, 1);
	run_console(w, 0);
	len = fill_output(w);
	assert_int_equal(w->port.writables, 0);
	drain_output(w, len);
	wait_until(w->port.writables > 0);
}

static void a_closed_output_ends_the_guest_once(void **state)
{
	struct world *w = *state;
	char text[256];

	start_on_pipes(w, 100);
	leave_output(w);
	assert_int_equal(w->ends, 0);
	guest_writes(w, "x"); /* all of it is taken: nothing must wait for a console that is gone */
	assert_int_equal(w->ends, 1);
	assert_int_equal(w->end_value, EPIPE);
	guest_writes(w, "y");
	assert_int_equal(w->ends, 1);
	assert_int_equal(said(w, text, sizeof(text)), 0); /* "tinyvmm | head -1": no complaints */
}

static void an_output_that_closes_while_full_ends_the_guest(void **state)
{
	struct world *w = *state;

	start_on_pipes(w, 100);
	fill_output(w);
	leave_output(w);
	wait_until(w->port.writables > 0); /* the port comes back with what it still has ... */
	guest_writes(w, "x");
	assert_int_equal(w->ends, 1);
}

static void *read_late(void *arg)
{
	struct world *w = arg;

	usleep(50000);
	drain_output(w, 4096);
	return NULL;
}

/* A port that has one line left, and writes it when it can. */
static void write_last_line(void *ctx)
{
	struct world *w = ctx;

	if (atomic_fetch_add(&w->port.writables, 1) == 0)
		guest_writes(w, "Power down");
}

static void the_last_bytes_are_waited_for(void **state)
{
	struct world *w = *state;
	pthread_t reader;
	size_t len;

	use_pipes(w);
	open_console(w);
	w->host->attach(w->host->ctx, &(struct chario_port){.writable = write_last_line, .ctx = w});
	start(w);
	len = fill_output(w);
	evloop_stop(w->loop);
	assert_int_equal(pthread_create(&reader, NULL, read_late, w), 0);
	stop(w);
	pthread_join(reader, NULL);
	drain_output(w, len - 4096);
	expect_output(w, "Power down");
}

static void a_reader_that_never_reads_is_not_waited_for_forever(void **state)
{
	struct world *w = *state;
	char text[256];

	start_on_pipes(w, 0);
	fill_output(w);
	atomic_store(&polls.skipped_ms, 0);
	atomic_store(&polls.skip, true);
	stop(w);
	assert_in_range(polls.skipped_ms, 1000, 30000);
	assert_true(said(w, text, sizeof(text)) > 0);
	assert_string_equal(text, "tinyvmm: --console: standard output takes no more; the last "
				  "bytes of output are lost\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		console_test(a_full_pipe_takes_nothing_and_tells_when_it_does),
		console_test(a_full_socket_takes_nothing_and_tells_when_it_does),
		console_test(a_closed_output_ends_the_guest_once),
		console_test(an_output_that_closes_while_full_ends_the_guest),
		console_test(the_last_bytes_are_waited_for),
		console_test(a_reader_that_never_reads_is_not_waited_for_forever),
	};

	return cmocka_run_group_tests(tests, prepare_process, NULL);
}
