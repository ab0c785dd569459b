/* SPDX-License-Identifier: MIT */
/*
 * What the samples say: for each benchmark and arm the median, its interval, and the ratio to
 * native from rounds in which both ran.
 */
#ifndef GUEST_TINYBENCH_DATA_SUMMARY_H
#define GUEST_TINYBENCH_DATA_SUMMARY_H

#include <jansson.h>
#include <stdio.h>

#include "guest/tinybench/data/dataset.h"
#include "guest/tinybench/data/stats.h"

#define SUMMARY_BASE "native" /* what ratios are to */

struct result {
	const struct bench *bench;
	const char *arm;
	struct estimate value;	/* .nr is 0 if there is none: `why_not` then says why */
	struct estimate ratio;	/* .nr is 0 for the base arm and where it has no figure */
	const char *no_ratio;	/* why there is none where native has figures, or NULL */
	const char *why_not;	/* belongs to the dataset */
	bool failed;		/* why_not tells of an error, or of errors in some rounds */
	unsigned int nr_failed; /* runs */
};

struct summary {
	struct result *at; /* by benchmark in the catalog's order, then by arm */
	size_t nr, capacity;
};

/* Points into `data`, which must stay. */
void summary_make(struct summary *summary, const struct dataset *data);
void summary_free(struct summary *summary);

const struct result *summary_find(const struct summary *summary, const char *bench,
				  const char *arm);

/* "+0.25", "-18", "+1234": two digits, but all those before the point. */
void summary_format_percent(double percent, char *text, size_t size);

/* "no difference seen, down to 0.4 %", "2.1 % higher: worse", ... */
void summary_say(const struct result *result, char *text, size_t size);

/* All of it as an object ("schema": "tinybench-summary-1"); a new reference. */
json_t *summary_json(const struct summary *summary, const struct dataset *data);

/* Prints that object. 0, or -errno and why; what stays in stdio's buffer is for the caller. */
int summary_print_json(FILE *file, const struct summary *summary, const struct dataset *data,
		       struct err *err);

/* Prints a line of RFC 4180 for each result, with a line of names before them. */
void summary_print_csv(FILE *file, const struct summary *summary, const struct dataset *data);

/* Half the width of the widest interval in percent; of ratios where there are any. */
double summary_widest(const struct result *result);

#endif
