/* SPDX-License-Identifier: MIT */
/* What tinyvmm says about itself, without waiting for its reader during the run: see the header. */
#include "vmm/core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vmm/core/array.h"

/* A longer line is cut; an err_set() message fits whole. */
#define LOG_LINE_MAX 1024

#define LOG_START "tinyvmm: "

/* At the end, how long the reader may take for the next byte of what is held. */
#define CLOSE_TIMEOUT_MS 1000

static const char *const level_names[] = {
	[LOG_ERROR] = "error",
	[LOG_WARN] = "warn",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

/* ---- the output: all with its lock held -------------------------------------------------- */

static unsigned int count_lines(const char *text, size_t len)
{
	unsigned int lines = 0;

	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	return lines;
}

/* True once nothing is held any more. */
static bool flush_held(struct log_output *output)
{
	ssize_t n;

	if (output->held_len == 0)
		return true;
	n = nonblock_write_some(&output->to, output->held, output->held_len);
	/* Nothing is left to tell when stderr itself fails. */
	if (n < 0 && n != -EAGAIN)
		n = (ssize_t)output->held_len;
	if (n > 0) {
		output->held_len -= (size_t)n;
		memmove(output->held, output->held + n, output->held_len);
	}
	return output->held_len == 0;
}

/* Holds the whole lines that there is room for, and counts the rest. */
static void hold(struct log_output *output, const char *text, size_t len)
{
	size_t fits = sizeof(output->held) - output->held_len;

	if (fits > len)
		fits = len;
	while (fits > 0 && text[fits - 1] != '\n')
		fits--;
	memcpy(output->held + output->held_len, text, fits);
	output->held_len += fits;
	output->lost += count_lines(text + fits, len - fits);
}

static void put_bytes(struct log_output *output, const char *text, size_t len)
{
	ssize_t n = 0;

	if (flush_held(output)) {
		n = nonblock_write_some(&output->to, text, len);
		if (n < 0 && n != -EAGAIN)
			return;
		if (n < 0)
			n = 0;
	}
	hold(output, text + n, len - (size_t)n);
}

/* Before another line is held, so that it stands where the lines are missing. */
static void tell_lost(struct log_output *output)
{
	char line[128];
	int len;

	if (output->lost == 0 || !flush_held(output))
		return;
	len = snprintf(line, sizeof(line),
		       LOG_START "%u lines are missing here: the log was not read fast enough\n",
		       output->lost);
	output->lost = 0;
	put_bytes(output, line, (size_t)len);
}

static void put(const struct log *log, const char *text)
{
	struct log_output *output = log->output;

	if (output == NULL || output->to.fd < 0)
		return;
	pthread_mutex_lock(&output->lock);
	tell_lost(output);
	put_bytes(output, text, strlen(text));
	pthread_mutex_unlock(&output->lock);
}

void log_output_open(struct log_output *output, int fd)
{
	pthread_mutex_init(&output->lock, NULL);
	output->lost = 0;
	output->held_len = 0;
	if (nonblock_adopt(&output->to, fd, O_WRONLY) < 0)
		output->to = NONBLOCK_NONE;
}

/* With the lock held: true if all that was held has been taken. */
static bool flush_patiently(struct log_output *output, int stop_fd, int timeout_ms)
{
	while (!flush_held(output))
		if (!nonblock_wait_writable(&output->to, stop_fd, timeout_ms))
			return false;
	return true;
}

void log_output_close(struct log_output *output)
{
	pthread_mutex_lock(&output->lock);
	if (flush_patiently(output, -1, CLOSE_TIMEOUT_MS)) {
		tell_lost(output);
		flush_patiently(output, -1, CLOSE_TIMEOUT_MS);
	}
	pthread_mutex_unlock(&output->lock);
	nonblock_close(&output->to);
	pthread_mutex_destroy(&output->lock);
}

/* ---- lines ------------------------------------------------------------------------------- */

/* Prints "tinyvmm: <text>[ (N earlier lines suppressed)]\n". */
static void print_line(const struct log *log, uint32_t dropped, const char *fmt, va_list args)
{
	char line[LOG_LINE_MAX];
	char tail[64] = "";
	size_t len, room;
	int n;

	if (dropped != 0)
		snprintf(tail, sizeof(tail), " (%u earlier lines suppressed)", dropped);
	memcpy(line, LOG_START, sizeof(LOG_START));
	len = strlen(LOG_START);
	room = sizeof(line) - len - strlen(tail) - 1; /* the newline takes the place of the NUL */
	n = vsnprintf(line + len, room, fmt, args);
	if (n < 0)
		return;
	len += (size_t)n < room ? (size_t)n : room - 1;
	snprintf(line + len, sizeof(line) - len, "%s\n", tail);
	put(log, line);
}

void log_print(const struct log *log, enum log_level level, const char *fmt, ...)
{
	va_list args;

	if (level > log->level)
		return;
	va_start(args, fmt);
	print_line(log, 0, fmt, args);
	va_end(args);
}

void log_report(const struct log *log, enum log_level level, const char *text)
{
	char *whole;

	if (level > log->level || asprintf(&whole, LOG_START "%s", text) < 0)
		return;
	put(log, whole);
	free(whole);
}

void log_text(const struct log *log, const char *text)
{
	put(log, text);
}

void log_text_whole(const struct log *log, const char *text, int stop_fd)
{
	struct log_output *output = log->output;

	if (output == NULL || output->to.fd < 0)
		return;
	pthread_mutex_lock(&output->lock);
	if (flush_patiently(output, stop_fd, -1))
		nonblock_write_whole(&output->to, text, strlen(text), stop_fd);
	pthread_mutex_unlock(&output->lock);
}

int log_parse_level(const char *name, enum log_level *level)
{
	for (unsigned int i = 0; i < NR_OF(level_names); i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*level = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

void log_limited(const struct log *log, struct log_limit *limit, enum log_level level,
		 const char *fmt, ...)
{
	struct timespec now;
	uint64_t second;
	uint32_t dropped;
	va_list args;

	if (level > log->level)
		return;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	second = atomic_load(&limit->second);
	/* The thread that moves the second opens the new budget; the others see it or drop a line.
	 */
	if (second != (uint64_t)now.tv_sec &&
	    atomic_compare_exchange_strong(&limit->second, &second, (uint64_t)now.tv_sec))
		atomic_store(&limit->used, 0);
	if (atomic_fetch_add(&limit->used, 1) >= LOG_LIMIT_BURST) {
		atomic_fetch_add(&limit->dropped, 1);
		return;
	}
	dropped = atomic_exchange(&limit->dropped, 0);
	va_start(args, fmt);
	print_line(log, dropped, fmt, args);
	va_end(args);
}
