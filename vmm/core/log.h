/* SPDX-License-Identifier: MIT */
/*
 * What tinyvmm says about itself: to stderr, never to stdout, which is the guest's.
 *
 * At the default level (warn) a run in which all is well prints nothing. Every function may be
 * called from any thread, with locks held: none waits for the reader of the log, which may be a
 * terminal that the user has stopped. Only log_text_whole() and log_output_close() wait, at the
 * end. What the reader does not take is held, up to LOG_HELD_BYTES, and printed with the next line
 * that is taken; lines beyond that are counted, and a later line says how many were lost. A line is
 * written with one write(2) where the far side takes it whole, so lines of two threads never mix.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/core/nonblock.h"

enum log_level {
	LOG_ERROR, /* something the user asked for did not happen */
	LOG_WARN,  /* it happened, but not as the user would expect; includes guest faults */
	LOG_INFO,  /* what was built and chosen */
	LOG_DEBUG, /* each event of note */
};

#define LOG_HELD_BYTES 16384

/* Where lines go. */
struct log_output {
	pthread_mutex_t lock; /* held for no longer than a write(2) that does not wait */
	struct nonblock to;
	unsigned int lost; /* lines lost since the last line that said so */
	size_t held_len;
	char held[LOG_HELD_BYTES];
};

struct log {
	enum log_level level;	   /* the most talkative level that is printed */
	struct log_output *output; /* borrowed; NULL: nowhere */
};

/* To `fd`, usually STDERR_FILENO, which is borrowed. A descriptor that is not open takes nothing.
 */
void log_output_open(struct log_output *output, int fd);

/*
 * Waits for the reader to take what is held, up to a second for each part of it, says what was
 * lost, and closes.
 */
void log_output_close(struct log_output *output);

/* Prints "tinyvmm: <text>\n" if `level` is enabled. */
void log_print(const struct log *log, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Prints "tinyvmm: <text>", which has several lines and ends with a newline, in one piece: for a
 * report that a line's limit must not cut.
 */
void log_report(const struct log *log, enum log_level level, const char *text);

/* Prints the lines of `text`, which the user has asked for, as they are and at every level. */
void log_text(const struct log *log, const char *text);

/*
 * The same at the end of a run, when no lock is held and nothing else is to be done: waits for the
 * reader, but no longer than until `stop_fd` (-1: none) is readable.
 */
void log_text_whole(const struct log *log, const char *text, int stop_fd);

#define log_error(log, ...) log_print(log, LOG_ERROR, __VA_ARGS__)
#define log_warn(log, ...)  log_print(log, LOG_WARN, __VA_ARGS__)
#define log_info(log, ...)  log_print(log, LOG_INFO, __VA_ARGS__)
#define log_debug(log, ...) log_print(log, LOG_DEBUG, __VA_ARGS__)

/* Parses "error", "warn", "info" or "debug"; returns 0 or -EINVAL. */
int log_parse_level(const char *name, enum log_level *level);

/*
 * A guest must not be able to flood the host's log: at most LOG_LIMIT_BURST lines pass in each
 * second; the next line that passes tells how many were suppressed. Zero-initialised, one for each
 * device that reports guest faults. A limit outlives the device's reset and the machine's.
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
