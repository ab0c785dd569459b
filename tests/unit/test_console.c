/* SPDX-License-Identifier: MIT */
/*
 * The console's far sides that have no terminal: pipes, files, sockets, none. What is read and
 * written, and what the end of either means.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/console_far_side.h"

/* ---- pipes, files, sockets ---- */

static void pipes_carry_bytes_both_ways(void **state)
{
	struct world *w = *state;

	start_on_pipes(w, 100);
	guest_writes(w, "hello");
	expect_output(w, "hello");
	type(w, "hi there");
	expect_input(w, "hi there");
}

/* Nothing that is not typed at a terminal is an escape. */
static void binary_data_passes_through_pipes(void **state)
{
	struct world *w = *state;

	start_on_pipes(w, 100);
	type(w, "\x01x\x01\x01\x03\x04\x1a\xff\r\n");
	expect_input(w, "\x01x\x01\x01\x03\x04\x1a\xff\r\n");
	assert_int_equal(w->ends, 0);
}

static void no_more_is_read_than_the_port_has_room_for(void **state)
{
	struct world *w = *state;
	char rest[16];

	start_on_pipes(w, 3);
	type(w, "abcdefgh");
	expect_input(w, "abc");
	assert_rests(w);
	expect_input(w, "abc");
	port_make_room(w, 2);
	expect_input(w, "abcde");
	/* What the guest did not want is there for the next reader. */
	assert_int_equal(read(STDIN_FILENO, rest, sizeof(rest)), 3);
	assert_memory_equal(rest, "fgh", 3);
}

static void the_end_of_input_does_not_end_the_guest(void **state)
{
	struct world *w = *state;

	start_on_pipes(w, 100);
	type(w, "last");
	close(w->far_in);
	w->far_in = -1;
	expect_input(w, "last");
	assert_rests(w);
	guest_writes(w, "still here");
	expect_output(w, "still here");
	assert_int_equal(w->ends, 0);
}

static void input_may_be_a_regular_file(void **state)
{
	struct world *w = *state;
	FILE *file = tmpfile();

	fputs("from a file", file);
	rewind(file);
	redirect(w, 0, fileno(file));
	fclose(file);
	use_pipe_out(w);
	run_console(w, 5);
	expect_input(w, "from ");
	assert_rests(w);
	port_make_room(w, 100);
	expect_input(w, "from a file");
	assert_rests(w);
	assert_int_equal(w->ends, 0);
}

static void input_may_be_nothing(void **state)
{
	struct world *w = *state;
	int null = open("/dev/null", O_RDONLY);

	redirect(w, 0, null);
	close(null);
	use_pipe_out(w);
	run_console(w, 100);
	assert_rests(w);
	guest_writes(w, "ok");
	expect_output(w, "ok");
	assert_int_equal(w->ends, 0);
}

static void output_may_be_a_regular_file(void **state)
{
	struct world *w = *state;
	FILE *file = tmpfile();

	use_pipe_in(w);
	redirect(w, 1, fileno(file));
	fputs("before ", file);
	fflush(file);
	run_console(w, 100);
	guest_writes(w, "after");
	w->far_out = dup(fileno(file));
	fclose(file);
	lseek(w->far_out, 0, SEEK_SET);
	expect_output(w,
		      "before after"); /* the position is shared with the process that opened it */
}

static void sockets_carry_bytes_both_ways(void **state)
{
	struct world *w = *state;

	use_socket(w);
	run_console(w, 100);
	guest_writes(w, "hello");
	expect_output(w, "hello");
	type(w, "hi");
	expect_input(w, "hi");
}

/* A process that shares a descriptor with tinyvmm must not find it changed. */
static void inherited_descriptors_stay_blocking(void **state)
{
	struct world *w = *state;

	start_on_pipes(w, 100);
	guest_writes(w, "x");
	type(w, "x");
	expect_input(w, "x");
	assert_int_equal(fcntl(0, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fcntl(1, F_GETFL) & O_NONBLOCK, 0);
	stop(w);
	assert_int_equal(fcntl(0, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fcntl(1, F_GETFL) & O_NONBLOCK, 0);
}

/* ---- the kinds that are not stdio ---- */

static void none_swallows_output_and_has_no_input(void **state)
{
	struct world *w = *state;

	use_pipes(w);
	w->options.kind = CONSOLE_NONE;
	run_console(w, 100);
	guest_writes(w, "x");
	type(w, "x");
	assert_rests(w);
	assert_int_equal(received(w), 0);
	guest_writes(w, "y");
	assert_int_equal(poll(&(struct pollfd){.fd = w->far_out, .events = POLLIN}, 1, 0), 0);
}

static void file_gets_the_output_and_nothing_else(void **state)
{
	struct world *w = *state;
	char path[] = "/tmp/test_console.XXXXXX";
	int fd = mkstemp(path);

	use_pipe_in(w);
	w->options.kind = CONSOLE_FILE;
	w->options.path = path;
	w->file = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	run_console(w, 100);
	guest_writes(w, "hello");
	w->far_out = fd;
	lseek(fd, 0, SEEK_SET);
	expect_output(w, "hello");
	assert_int_equal(read(fd, path, 1), 0); /* no more than that */
	type(w, "x");
	assert_rests(w);
	assert_int_equal(received(w), 0);
	assert_int_equal(close(w->file), 0); /* it was borrowed */
	unlink(w->options.path);
}

static void a_full_disk_ends_the_guest_and_says_so(void **state)
{
	struct world *w = *state;
	char text[256];

	w->options.kind = CONSOLE_FILE;
	w->options.path = "/dev/full";
	w->file = open(w->options.path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	run_console(w, 100);
	guest_writes(w, "x");
	assert_int_equal(w->ends, 1);
	assert_int_equal(w->end_value, ENOSPC);
	assert_true(said(w, text, sizeof(text)) > 0);
	assert_string_equal(text, "tinyvmm: --console: cannot write to /dev/full: No space left on "
				  "device\n");
}

static void nothing_to_close_is_fine(void **state)
{
	(void)state;
	console_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		console_test(pipes_carry_bytes_both_ways),
		console_test(binary_data_passes_through_pipes),
		console_test(no_more_is_read_than_the_port_has_room_for),
		console_test(the_end_of_input_does_not_end_the_guest),
		console_test(input_may_be_a_regular_file),
		console_test(input_may_be_nothing),
		console_test(output_may_be_a_regular_file),
		console_test(sockets_carry_bytes_both_ways),
		console_test(inherited_descriptors_stay_blocking),
		console_test(none_swallows_output_and_has_no_input),
		console_test(file_gets_the_output_and_nothing_else),
		console_test(a_full_disk_ends_the_guest_and_says_so),
		console_test(nothing_to_close_is_fine),
	};

	return cmocka_run_group_tests(tests, prepare_process, NULL);
}
