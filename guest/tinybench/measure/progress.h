/* SPDX-License-Identifier: MIT */
/* How far a run is: a line that is rewritten on a terminal, a line a round elsewhere. */
#ifndef GUEST_TINYBENCH_MEASURE_PROGRESS_H
#define GUEST_TINYBENCH_MEASURE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
	bool on_terminal;
	int64_t start_ns, deadline_ns; /* the latter 0: none */
	size_t done, total;	       /* cells */
};

void progress_start(struct progress *progress, size_t total);

/* A cell begins. */
void progress_cell(struct progress *progress, unsigned int round, const char *bench,
		   const char *arm);
void progress_cell_done(struct progress *progress);

/* A round has ended. */
void progress_round(struct progress *progress, const char *what);

/* A line of its own between the others. */
void progress_tell(const struct progress *progress, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Clears the line. */
void progress_end(struct progress *progress);

/* "1 h 5 min", "2 min 10 s", "7 s". */
void progress_format_time(int64_t seconds, char *text, size_t size);

#endif
