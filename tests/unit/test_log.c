/* SPDX-License-Identifier: MIT */
/*
 * What tinyvmm says: levels, whole lines, a limit that a guest cannot get past; and error messages.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/core/err.h"
#include "vmm/core/log.h"

/* A log into a file, and what is in it since the last look. */
struct capture {
	struct log log;
	struct log_output output;
	int fd;
	FILE *file;
	char text[65536];
};

static int open_capture(void **state)
{
	static struct capture capture;

	capture.file = tmpfile();
	assert_non_null(capture.file);
	capture.fd = fileno(capture.file);
	log_output_open(&capture.output, capture.fd);
	capture.log = (struct log){.level = LOG_WARN, .output = &capture.output};
	*state = &capture;
	return 0;
}

static int close_capture(void **state)
{
	struct capture *capture = *state;

	log_output_close(&capture->output);
	return fclose(capture->file);
}

static const char *said(struct capture *capture)
{
	ssize_t len = pread(capture->fd, capture->text, sizeof(capture->text) - 1, 0);

	assert_true(len >= 0);
	capture->text[len] = '\0';
	assert_int_equal(ftruncate(capture->fd, 0), 0);
	assert_int_equal(lseek(capture->fd, 0, SEEK_SET), 0);
	return capture->text;
}

static unsigned int count_lines(const char *text)
{
	unsigned int lines = 0;

	for (; *text != '\0'; text++)
		lines += *text == '\n';
	return lines;
}

static void a_level_prints_itself_and_what_is_graver(void **state)
{
	struct capture *capture = *state;

	for (unsigned int enabled = LOG_ERROR; enabled <= LOG_DEBUG; enabled++) {
		capture->log.level = (enum log_level)enabled;
		for (unsigned int level = LOG_ERROR; level <= LOG_DEBUG; level++) {
			log_print(&capture->log, (enum log_level)level, "n=%d", 5);
			assert_string_equal(said(capture),
					    level <= enabled ? "tinyvmm: n=5\n" : "");
		}
	}
}

static void levels_have_names(void **state)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	static const char *const wrong[] = {"", "Warn", "warning", "debug ", "1"};
	enum log_level level;

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(log_parse_level(names[i], &level), 0);
		assert_int_equal(level, i);
	}
	for (unsigned int i = 0; i < 5; i++)
		assert_int_equal(log_parse_level(wrong[i], &level), -EINVAL);
}

static void a_long_line_is_cut_but_ends(void **state)
{
	struct capture *capture = *state;
	char text[3000];
	const char *line;

	memset(text, 'l', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_warn(&capture->log, "%s", text);
	line = said(capture);
	assert_int_equal(strncmp(line, "tinyvmm: lll", 12), 0);
	assert_int_equal(count_lines(line), 1);
	assert_true(strlen(line) > sizeof(((struct err *)NULL)->text));
	assert_int_equal(line[strlen(line) - 1], '\n');
}

static void a_report_of_many_lines_is_printed_whole(void **state)
{
	struct capture *capture = *state;
	char text[8192];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 64 == 63 ? '\n' : 'r';
	text[sizeof(text) - 1] = '\0';
	log_report(&capture->log, LOG_INFO, text);
	assert_string_equal(said(capture), "");
	log_report(&capture->log, LOG_ERROR, text);
	assert_memory_equal(said(capture), "tinyvmm: rrr", 12);
	assert_string_equal(capture->text + strlen("tinyvmm: "), text);
}

static void a_burst_passes_and_the_flood_is_counted(void **state)
{
	struct capture *capture = *state;
	struct log_limit limit = {0};
	char expected[64];

	/*
	 * Should the clock's second change in the middle, a few more lines pass: hence the bounds.
	 */
	for (int i = 0; i < 1000; i++)
		log_limited(&capture->log, &limit, LOG_WARN, "bad queue");
	assert_in_range(count_lines(said(capture)), LOG_LIMIT_BURST, 2 * LOG_LIMIT_BURST);

	/* A second later: the first line tells, the next does not. */
	limit.second -= 1;
	limit.dropped = 123;
	log_limited(&capture->log, &limit, LOG_WARN, "bad queue");
	snprintf(expected, sizeof(expected), "tinyvmm: bad queue (123 earlier lines suppressed)\n");
	assert_string_equal(said(capture), expected);
	log_limited(&capture->log, &limit, LOG_WARN, "bad queue");
	assert_string_equal(said(capture), "tinyvmm: bad queue\n");
}

static void a_cut_line_still_tells_what_was_suppressed(void **state)
{
	struct capture *capture = *state;
	struct log_limit limit = {.dropped = UINT32_MAX};
	char text[3000];
	const char *tail = " (4294967295 earlier lines suppressed)\n", *line;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_limited(&capture->log, &limit, LOG_WARN, "%s", text);
	line = said(capture);
	assert_string_equal(line + strlen(line) - strlen(tail), tail);
}

static void limits_are_apart_and_a_disabled_level_uses_none(void **state)
{
	struct capture *capture = *state;
	struct log_limit one = {0}, other = {0};

	for (int i = 0; i < 100; i++)
		log_limited(&capture->log, &one, LOG_DEBUG, "quiet");
	assert_string_equal(said(capture), "");
	assert_int_equal(one.used, 0);
	for (int i = 0; i < 100; i++)
		log_limited(&capture->log, &one, LOG_WARN, "one");
	said(capture);
	log_limited(&capture->log, &other, LOG_WARN, "other");
	assert_string_equal(said(capture), "tinyvmm: other\n");
}

#define WRITERS 4
#define LINES	200

static void *write_lines(void *arg)
{
	const struct log *log = arg;

	for (int i = 0; i < LINES; i++)
		log_warn(log, "%s", "abcdefghijklmnopqrstuvwxyz");
	return NULL;
}

static void lines_of_two_threads_do_not_mix(void **state)
{
	static const char line[] = "tinyvmm: abcdefghijklmnopqrstuvwxyz\n";
	struct capture *capture = *state;
	pthread_t thread[WRITERS];
	const char *text;

	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, write_lines, &capture->log), 0);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(thread[i], NULL);
	text = said(capture);
	assert_int_equal(strlen(text), WRITERS * LINES * (sizeof(line) - 1));
	for (; *text != '\0'; text += sizeof(line) - 1)
		assert_memory_equal(text, line, sizeof(line) - 1);
}

static void an_error_is_one_statement(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(err_set(&e, -EINVAL, "--cpus %s: %s", "0", "at least one is needed"),
			 -EINVAL);
	assert_string_equal(e.text, "--cpus 0: at least one is needed");
	assert_int_equal(err_prefix(&e, -ENOENT, "%s %d", "vCPU", 3), -ENOENT);
	assert_string_equal(e.text, "vCPU 3: --cpus 0: at least one is needed");
}

static void an_error_that_does_not_fit_is_cut(void **state)
{
	struct err e;
	char text[2 * sizeof(e.text)];

	(void)state;
	memset(text, 'y', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(err_set(&e, -EIO, "%s", text), -EIO);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	assert_int_equal(err_prefix(&e, -EIO, "disk"), -EIO);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	assert_memory_equal(e.text, "disk: yyy", 9);
	assert_int_equal(err_prefix(&e, -EIO, "%s", text), -EIO);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_level_prints_itself_and_what_is_graver,
						open_capture, close_capture),
		cmocka_unit_test(levels_have_names),
		cmocka_unit_test_setup_teardown(a_long_line_is_cut_but_ends, open_capture,
						close_capture),
		cmocka_unit_test_setup_teardown(a_report_of_many_lines_is_printed_whole,
						open_capture, close_capture),
		cmocka_unit_test_setup_teardown(a_burst_passes_and_the_flood_is_counted,
						open_capture, close_capture),
		cmocka_unit_test_setup_teardown(a_cut_line_still_tells_what_was_suppressed,
						open_capture, close_capture),
		cmocka_unit_test_setup_teardown(limits_are_apart_and_a_disabled_level_uses_none,
						open_capture, close_capture),
		cmocka_unit_test_setup_teardown(lines_of_two_threads_do_not_mix, open_capture,
						close_capture),
		cmocka_unit_test(an_error_is_one_statement),
		cmocka_unit_test(an_error_that_does_not_fit_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
