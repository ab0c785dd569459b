/* SPDX-License-Identifier: MIT */
/* What tinyvmm says about itself: a line a write(2), so that lines of two threads never mix. */
#include "vmm/core/array.h"
#include "vmm/core/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A longer line is cut; an err_set() message fits whole. */
#define LOG_LINE_MAX 1024

#define LOG_START "tinyvmm: "

static const char *const level_names[] = {
	[LOG_ERROR] = "error",
	[LOG_WARN] = "warn",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

/* Formats "tinyvmm: <text>[ (N earlier lines suppressed)]\n" and writes it in one go. */
static void print_line(const struct log *log, uint32_t dropped, const char *fmt, va_list args)
{
	char line[LOG_LINE_MAX];
	char tail[64] = "";
	size_t len, room;
	ssize_t written;
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
	len += (size_t)snprintf(line + len, sizeof(line) - len, "%s\n", tail);
	/* Nobody is left to tell when stderr itself fails. */
	do
		written = write(log->fd, line, len);
	while (written < 0 && errno == EINTR);
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
	size_t left = strlen(text);
	ssize_t written;

	if (level > log->level)
		return;
	while (write(log->fd, LOG_START, strlen(LOG_START)) < 0 && errno == EINTR)
		;
	while (left > 0) {
		written = write(log->fd, text, left);
		if (written < 0 && errno != EINTR)
			return;
		if (written > 0) {
			text += written;
			left -= (size_t)written;
		}
	}
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

/* A pipe that nobody reads, a terminal after Ctrl-S. */
static bool would_block(const struct log *log)
{
	struct pollfd pollfd = {.fd = log->fd, .events = POLLOUT};

	return poll(&pollfd, 1, 0) == 0;
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
	/* Whoever moves the second on opens the new budget; the others see it or drop a line. */
	if (second != (uint64_t)now.tv_sec &&
	    atomic_compare_exchange_strong(&limit->second, &second, (uint64_t)now.tv_sec))
		atomic_store(&limit->used, 0);
	/* Nor must a guest's line hold up the thread that would write it, with its locks. */
	if (atomic_fetch_add(&limit->used, 1) >= LOG_LIMIT_BURST || would_block(log)) {
		atomic_fetch_add(&limit->dropped, 1);
		return;
	}
	dropped = atomic_exchange(&limit->dropped, 0);
	va_start(args, fmt);
	print_line(log, dropped, fmt, args);
	va_end(args);
}
