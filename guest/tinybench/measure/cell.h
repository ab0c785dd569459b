/* SPDX-License-Identifier: MIT */
/*
 * One benchmark in one arm in one round: the lines that the benchmark file prints become samples,
 * if all of them are well and the program ends well; else a note says why there are none.
 */
#ifndef GUEST_TINYBENCH_MEASURE_CELL_H
#define GUEST_TINYBENCH_MEASURE_CELL_H

#include "guest/tinybench/arms/arm.h"
#include "guest/tinybench/base/spawn.h"
#include "guest/tinybench/data/dataset.h"

struct cell {
	struct dataset *data;
	const struct bench *bench;
	const char *arm; /* the dataset's name */
	bool noisy;	 /* other lines may be between the benchmark's */
	unsigned int round;
	bool warmup; /* the whole round is */

	/* What the lines have said so far; the caller sets it to zero. */
	struct sample *staged;
	size_t nr_staged, capacity;
	bool begun, ended, skipped, failed;
	struct err reason; /* if skipped or failed */
	char noise[160];   /* the last line that is none of ours */
};

/* For spawn_request.on_line, with the cell as opaque. */
void cell_take_line(void *cell, const char *line, size_t length);

/* A figure that tinybench measured itself. */
void cell_add(struct cell *cell, double value);

/* Marks the cell as failed with this reason, unless it is already. */
void cell_fail(struct cell *cell, const char *text);

/* Marks it as skipped: this cannot be measured here, and that is no failure. */
void cell_skip(struct cell *cell, const char *text);

/* There is no command, or no run, for this reason: -EOPNOTSUPP is a skip, all else a failure. */
void cell_cannot_run(struct cell *cell, int ret, const struct err *err);

/* The program has ended. Its lines and its end must both be well. */
void cell_program_ended(struct cell *cell, const struct arm *arm,
			const struct spawn_result *result);

/* Moves the samples, or the reason why there are none, into the dataset, and frees the rest. */
void cell_commit(struct cell *cell);

#endif
