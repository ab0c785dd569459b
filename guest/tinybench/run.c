/* SPDX-License-Identifier: MIT */
/*
 * `tinybench run`. In each round every benchmark runs once in every arm: benchmarks in random
 * order, and for each of them the arms in random order, one right after the other, so that what
 * drifts (temperature, neighbours) meets all arms alike and a round's ratio is one of equals. Round
 * 0 is a warm-up.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/file.h"
#include "guest/tinybench/host/host.h"
#include "guest/tinybench/measure/own.h"
#include "guest/tinybench/base/prng.h"
#include "guest/tinybench/measure/progress.h"
#include "guest/tinybench/report/report.h"
#include "guest/tinybench/run.h"
#include "guest/tinybench/measure/session.h"
#include "guest/tinybench/data/summary.h"
#include "guest/tinybench/report/table.h"

#define GIVE_UP_AFTER 3 /* failures of the same benchmark in the same arm, one after the other */

struct run {
	struct session session;
	struct progress progress;
	json_t *record; /* the {"type":"run"} object; borrowed from the dataset */
	struct host_load before;
	uint64_t seed;
	unsigned int first_round, rounds; /* of this call, with a warm-up */
	bool *done;			  /* by benchmark: known well enough (--until-ci) */
	unsigned char *failures; /* by benchmark and arm, in a row; GIVE_UP_AFTER: no more */
	/* --budget: when it ends, what each benchmark took in the last round, if any was cut. */
	int64_t deadline_ns, *cost_ns;
	size_t nr_ran; /* benchmarks, in the current round */
	bool cut, interrupted;
};

/* ---- the record ---- */

static void record_arms(struct run *run)
{
	struct session *session = &run->session;
	json_t *arms = json_object();
	struct arm *arm;
	size_t i;

	for (i = 0; i < session->arm_names.nr; i++) {
		arm = &session->arms[i];
		json_object_set_new(
			arms, arm->name,
			json_pack("{s:s, s:s?}", "text", arm->class->text, "detail", arm->detail));
	}
	json_object_set_new(run->record, "arms", arms);
}

static void record_benches(struct run *run)
{
	json_t *benches = json_array();
	const struct bench *bench;
	size_t i;

	for (i = 0; i < run->session.nr_bench; i++) {
		bench = run->session.bench[i];
		catalog_add(&run->session.data.benches, bench->name, bench->unit,
			    bench->higher_is_better, bench->text); /* in the list's order */
		json_array_append_new(benches,
				      json_pack("{s:s, s:s, s:s, s:s}", "bench", bench->name,
						"unit", bench->unit, "better",
						bench->higher_is_better ? "higher" : "lower",
						"text", bench->text));
	}
	json_object_set_new(run->record, "benches", benches);
}

/* For half a second: the load average still remembers a run that has just ended. */
static json_t *look_at_load(struct run *run)
{
	const struct timespec pause = {.tv_nsec = 500000000};
	struct host_load earlier;

	host_load_read(&earlier);
	nanosleep(&pause, NULL);
	host_load_read(&run->before);
	return host_load_between(&earlier, &run->before);
}

static void start_record(struct run *run)
{
	const struct settings *settings = run->session.settings;
	json_t *host = host_facts(run->session.build_dir);
	char date[32];
	time_t now = time(NULL);
	struct tm tm;

	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	json_object_set_new(host, "load_before", look_at_load(run));
	run->record = json_pack(
		"{s:s, s:s, s:s, s:I, s:i, s:{s:i, s:i, s:i, s:i, s:s?, s:b}, s:{s:s, s:I}, s:o, "
		"s:o}",
		"type", "run", "schema", DATASET_SCHEMA, "date", date, "seed",
		(json_int_t)run->seed, "first_round", (int)run->first_round, "settings", "samples",
		(int)settings->samples, "min_ms", (int)settings->min_ms, "cpus",
		(int)settings->cpus, "budget_s", (int)settings->budget_s, "pin", settings->pin,
		"quick", (int)settings->quick, "bench_file", "sha256", run->session.sha256, "bytes",
		(json_int_t)file_size(run->session.bench_file), "host", host, "warnings",
		host_warnings(host));
	record_arms(run);
	record_benches(run);
	json_array_append_new(run->session.data.runs, run->record);
}

/* What the machine did meanwhile goes into the host's facts. */
static void update_record(struct run *run)
{
	json_t *host = json_object_get(run->record, "host");
	struct host_load now;

	host_load_read(&now);
	json_object_set_new(host, "load_during", host_load_between(&run->before, &now));
	json_object_set_new(run->record, "warnings", host_warnings(host));
}

/* ---- keeping results ---- */

/* The summary follows from it, takes longer, and waits for the end. */
static int save(struct run *run, struct reason *reason)
{
	update_record(run);
	return dataset_save(&run->session.data, run->session.settings->out, reason);
}

/* ---- --until-ci ---- */

/* Of some benchmarks a few rounds after the warm-up will do. */
static bool has_enough(const struct run *run, const struct own_bench *own, unsigned int round)
{
	unsigned int first = run->first_round ? run->first_round : 1;

	return own && own->rounds && (round < first || round - first >= own->rounds);
}

/* Whether no more rounds of this benchmark will be made in this arm. */
static bool is_out(const struct run *run, size_t bench_index, size_t arm_index)
{
	size_t nr_arms = run->session.arm_names.nr;

	return !run->session.arms[arm_index].ready ||
	       run->failures[bench_index * nr_arms + arm_index] == GIVE_UP_AFTER;
}

/* What has no figure yet, as after the warm-up, is not known. */
static bool is_narrow(const struct run *run, const struct result *result)
{
	return result && summary_widest(result) <= run->session.settings->until_ci;
}

/* Native's own interval does not matter where others are compared with it. */
static bool is_known(const struct run *run, const struct summary *summary, size_t bench_index)
{
	const struct session *session = &run->session;
	const char *bench = session->bench[bench_index]->name;
	bool others = false, native_is_known = true;
	size_t i;

	for (i = 0; i < session->arm_names.nr; i++) {
		const char *arm = session->arm_names.at[i];
		bool known = is_out(run, bench_index, i) ||
			     is_narrow(run, summary_find(summary, bench, arm));

		if (strcmp(arm, SUMMARY_BASE) == 0)
			native_is_known = known;
		else if (!known)
			return false;
		else
			others = others || !is_out(run, bench_index, i);
	}
	return others || native_is_known;
}

/* With --until-ci: marks the benchmarks that are known well enough; true if all are. */
static bool mark_done(struct run *run, unsigned int round)
{
	const struct session *session = &run->session;
	struct summary summary;
	bool all = true;
	size_t i;

	if (session->settings->until_ci <= 0)
		return false;
	summary_make(&summary, &session->data);
	for (i = 0; i < session->nr_bench; i++) {
		run->done[i] = has_enough(run, own_find(session->bench[i]->name), round + 1) ||
			       is_known(run, &summary, i);
		all = all && run->done[i];
	}
	summary_free(&summary);
	return all;
}

/* ---- rounds ---- */

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
	bool warmup = round == 0, goes_on = true;
	unsigned char *failures;
	struct arm *arm;

	prng_shuffle(prng, order, nr_arms);
	for (i = 0; goes_on && i < nr_arms; i++) {
		arm = &session->arms[order[i]];
		failures = &run->failures[bench_index * nr_arms + order[i]];
		if (!arm->ready)
			continue;
		if (*failures == GIVE_UP_AFTER || has_enough(run, own, round)) {
			progress_cell_done(&run->progress);
			continue;
		}
		progress_cell(&run->progress, round, bench->name, arm->name);
		goes_on = !session_interrupted(session) &&
			  session_run_cell(session, arm, bench, round, warmup);
		if (goes_on)
			count_failures(run, failures, bench, arm, round);
		progress_cell_done(&run->progress);
	}
	free(order);
	return goes_on;
}

/* Whether the benchmark would not end in time. All arms or none: a round's ratios stay pairs. */
static bool is_too_late(const struct run *run, size_t bench_index, int64_t now)
{
	return run->deadline_ns && now + run->cost_ns[bench_index] > run->deadline_ns;
}

/* False if interrupted. */
static bool run_bench_in_time(struct run *run, struct prng *prng, size_t bench_index,
			      unsigned int round)
{
	int64_t start = spawn_now_ns();
	bool goes_on;

	if (is_too_late(run, bench_index, start)) {
		run->cut = true;
		return true;
	}
	goes_on = run_bench(run, prng, bench_index, round);
	run->cost_ns[bench_index] = spawn_now_ns() - start;
	run->nr_ran++;
	return goes_on;
}

/* False if interrupted. */
static bool run_round(struct run *run, unsigned int round)
{
	size_t nr = run->session.nr_bench, i, *order = xcalloc(nr + 1, sizeof(*order));
	struct prng prng = {run->seed + round};
	bool goes_on = true;
	char what[32];

	prng_shuffle(&prng, order, nr);
	run->nr_ran = 0;
	for (i = 0; goes_on && i < nr; i++)
		if (!run->done[order[i]])
			goes_on = run_bench_in_time(run, &prng, order[i], round);
	free(order);
	(void)snprintf(what, sizeof(what), round == 0 ? "warm-up round" : "round %u", round);
	if (goes_on && run->nr_ran)
		progress_round(&run->progress, what);
	return goes_on;
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
		       session->settings->budget_s);
	for (i = 0; run->cut && i < session->nr_bench; i++) {
		const struct bench *bench = catalog_find(&data->benches, session->bench[i]->name);

		for (j = 0; j < session->arm_names.nr; j++) {
			const char *arm = dataset_arm(data, session->arm_names.at[j]);

			dataset_rounds(data, bench, arm, &rounds);
			if (rounds.nr == 0 && session->arms[j].ready &&
			    !dataset_note(data, bench, arm))
				dataset_add_note(data, bench, arm, run->first_round, false, text);
			rounds_free(&rounds);
		}
	}
}

/* A full disk does not end the run: space may come back, and the data is kept in memory. */
static int run_rounds(struct run *run, struct reason *reason)
{
	unsigned int round, last = run->first_round + run->rounds;
	size_t nr_arms = 0, i;
	int error = 0;

	for (i = 0; i < run->session.arm_names.nr; i++)
		nr_arms += run->session.arms[i].ready;
	progress_start(&run->progress, run->rounds * run->session.nr_bench * nr_arms);
	run->progress.deadline_ns = run->deadline_ns;
	for (round = run->first_round; round < last && !run->interrupted; round++) {
		run->interrupted = !run_round(run, round);
		if (run->interrupted)
			json_object_set_new(run->record, "interrupted_round", json_integer(round));
		error = save(run, reason);
		if (error)
			fprintf(stderr, "tinybench: %s; going on\n", reason->text);
		if (mark_done(run, round) || run->nr_ran == 0)
			break;
	}
	progress_end(&run->progress);
	note_what_was_cut(run);
	return run->cut ? save(run, reason) : error;
}

/* ---- before and after ---- */

/* Continuing is only honest with the same bytes. */
static int check_same_file(const struct run *run, struct reason *reason)
{
	const struct session *session = &run->session;
	json_t *first = json_array_get(session->data.runs, 0);
	const char *sha256 =
		json_string_value(json_object_get(json_object_get(first, "bench_file"), "sha256"));

	if (sha256 && strcmp(sha256, session->sha256) != 0)
		return reason_set(
			reason, -EINVAL,
			"--out %s has results of another benchmark file (SHA-256 %.16s..., "
			"now %.16s...); name another directory",
			session->settings->out, sha256, session->sha256);
	return 0;
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

static int plan_rounds(struct run *run, struct reason *reason)
{
	const struct settings *settings = run->session.settings;
	unsigned int last = settings->rounds + count_interrupted(run);

	run->first_round = dataset_next_round(&run->session.data);
	/* `rounds` counts measured ones; round 0 is the warm-up. */
	if (run->first_round > last)
		return reason_set(
			reason, -EINVAL,
			"--out %s has %u rounds already; say --rounds %u to add to them, or "
			"name another directory",
			settings->out, run->first_round - 1,
			run->first_round - 1 + settings->rounds);
	run->rounds = last + 1 - run->first_round;
	run->done = xcalloc(run->session.nr_bench + 1, sizeof(*run->done));
	run->cost_ns = xcalloc(run->session.nr_bench + 1, sizeof(*run->cost_ns));
	if (settings->budget_s)
		run->deadline_ns = spawn_now_ns() + (int64_t)settings->budget_s * 1000000000;
	run->failures = xcalloc(run->session.nr_bench * run->session.arm_names.nr + 1, 1);
	run->seed = settings->has_seed ? settings->seed : (uint64_t)spawn_now_ns();
	return 0;
}

static int refuse_if_strict(const struct run *run, struct reason *reason)
{
	json_t *warnings = json_object_get(run->record, "warnings");
	size_t i;

	if (!run->session.settings->strict)
		return 0;
	for (i = 0; i < json_array_size(warnings); i++)
		fprintf(stderr, "tinybench: warning: %s\n",
			json_string_value(json_array_get(warnings, i)));
	if (json_array_size(warnings) == 0)
		return 0;
	return reason_set(reason, -EPERM, "--strict: this machine spoils the figures");
}

static int prepare(struct run *run, const struct settings *settings, struct reason *reason)
{
	int error = session_open(&run->session, settings, reason);

	if (!error)
		error = file_make_directory(settings->out, reason);
	if (!error)
		error = dataset_load(&run->session.data, settings->out, reason);
	if (!error)
		error = check_same_file(run, reason);
	if (!error)
		error = plan_rounds(run, reason);
	if (!error)
		error = session_prepare(&run->session, settings->out, reason);
	if (error)
		return error;
	start_record(run);
	return refuse_if_strict(run, reason);
}

/* True if something went wrong that was not known to be impossible. */
static bool show(struct run *run)
{
	const char *dir = run->session.settings->out;
	struct summary summary;
	struct reason reason;
	bool failed = false;
	size_t i;

	summary_make(&summary, &run->session.data);
	table_print(stdout, &summary, &run->session.data);
	for (i = 0; i < summary.nr; i++)
		failed = failed || summary.at[i].failed;
	if (run->cut)
		printf("--budget %u: not all of the %u rounds fitted\n",
		       run->session.settings->budget_s, run->session.settings->rounds);
	if (summary_save(&summary, &run->session.data, dir, &reason) < 0 ||
	    report_save(&summary, &run->session.data, dir, &reason) < 0) {
		fprintf(stderr, "tinybench: %s\n", reason.text);
		failed = true;
	} else if (!run->interrupted) {
		printf("\n%s/report.html has plots and all facts about the host\n", dir);
	}
	summary_free(&summary);
	return failed;
}

int run_command(const struct settings *settings)
{
	struct run run = {0};
	struct reason reason;
	int status = EXIT_STATUS_WELL, error = prepare(&run, settings, &reason);
	bool kept;

	if (error) {
		fprintf(stderr, "tinybench: %s\n", reason.text);
		status = error == -EINVAL ? EXIT_STATUS_USAGE : EXIT_STATUS_FAILED;
		goto out;
	}
	kept = run_rounds(&run, &reason) == 0;
	if (!kept) {
		fprintf(stderr, "tinybench: %s\n", reason.text);
		status = EXIT_STATUS_FAILED;
	}
	if (show(&run))
		status = EXIT_STATUS_FAILED;
	if (refuse_if_strict(&run, &reason) < 0) { /* what came up while it ran */
		fprintf(stderr, "tinybench: %s\n", reason.text);
		status = EXIT_STATUS_FAILED;
	}
	if (run.interrupted) {
		fprintf(stderr, "tinybench: interrupted; what was measured %s %s%s\n",
			kept ? "is in" : "could not all be kept in", settings->out,
			kept ? ", and the same command goes on" : "");
		status = EXIT_STATUS_INTERRUPTED;
	}
out:
	free(run.done);
	free(run.cost_ns);
	free(run.failures);
	session_close(&run.session);
	return status;
}
