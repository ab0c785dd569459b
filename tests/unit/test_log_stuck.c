/* SPDX-License-Identifier: MIT */
/*
 * The log when its reader does not read, a full pipe or a terminal after Ctrl-S: nothing waits for
 * it, and a line says how much is lost.
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/core/log.h"

#define PATIENCE_S 30 /* until a write that waits ends the test instead of hanging it */

/* A full pipe whose writing end is blocking, as stderr is, and shared, so that it has to stay so.
 */
struct stuck {
	int reader, writer;
	struct log_output output;
	struct log log;
	char text[2 * LOG_HELD_BYTES + 65536];
};

static int open_stuck(void **state)
{
	struct stuck *stuck = calloc(1, sizeof(*stuck));
	char full[4096] = {0};
	int fds[2];

	assert_non_null(stuck);
	assert_int_equal(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
	while (write(fds[1], full, sizeof(full)) > 0)
		continue;
	assert_int_equal(fcntl(fds[1], F_SETFL, 0), 0);
	stuck->reader = fds[0];
	stuck->writer = fds[1];
	log_output_open(&stuck->output, stuck->writer);
	stuck->log = (struct log){.level = LOG_WARN, .output = &stuck->output};
	alarm(PATIENCE_S);
	*state = stuck;
	return 0;
}

static int close_stuck(void **state)
{
	struct stuck *stuck = *state;

	alarm(0);
	close(stuck->reader);
	close(stuck->writer);
	free(stuck);
	return 0;
}

/* What the reader finds, without the zeroes that filled the pipe. */
static const char *read_all(struct stuck *stuck)
{
	size_t len = 0;
	char bytes[4096];
	ssize_t n;

	while ((n = read(stuck->reader, bytes, sizeof(bytes))) > 0)
		for (ssize_t i = 0; i < n; i++)
			if (bytes[i] != '\0' && len < sizeof(stuck->text) - 1)
				stuck->text[len++] = bytes[i];
	stuck->text[len] = '\0';
	return stuck->text;
}

static void what_a_stuck_reader_does_not_take_comes_when_it_reads(void **state)
{
	struct stuck *stuck = *state;

	log_warn(&stuck->log, "one");
	log_report(&stuck->log, LOG_ERROR, "two\nthree\n");
	log_text(&stuck->log, "four\n");
	assert_string_equal(read_all(stuck), "");
	log_warn(&stuck->log, "five");
	assert_string_equal(read_all(stuck),
			    "tinyvmm: one\ntinyvmm: two\nthree\nfour\ntinyvmm: five\n");
	assert_int_equal(fcntl(stuck->writer, F_GETFL) & O_NONBLOCK, 0);
	log_output_close(&stuck->output);
}

static void lines_beyond_what_is_held_are_counted_and_told(void **state)
{
	static const char line[] = "tinyvmm: a line\n";
	const size_t held = LOG_HELD_BYTES / strlen(line);
	struct stuck *stuck = *state;
	const char *text;
	char told[128];

	for (size_t i = 0; i < held + 7; i++)
		log_warn(&stuck->log, "a line");
	read_all(stuck);
	log_warn(&stuck->log, "the next");
	text = read_all(stuck);
	for (size_t i = 0; i < held; i++, text += strlen(line))
		assert_memory_equal(text, line, strlen(line));
	snprintf(told, sizeof(told),
		 "tinyvmm: 7 lines are missing here: the log was not read fast enough\n"
		 "tinyvmm: the next\n");
	assert_string_equal(text, told);
	log_warn(&stuck->log, "told once");
	assert_string_equal(read_all(stuck), "tinyvmm: told once\n");
	log_output_close(&stuck->output);
}

static void a_line_is_held_whole_or_not_at_all(void **state)
{
	struct stuck *stuck = *state;
	char report[LOG_HELD_BYTES + 5000];
	const char *text;

	for (size_t i = 0; i < sizeof(report); i++)
		report[i] = i % 100 == 99 ? '\n' : 'r';
	report[sizeof(report) - 1] = '\0';
	log_text(&stuck->log, report);
	read_all(stuck);
	log_warn(&stuck->log, "the next");
	text = read_all(stuck);
	for (; text[0] == 'r'; text += 100)
		assert_int_equal(text[99], '\n');
	assert_non_null(strstr(text, " lines are missing here"));
	log_output_close(&stuck->output);
}

static void the_end_tells_what_was_lost(void **state)
{
	struct stuck *stuck = *state;
	const char *text;

	for (int i = 0; i < 3000; i++)
		log_warn(&stuck->log, "a line");
	read_all(stuck);
	log_output_close(&stuck->output);
	text = read_all(stuck);
	assert_non_null(strstr(text, " lines are missing here: "));
	assert_string_equal(text + strlen(text) - strlen("fast enough\n"), "fast enough\n");
}

/* It gives up in the end, and a signal ends the wait for a report at once. */
static void no_end_waits_for_a_reader_for_ever(void **state)
{
	struct stuck *stuck = *state;
	int signal_fd = eventfd(1, EFD_CLOEXEC);

	log_warn(&stuck->log, "a line");
	log_text_whole(&stuck->log, "a report\n", signal_fd);
	assert_string_equal(read_all(stuck), "");
	close(signal_fd);
	log_output_close(&stuck->output);
}

static void *read_slowly(void *arg)
{
	struct stuck *stuck = arg;
	char byte[4096];
	size_t len = 0;

	while (len < 2 * 65536) {
		ssize_t n = read(stuck->reader, byte, sizeof(byte));

		if (n > 0)
			len += (size_t)n;
		else
			usleep(100);
	}
	return NULL;
}

static void a_report_at_the_end_waits_for_a_slow_reader(void **state)
{
	struct stuck *stuck = *state;
	char *report = malloc(65536 + 1);
	pthread_t reader;

	memset(report, 'r', 65536);
	report[65535] = '\n';
	report[65536] = '\0';
	assert_int_equal(pthread_create(&reader, NULL, read_slowly, stuck), 0);
	log_text_whole(&stuck->log, report, -1);
	pthread_join(reader, NULL); /* it has seen all of it */
	log_output_close(&stuck->output);
	free(report);
}

static void a_stopped_terminal_does_not_stop_the_log(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;
	struct log_output output;
	struct log log = {.level = LOG_WARN, .output = &output};
	char text[65536], name[64];
	size_t len = 0;
	ssize_t n;

	(void)state;
	assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	assert_int_equal(ptsname_r(master, name, sizeof(name)), 0);
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(slave >= 0);
	assert_int_equal(tcflow(slave, TCOOFF), 0); /* Ctrl-S */
	log_output_open(&output, slave);
	alarm(PATIENCE_S);
	for (int i = 0; i < 100; i++)
		log_warn(&log, "line %d", i);
	alarm(0);
	assert_int_equal(fcntl(slave, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(tcflow(slave, TCOON), 0);
	log_output_close(&output);
	while (memmem(text, len, "line 99\r\n", 9) == NULL) {
		n = read(master, text + len, sizeof(text) - len);
		assert_true(n > 0);
		len += (size_t)n;
	}
	assert_memory_equal(text, "tinyvmm: line 0\r\ntinyvmm: line 1\r\n", 34);
	close(slave);
	close(master);
}

static void a_descriptor_that_is_not_open_takes_nothing(void **state)
{
	struct log_output output;
	const struct log log = {.level = LOG_WARN, .output = &output},
			 nowhere = {.level = LOG_WARN};

	(void)state;
	log_output_open(&output, 12345);
	log_warn(&log, "unheard");
	log_text_whole(&log, "unheard\n", -1);
	log_output_close(&output);
	log_warn(&nowhere, "unheard");
	log_text_whole(&nowhere, "unheard\n", -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_a_stuck_reader_does_not_take_comes_when_it_reads, open_stuck,
			close_stuck),
		cmocka_unit_test_setup_teardown(lines_beyond_what_is_held_are_counted_and_told,
						open_stuck, close_stuck),
		cmocka_unit_test_setup_teardown(a_line_is_held_whole_or_not_at_all, open_stuck,
						close_stuck),
		cmocka_unit_test_setup_teardown(the_end_tells_what_was_lost, open_stuck,
						close_stuck),
		cmocka_unit_test_setup_teardown(no_end_waits_for_a_reader_for_ever, open_stuck,
						close_stuck),
		cmocka_unit_test_setup_teardown(a_report_at_the_end_waits_for_a_slow_reader,
						open_stuck, close_stuck),
		cmocka_unit_test(a_stopped_terminal_does_not_stop_the_log),
		cmocka_unit_test(a_descriptor_that_is_not_open_takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
