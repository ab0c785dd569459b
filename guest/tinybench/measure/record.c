/* SPDX-License-Identifier: MIT */
/* What a run was made with, as an object of the dataset. */
#include <time.h>

#include "guest/tinybench/base/file.h"
#include "guest/tinybench/base/text.h"
#include "guest/tinybench/measure/rounds.h"

static void record_arms(struct run *run)
{
	struct session *session = &run->session;
	json_t *arms = json_object();
	struct arm *arm;
	size_t i;

	for (i = 0; i < session->arm_names.nr; i++) {
		arm = &session->arms[i];
		json_object_set_new(arms, arm->name,
				    json_pack("{s:s, s:o}", "text", arm->class->text, "detail",
					      arm->detail ? text_json(arm->detail) : json_null()));
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

static json_t *list_arguments(const struct names *extra)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < extra->nr; i++)
		json_array_append_new(list, json_string(extra->at[i]));
	return list;
}

void record_start(struct run *run)
{
	const struct settings *settings = &run->settings;
	json_t *host = host_facts(run->session.build_dir);
	char date[32];
	time_t now = time(NULL);
	struct tm tm;

	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	json_object_set_new(host, "load_before", look_at_load(run));
	run->record = json_pack("{s:s, s:s, s:s, s:I, s:i, s:{s:i, s:i, s:i, s:i, s:s?, s:b, s:o}, "
				"s:{s:s, s:I}, s:o, "
				"s:o}",
				"type", "run", "schema", DATASET_SCHEMA, "date", date, "seed",
				(json_int_t)run->seed, "first_round", (int)run->first_round,
				"settings", "samples", (int)settings->samples, "min_ms",
				(int)settings->min_ms, "cpus", (int)settings->cpus, "budget_s",
				(int)settings->budget_s, "pin", settings->pin, "quick",
				(int)settings->quick, "args", list_arguments(&settings->extra),
				"bench_file", "sha256", run->session.sha256, "bytes",
				(json_int_t)file_size(run->session.bench_file), "host", host,
				"warnings", host_warnings(host));
	record_arms(run);
	record_benches(run);
	json_array_append_new(run->session.data.runs, run->record);
}

/* What the machine did meanwhile goes into the host's facts. */
void record_update(struct run *run)
{
	json_t *host = json_object_get(run->record, "host");
	struct host_load now;

	host_load_read(&now);
	json_object_set_new(host, "load_during", host_load_between(&run->before, &now));
	json_object_set_new(run->record, "warnings", host_warnings(host));
}
