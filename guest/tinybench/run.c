/* SPDX-License-Identifier: MIT */
/* `tinybench run`. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "guest/tinybench/base/status.h"
#include "guest/tinybench/measure/resume.h"
#include "guest/tinybench/measure/rounds.h"
#include "guest/tinybench/report/page.h"
#include "guest/tinybench/report/table.h"
#include "guest/tinybench/run.h"

/* Continuing is only honest with the same bytes. */
static int check_same_file(const struct run *run, struct err *err)
{
	const struct session *session = &run->session;
	json_t *first = json_array_get(session->data.runs, 0);
	const char *sha256 =
		json_string_value(json_object_get(json_object_get(first, "bench_file"), "sha256"));

	if (sha256 && strcmp(sha256, session->sha256) != 0)
		return err_set(err, -EINVAL,
			       "--out %s has results of another benchmark file (SHA-256 %.16s..., "
			       "now %.16s...); name another directory",
			       run->settings.out, sha256, session->sha256);
	return 0;
}

static int refuse_if_strict(const struct run *run, struct err *err)
{
	json_t *warnings = json_object_get(run->record, "warnings");
	char all[sizeof(err->text)] = "";
	size_t i, length = 0;

	if (!run->settings.strict || json_array_size(warnings) == 0)
		return 0;
	for (i = 0; i < json_array_size(warnings) && length < sizeof(all); i++)
		length +=
			(size_t)snprintf(all + length, sizeof(all) - length, "%s%s", i ? "; " : "",
					 json_string_value(json_array_get(warnings, i)));
	return err_set(err, -EPERM, "--strict: this machine spoils the figures: %.600s", all);
}

/* What the directory has is read under its lock: no other run adds to it from here on. */
static int open_results(struct run *run, struct err *err)
{
	int ret = session_claim(&run->session, run->settings.out, err);

	if (!ret)
		ret = dataset_load(&run->session.data, run->settings.out, err);
	if (!ret)
		ret = check_same_file(run, err);
	if (!ret)
		ret = resume_settings(&run->settings, &run->session.data, err);
	settings_fill_defaults(&run->settings);
	return ret;
}

static int prepare(struct run *run, struct err *err)
{
	int ret = session_open(&run->session, &run->settings, err);

	if (!ret)
		ret = open_results(run, err);
	if (!ret)
		ret = session_prepare(&run->session, err);
	if (!ret)
		ret = rounds_plan(run, err);
	if (ret)
		return ret;
	record_start(run);
	return refuse_if_strict(run, err);
}

/* 0, or -errno if the page cannot be written. *failed: a cell went wrong that should not. */
static int show(struct run *run, bool *failed, struct err *err)
{
	const char *dir = run->settings.out;
	struct summary summary;
	size_t i;
	int ret;

	summary_make(&summary, &run->session.data);
	table_print(stdout, &summary, &run->session.data);
	for (i = 0; i < summary.nr; i++)
		*failed = *failed || summary.at[i].failed;
	if (run->budget.cut)
		printf("--budget %u: not all of the %u rounds fitted\n", run->settings.budget_s,
		       run->settings.rounds);
	ret = page_save(&summary, &run->session.data, dir, err);
	if (!ret && !run->interrupted)
		printf("\n%s/report.html has plots and all facts about the host\n", dir);
	summary_free(&summary);
	return ret;
}

/* The exit status. A message about what could not be kept precedes one about what is not shown. */
static int conclude(struct run *run, struct err *err)
{
	struct err later;
	bool failed = false;
	int kept = rounds_run(run, err);
	int ret = show(run, &failed, kept ? &later : err);

	if (!kept && !ret)
		ret = refuse_if_strict(run, err); /* what came up while it ran */
	if (run->interrupted && kept)
		err_prefix(err, kept, "interrupted; what was measured could not all be kept in %s",
			   run->settings.out);
	else if (run->interrupted)
		err_set(err, -EINTR,
			"interrupted; what was measured is in %s, and the same command continues "
			"it",
			run->settings.out);
	if (run->interrupted)
		return BENCH_STATUS_INTERRUPTED;
	return kept || ret || failed ? BENCH_STATUS_FAILED : BENCH_STATUS_OK;
}

int run_command(const struct settings *settings, struct err *err)
{
	struct run run = {0};
	int ret, status;

	settings_copy(&run.settings, settings);
	ret = prepare(&run, err);
	status = ret ? bench_status(ret) : conclude(&run, err);
	rounds_free_plan(&run);
	session_close(&run.session);
	settings_free(&run.settings);
	return status;
}
