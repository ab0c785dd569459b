/* SPDX-License-Identifier: MIT */
/*
 * All that was measured, and why the rest was not. On the disk it is DIR/samples.jsonl.gz, one
 * JSON object a line, from which everything else (summary, tables, report) can be made again. Names
 * are UTF-8 without control characters, values finite and not negative:
 *
 *	{"type":"run", ...}     each call of `tinybench run`: schema, seed, settings, host
 *	{"type":"sample","bench":"cpu.noploop","arm":"vm","round":1,"i":0,"value":2.391,
 *	 "unit":"ms","better":"lower","warmup":false}
 *	{"type":"skip","bench":...,"arm":...,"round":1,"reason":"..."}     cannot run there
 *	{"type":"error","bench":...,"arm":...,"round":1,"reason":"..."}    went wrong
 *	{"type":"series", ...}  whatever else a plot is made of (power over time, exit times)
 */
#ifndef GUEST_TINYBENCH_DATA_DATASET_H
#define GUEST_TINYBENCH_DATA_DATASET_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "guest/tinybench/base/catalog.h"
#include "guest/tinybench/base/names.h"
#include "vmm/core/err.h"

#define DATASET_SCHEMA "tinybench-samples-1"
#define DATASET_FILE   "samples.jsonl.gz"
#define DATASET_PLAIN  "samples.jsonl"

struct sample {
	const struct bench *bench;
	const char *arm; /* one of the dataset's names: equal names are equal pointers */
	unsigned int round, index;
	bool warmup;
	double value;
};

struct note {
	const struct bench *bench; /* NULL: the whole arm */
	const char *arm;
	unsigned int round;
	bool error; /* went wrong; else it cannot run here */
	char *text;
};

struct dataset {
	struct catalog benches;
	struct names arms;
	struct sample *samples;
	size_t nr_samples, samples_capacity;
	struct note *notes;
	size_t nr_notes, notes_capacity;
	bool from_plain; /* it was loaded from DATASET_PLAIN */
	json_t *runs;	 /* array of {"type":"run"} objects */
	json_t *series;	 /* array of {"type":"series"} objects */
};

void dataset_init(struct dataset *data);
void dataset_free(struct dataset *data);

/* The one pointer that stands for this arm. */
const char *dataset_arm(struct dataset *data, const char *name);

void dataset_add_sample(struct dataset *data, const struct sample *sample);
void dataset_add_note(struct dataset *data, const struct bench *bench, const char *arm,
		      unsigned int round, bool error, const char *text);

/* Forgets why the whole arm could not run: another run has looked again. */
void dataset_forget_arm_notes(struct dataset *data, const char *arm);

/* The last note about this benchmark in this arm, or with NULL about the whole arm; or NULL. */
const struct note *dataset_note(const struct dataset *data, const struct bench *bench,
				const char *arm);

/* Whether there is a sample of, or a note about, this benchmark in this arm. */
bool dataset_has(const struct dataset *data, const struct bench *bench, const char *arm);

/* The first round that has no sample and no note yet. */
unsigned int dataset_next_round(const struct dataset *data);

/*
 * The arms of all runs, as an object of facts by name, and each of their warnings once, with what
 * differs between their hosts; new references.
 */
json_t *dataset_run_arms(const struct dataset *data);
json_t *dataset_run_warnings(const struct dataset *data);

/*
 * The median of each round's samples, warm-up left out, in the order of the rounds. Both arrays
 * belong to the caller, who frees them.
 */
struct rounds {
	unsigned int *round;
	double *value;
	size_t nr;
};
void dataset_rounds(const struct dataset *data, const struct bench *bench, const char *arm,
		    struct rounds *rounds);
void rounds_free(struct rounds *rounds);

/*
 * DIR/samples.jsonl.gz, or what dataset_load() finds there without compression: DIR/samples.jsonl.
 * Loading a directory without either gives an empty set; dataset_load_result() says then, with
 * -EINVAL, that DIR has no results. Saving replaces the file whole, and takes the other away if it
 * was loaded. 0, or -errno and why.
 */
int dataset_load(struct dataset *data, const char *dir, struct err *err);
int dataset_load_result(struct dataset *data, const char *dir, struct err *err);
int dataset_save(struct dataset *data, const char *dir, struct err *err);

#endif
