/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/file.h"
#include "guest/tinybench/exact/analysis.h"
#include "guest/tinybench/exact/batch.h"
#include "guest/tinybench/exact/output.h"

/* A machine with more jobs than that takes too long to end. */
#define MAX_JOBS_OF_A_MACHINE 10

/* The jobs that one machine runs: of one arm and one group of benchmarks. */
struct share {
	struct plan_job *jobs[MAX_JOBS_OF_A_MACHINE];
	size_t nr;
	char *dir;
	pid_t pid; /* 0: not started yet; -1: ended */
};

struct batch {
	const struct exact_options *options;
	const char *build_dir;
	struct share *shares;
	size_t nr, capacity;
	int signal_fd;
};

/* ---- shares
 * -------------------------------------------------------------------------------------- */

static bool same_group(const struct plan_job *a, const struct plan_job *b)
{
	size_t length = catalog_group_length(a->bench);

	return strcmp(a->arm, b->arm) == 0 && length == catalog_group_length(b->bench) &&
	       strncmp(a->bench, b->bench, length) == 0;
}

static void divide(struct batch *batch, const struct plan *plan)
{
	struct share *share = NULL;

	for (size_t i = 0; i < plan->nr; i++) {
		struct plan_job *job = &plan->jobs[i];

		if (job->why_not)
			continue;
		if (!share || share->nr == MAX_JOBS_OF_A_MACHINE ||
		    !same_group(share->jobs[0], job)) {
			batch->shares = xgrow(batch->shares, batch->nr, &batch->capacity,
					      sizeof(batch->shares[0]));
			share = &batch->shares[batch->nr++];
			*share = (struct share){
				.dir = xasprintf("%s/machine-%zu", batch->options->out, batch->nr)};
		}
		share->jobs[share->nr++] = job;
	}
}

/* ---- in a process of its own
 * --------------------------------------------------------------------- */

static void analyse_share(const struct batch *batch, const struct share *share,
			  const struct machine *machine, const struct err *failure, json_t *results)
{
	char *path = xasprintf("%s/" TRACE_INSNS, share->dir);
	struct insns insns = {0};
	struct err ignored;

	(void)insns_load(&insns, path, &ignored);
	for (size_t i = 0; i < share->nr; i++) {
		const struct plan_job *job = share->jobs[i];
		char *listing = batch->options->listing ? output_path(batch->options->out, job->arm,
								      job->bench, "listing")
							: NULL;
		json_t *result = failure ? result_from_reason(job, failure->text)
					 : analyse(machine, &insns, job, listing);

		output_write(batch->options->out, result);
		json_array_append_new(results, result);
		free(listing);
	}
	insns_free(&insns);
	free(path);
}

static int write_json(FILE *file, const void *opaque)
{
	(void)json_dumpf(opaque, file, JSON_COMPACT | JSON_REAL_PRECISION(15));
	return 0;
}

/* The machine, and then what it has to tell, in DIR/result; and in DIR/version which kernel ran. */
static _Noreturn void run_share(const struct batch *batch, const struct share *share)
{
	struct machine machine = {.build_dir = batch->build_dir,
				  .kernel_words = batch->options->kernel_words,
				  .dir = share->dir,
				  .signal_fd = batch->signal_fd};
	json_t *results = json_array(), *both;
	struct err err;
	char *version;
	int ret = machine_run(&machine, share->jobs, share->nr, &err);

	if (ret == -EINTR)
		_exit(1);
	version = ret ? NULL : machine_file(&machine, 0, "version");
	analyse_share(batch, share, &machine, ret ? &err : NULL, results);
	both = json_pack("{s:o, s:s}", "results", results, "kernel", version ? version : "");
	ret = file_replace(share->dir, "result", write_json, both, &err);
	if (ret)
		fprintf(stderr, "tinybench: %s\n", err.text);
	_exit(ret ? 1 : 0);
}

static int start_share(struct batch *batch, struct share *share, struct err *err)
{
	int ret = file_make_directory(share->dir, err);

	if (ret)
		return ret;
	fprintf(stderr, "%s: %s%s\n", share->jobs[0]->arm, share->jobs[0]->bench,
		share->nr > 1 ? " and others" : "");
	fflush(NULL);
	share->pid = fork();
	if (share->pid == 0)
		run_share(batch, share);
	return share->pid < 0 ? err_set(err, -errno, "fork: %s", strerror(errno)) : 0;
}

/* ---- all of them
 * --------------------------------------------------------------------------------- */

static void end_all(struct batch *batch)
{
	for (size_t i = 0; i < batch->nr; i++)
		if (batch->shares[i].pid > 0)
			kill(batch->shares[i].pid, SIGTERM);
	while (wait(NULL) > 0)
		;
}

/* Waits for one to end, or for a signal that ends all. */
static int await_one(struct batch *batch, struct err *err)
{
	sigset_t signals;
	pid_t pid;
	int got;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	for (;;) {
		pid = waitpid(-1, NULL, WNOHANG);
		for (size_t i = 0; pid > 0 && i < batch->nr; i++) {
			if (batch->shares[i].pid == pid) {
				batch->shares[i].pid = -1;
				return 0;
			}
		}
		got = sigwaitinfo(&signals, NULL);
		if (got == SIGINT || got == SIGTERM) {
			end_all(batch);
			return err_set(err, -EINTR, "interrupted");
		}
	}
}

static int run_shares(struct batch *batch, struct err *err)
{
	unsigned int running = 0;
	int ret = 0;

	for (size_t i = 0; !ret && i < batch->nr; i++) {
		if (running == batch->options->jobs) {
			ret = await_one(batch, err);
			running--;
		}
		if (!ret)
			ret = start_share(batch, &batch->shares[i], err);
		running++;
	}
	while (!ret && running-- > 0)
		ret = await_one(batch, err);
	return ret;
}

static json_t *result_of(const struct batch *batch, const struct plan_job *job,
			 json_t *const *outcomes)
{
	if (job->why_not)
		return result_from_reason(job, job->why_not);
	for (size_t i = 0; i < batch->nr; i++)
		for (size_t j = 0; j < batch->shares[i].nr; j++)
			if (batch->shares[i].jobs[j] == job && outcomes[i])
				return json_incref(
					json_array_get(json_object_get(outcomes[i], "results"), j));
	return result_from_reason(job, "the process that counts it did not come to its end");
}

static json_t *collect(const struct batch *batch, const struct plan *plan, json_t *versions)
{
	json_t **outcomes = xcalloc(batch->nr + 1, sizeof(json_t *)), *results = json_array();
	json_error_t error;

	for (size_t i = 0; i < batch->nr; i++) {
		char *path = xasprintf("%s/result", batch->shares[i].dir);
		const char *kernel;

		outcomes[i] = json_load_file(path, 0, &error);
		kernel = json_string_value(json_object_get(outcomes[i], "kernel"));
		if (kernel && kernel[0])
			json_object_set_new(versions, "kernel",
					    json_stringn(kernel, strcspn(kernel, "\n")));
		free(path);
	}
	for (size_t i = 0; i < plan->nr; i++)
		json_array_append_new(results, result_of(batch, &plan->jobs[i], outcomes));
	for (size_t i = 0; i < batch->nr; i++)
		json_decref(outcomes[i]);
	free(outcomes);
	return results;
}

int batch_run(const struct plan *plan, const struct exact_options *options, const char *build_dir,
	      json_t *versions, json_t **results, struct err *err)
{
	struct batch batch = {.options = options, .build_dir = build_dir};
	sigset_t signals, before;
	int ret;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	batch.signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, &before);
	divide(&batch, plan);
	ret = run_shares(&batch, err);
	if (!ret || ret == -EINTR)
		*results = collect(&batch, plan, versions);
	sigprocmask(SIG_SETMASK, &before, NULL);
	for (size_t i = 0; i < batch.nr; i++) {
		file_remove_tree(batch.shares[i].dir);
		free(batch.shares[i].dir);
	}
	free(batch.shares);
	close(batch.signal_fd);
	return ret;
}
