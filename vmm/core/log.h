/* SPDX-License-Identifier: MIT */
/*
 * What tinyvmm says about itself: to stderr, never to stdout, which is the guest's.
 *
 * At the default level (warn) a run in which all is well prints nothing. Every function may be
 * called from any thread; a line is written with one write(2).
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stdatomic.h>
#include <stdint.h>

enum log_level {
	LOG_ERROR, /* something the user asked for did not happen */
	LOG_WARN,  /* it happened, but not as one would expect; includes guest faults */
	LOG_INFO,  /* what was built and chosen */
	LOG_DEBUG, /* each event of note */
};

struct log {
	enum log_level level; /* the most talkative level that is printed */
	int fd;		      /* usually STDERR_FILENO; borrowed */
};

/* Prints "tinyvmm: <text>\n" if `level` is enabled. */
void log_print(const struct log *log, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Prints "tinyvmm: <text>", which has several lines and ends with a newline, whole: for a report
 * that a line's limit must not cut.
 */
void log_report(const struct log *log, enum log_level level, const char *text);

#define log_error(log, ...) log_print(log, LOG_ERROR, __VA_ARGS__)
#define log_warn(log, ...)  log_print(log, LOG_WARN, __VA_ARGS__)
#define log_info(log, ...)  log_print(log, LOG_INFO, __VA_ARGS__)
#define log_debug(log, ...) log_print(log, LOG_DEBUG, __VA_ARGS__)

/* Parses "error", "warn", "info" or "debug"; returns 0 or -EINVAL. */
int log_parse_level(const char *name, enum log_level *level);

/*
 * A guest must not be able to flood the host's log, or to hang on it: at most LOG_LIMIT_BURST lines
 * pass in each second, and none while the reader of the log is stuck; the next line that passes
 * tells how many were dropped. Zero-initialised, one for each place or device that reports guest
 * faults.
 */
#define LOG_LIMIT_BURST 5

struct log_limit {
	_Atomic uint64_t second; /* CLOCK_MONOTONIC second that `used` counts */
	_Atomic uint32_t used;
	_Atomic uint32_t dropped;
};

void log_limited(const struct log *log, struct log_limit *limit, enum log_level level,
		 const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
