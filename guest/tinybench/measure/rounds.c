/* SPDX-License-Identifier: MIT */
/* The rounds of a run. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/prng.h"
#include "guest/tinybench/measure/rounds.h"

#define GIVE_UP_AFTER 3 /* failures of the same benchmark in the same arm, one after the other */

bool rounds_enough(const struct run *run, const struct own_bench *own, unsigned int round)
{
	unsigned int first = run->first_round ? run->first_round : 1;

	return own && own->rounds && (round < first || round - first >= own->rounds);
}

bool rounds_given_up(const struct run *run, size_t bench_index, size_t arm_index)
{
	size_t nr_arms = run->session.arm_names.nr;

	return !run->session.arms[arm_index].ready ||
	       !session_wants(&run->session, bench_index, arm_index) ||
	       run->failures[bench_index * nr_arms + arm_index] == GIVE_UP_AFTER;
}

static void count_failures(struct run *run, unsigned char *failures, const struct bench *bench,
			   const struct arm *arm, unsigned int round)
{
	struct dataset *data = &run->session.data;
	const struct bench *known = catalog_find(&data->benches, bench->name);
	const struct note *note = dataset_note(data, known, dataset_arm(data, arm->name));

	if (!note || note->round != round)
		*failures = 0;
	else if (!note->error)
		*failures = GIVE_UP_AFTER; /* what cannot run here cannot run in the next round */
	else
		++*failures;
}

/* False if interrupted. */
static bool run_bench(struct run *run, struct prng *prng, size_t bench_index, unsigned int round)
{
	struct session *session = &run->session;
	const struct bench *bench = session->bench[bench_index];
	const struct own_bench *own = own_find(bench->name);
	size_t nr_arms = session->arm_names.nr, i, *order = xcalloc(nr_arms, sizeof(*order));
	bool warmup = round == 0, continues = true;
	unsigned char *failures;
	struct arm *arm;

	prng_shuffle(prng, order, nr_arms);
	for (i = 0; continues && i < nr_arms; i++) {
		arm = &session->arms[order[i]];
		failures = &run->failures[bench_index * nr_arms + order[i]];
		if (!arm->ready || !session_wants(session, bench_index, order[i]))
			continue;
		if (*failures == GIVE_UP_AFTER || rounds_enough(run, own, round)) {
			progress_cell_done(&run->progress);
			continue;
		}
		progress_cell(&run->progress, round, bench->name, arm->name);
		continues = !session_interrupted(session) &&
			    session_run_cell(session, arm, bench, round, warmup);
		if (continues)
			count_failures(run, failures, bench, arm, round);
		progress_cell_done(&run->progress);
	}
	free(order);
	return continues;
}

/* All arms or none: a round's ratios stay pairs. False if interrupted. */
static bool run_bench_in_time(struct run *run, struct prng *prng, size_t bench_index,
			      unsigned int round)
{
	int64_t start = spawn_now_ns();
	bool continues;

	if (!budget_allows(&run->budget, bench_index, start))
		return true;
	continues = run_bench(run, prng, bench_index, round);
	budget_took(&run->budget, bench_index, spawn_now_ns() - start);
	run->nr_ran++;
	return continues;
}

/* False if interrupted. */
static bool run_round(struct run *run, unsigned int round)
{
	size_t nr = run->session.nr_bench, i, *order = xcalloc(nr + 1, sizeof(*order));
	struct prng prng = {run->seed + round};
	bool continues = true;
	char what[32];

	prng_shuffle(&prng, order, nr);
	run->nr_ran = 0;
	for (i = 0; continues && i < nr; i++)
		if (!run->done[order[i]])
			continues = run_bench_in_time(run, &prng, order[i], round);
	free(order);
	(void)snprintf(what, sizeof(what), round == 0 ? "warm-up round" : "round %u", round);
	if (continues && run->nr_ran)
		progress_round(&run->progress, what);
	return continues;
}

/* What has no figure because of --budget says so. */
static void note_what_was_cut(struct run *run)
{
	struct session *session = &run->session;
	struct dataset *data = &session->data;
	struct rounds rounds;
	char text[80];
	size_t i, j;

	(void)snprintf(text, sizeof(text), "did not fit into the %u s of --budget",
		       run->settings.budget_s);
	for (i = 0; run->budget.cut && i < session->nr_bench; i++) {
		const struct bench *bench = catalog_find(&data->benches, session->bench[i]->name);

		for (j = 0; j < session->arm_names.nr; j++) {
			const char *arm = dataset_arm(data, session->arm_names.at[j]);

			dataset_rounds(data, bench, arm, &rounds);
			if (rounds.nr == 0 && session->arms[j].ready &&
			    session_wants(session, i, j) && !dataset_note(data, bench, arm))
				dataset_add_note(data, bench, arm, run->first_round, false, text);
			rounds_free(&rounds);
		}
	}
}

/* A full disk does not end the run: space may come back, and the data is kept in memory. */
static size_t count_cells(const struct session *session)
{
	size_t nr = 0, i, j;

	for (i = 0; i < session->nr_bench; i++)
		for (j = 0; j < session->arm_names.nr; j++)
			nr += session->arms[j].ready && session_wants(session, i, j);
	return nr;
}

/* The page follows from it, takes longer, and waits for the end. */
static int save(struct run *run, struct err *err)
{
	record_update(run);
	return dataset_save(&run->session.data, run->settings.out, err);
}

int rounds_run(struct run *run, struct err *err)
{
	unsigned int round, last = run->first_round + run->rounds;
	int ret = 0;

	progress_start(&run->progress, run->rounds * count_cells(&run->session));
	run->progress.deadline_ns = run->budget.deadline_ns;
	for (round = run->first_round; round < last && !run->interrupted; round++) {
		run->interrupted = !run_round(run, round);
		/* A round without anything kept in it will be made again. */
		if (run->interrupted && dataset_next_round(&run->session.data) > round)
			json_object_set_new(run->record, "interrupted_round", json_integer(round));
		ret = save(run, err);
		if (ret)
			progress_tell(&run->progress, "%s; the run continues and tries again",
				      err->text);
		if (until_ci_reached(run, round) || run->nr_ran == 0)
			break;
	}
	progress_end(&run->progress);
	if (run->budget.cut) {
		note_what_was_cut(run);
		ret = save(run, err);
	}
	if (!ret)
		err->text[0] = '\0';
	return ret;
}

/* Rounds that a Ctrl-C cut short; what they have is kept, but they do not count. */
static unsigned int count_interrupted(const struct run *run)
{
	const json_t *runs = run->session.data.runs;
	unsigned int nr = 0;
	size_t i;

	for (i = 0; i < json_array_size(runs); i++)
		nr += json_integer_value(
			      json_object_get(json_array_get(runs, i), "interrupted_round")) > 0;
	return nr;
}

int rounds_plan(struct run *run, struct err *err)
{
	const struct settings *settings = &run->settings;
	unsigned int last = settings->rounds + count_interrupted(run);

	run->first_round = dataset_next_round(&run->session.data);
	/* `rounds` counts measured ones; round 0 is the warm-up. */
	if (run->first_round > last)
		return err_set(err, -EINVAL,
			       "--out %s has %u rounds already; say --rounds %u to add to them, or "
			       "name another directory",
			       settings->out, run->first_round - 1,
			       run->first_round - 1 + settings->rounds);
	run->rounds = last + 1 - run->first_round;
	run->done = xcalloc(run->session.nr_bench + 1, sizeof(*run->done));
	run->failures = xcalloc(run->session.nr_bench * run->session.arm_names.nr + 1, 1);
	run->seed = settings->has_seed ? settings->seed : (uint64_t)spawn_now_ns();
	budget_start(&run->budget, settings->budget_s, run->session.nr_bench, spawn_now_ns());
	return 0;
}

void rounds_free_plan(struct run *run)
{
	free(run->done);
	free(run->failures);
	budget_free(&run->budget);
}
