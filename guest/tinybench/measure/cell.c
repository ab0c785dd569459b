/* SPDX-License-Identifier: MIT */
/* Lines of the benchmark file become samples. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/measure/cell.h"

void cell_fail(struct cell *cell, const char *text)
{
	if (cell->failed)
		return;
	cell->failed = true;
	err_set(&cell->reason, 0, "%s", text);
}

void cell_skip(struct cell *cell, const char *text)
{
	cell->skipped = true;
	if (!cell->failed)
		err_set(&cell->reason, 0, "%s", text);
}

void cell_cannot_run(struct cell *cell, int ret, const struct err *err)
{
	if (ret == -EOPNOTSUPP)
		cell_skip(cell, err->text);
	else
		cell_fail(cell, err->text);
}

static void stage(struct cell *cell, double value, bool warmup)
{
	struct err why;
	struct sample sample = {.bench = cell->bench,
				.arm = cell->arm,
				.round = cell->round,
				.index = (unsigned int)cell->nr_staged,
				.warmup = warmup || cell->warmup,
				.value = value};

	/* None of the benchmarks can be below 0: a median and a ratio of such would be nonsense. */
	if (value < 0) {
		err_set(&why, 0, "its figure is negative: %g %s", value, cell->bench->unit);
		cell_fail(cell, why.text);
		return;
	}
	cell->staged = xgrow(cell->staged, cell->nr_staged, &cell->capacity, sizeof(*cell->staged));
	cell->staged[cell->nr_staged++] = sample;
}

void cell_add(struct cell *cell, double value)
{
	stage(cell, value, false);
}

/* Whether the event is about the benchmark that was asked for. */
static bool is_ours(struct cell *cell, const char *bench)
{
	struct err err;

	if (strcmp(bench, cell->bench->name) == 0)
		return true;
	err_set(&err, 0, "printed a line about \"%.64s\", which tinybench did not ask for", bench);
	cell_fail(cell, err.text);
	return false;
}

static void take_sample(struct cell *cell, json_t *object)
{
	const char *bench, *unit;
	struct err err;
	int warmup = 0;
	double value;

	if (json_unpack(object, "{s:s, s:s, s:F, s?b}", "bench", &bench, "unit", &unit, "value",
			&value, "warmup", &warmup) < 0 ||
	    !isfinite(value)) {
		cell_fail(cell, "printed a sample without bench, unit or value");
		return;
	}
	if (!is_ours(cell, bench))
		return;
	if (strcmp(unit, cell->bench->unit) != 0) {
		err_set(&err, 0, "printed a sample in \"%.32s\" instead of \"%s\"", unit,
			cell->bench->unit);
		cell_fail(cell, err.text);
		return;
	}
	stage(cell, value, warmup);
}

static void take_check(struct cell *cell, json_t *object)
{
	struct err err;
	const char *text = "";
	int ok;

	if (json_unpack(object, "{s:b, s?s}", "ok", &ok, "text", &text) < 0) {
		cell_fail(cell, "printed a check without a result");
	} else if (!ok) {
		err_set(&err, 0, "its result is wrong: %s", text);
		cell_fail(cell, err.text);
	}
}

static void take_skip(struct cell *cell, json_t *object)
{
	const char *text = json_string_value(json_object_get(object, "reason"));

	cell_skip(cell, text ? text : "it does not say why");
}

static void take_event(struct cell *cell, const char *event, json_t *object)
{
	const char *text = json_string_value(json_object_get(object, "reason"));

	if (strcmp(event, "begin") == 0)
		cell->begun = true;
	else if (strcmp(event, "end") == 0)
		cell->ended = true;
	else if (strcmp(event, "sample") == 0)
		take_sample(cell, object);
	else if (strcmp(event, "check") == 0)
		take_check(cell, object);
	else if (strcmp(event, "skip") == 0)
		take_skip(cell, object);
	else if (strcmp(event, "error") == 0)
		cell_fail(cell, text ? text : "failed and does not say why");
	/* A newer benchmark file may have events that this tinybench does not know. */
}

static void take_noise(struct cell *cell, const char *line, size_t length)
{
	char *to = cell->noise, *end = cell->noise + sizeof(cell->noise) - 1;

	if (length == 0)
		return;
	for (; length > 0 && to < end; line++, length--)
		*to++ = *line >= ' ' && *line < 0x7f ? *line : '?';
	*to = '\0';
}

void cell_take_line(void *opaque, const char *line, size_t length)
{
	struct cell *cell = opaque;
	json_t *object = json_loadb(line, length, 0, NULL);
	const char *event = json_string_value(json_object_get(object, "event"));

	if (event)
		take_event(cell, event, object);
	else
		take_noise(cell, line, length);
	json_decref(object);
}

/* A fault's own words say more than the status it ends with. */
static void add_noise(struct err *err, const struct cell *cell)
{
	size_t length = strlen(err->text);

	if (cell->noise[0])
		(void)snprintf(err->text + length, sizeof(err->text) - length, " (\"%s\")",
			       cell->noise);
}

void cell_program_ended(struct cell *cell, const struct arm *arm, const struct spawn_result *result)
{
	const char *known = NULL;
	struct err err;

	if (result->end != SPAWN_EXITED || result->status != 0) {
		spawn_explain(result, &err);
		if (result->end == SPAWN_EXITED && WIFEXITED(result->status) &&
		    arm->class->status_text)
			known = arm->class->status_text(WEXITSTATUS(result->status));
		if (known)
			err_set(&err, 0, "%s (status %d)%s%s", known, WEXITSTATUS(result->status),
				result->complaint[0] ? ": " : "", result->complaint);
		add_noise(&err, cell);
		cell_fail(cell, err.text);
	} else if (cell->noise[0] && !cell->noisy) {
		err_set(&err, 0, "printed what is not a benchmark's line: \"%s\"", cell->noise);
		cell_fail(cell, err.text);
	} else if (!cell->begun || !cell->ended) {
		err_set(&err, 0, "ended without saying \"%s\"", cell->begun ? "end" : "begin");
		add_noise(&err, cell);
		cell_fail(cell, err.text);
	} else if (!cell->skipped && cell->nr_staged == 0) {
		cell_fail(cell, "ended without a sample");
	}
}

void cell_commit(struct cell *cell)
{
	size_t i;

	if (cell->failed || cell->skipped)
		dataset_add_note(cell->data, cell->bench, cell->arm, cell->round, cell->failed,
				 cell->reason.text);
	else
		for (i = 0; i < cell->nr_staged; i++)
			dataset_add_sample(cell->data, &cell->staged[i]);
	free(cell->staged);
	cell->staged = NULL;
	cell->nr_staged = cell->capacity = 0;
}
