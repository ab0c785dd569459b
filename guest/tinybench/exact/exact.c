/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fnmatch.h>
#include <gnu/libc-version.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/file.h"
#include "guest/tinybench/base/status.h"
#include "guest/tinybench/exact/batch.h"
#include "guest/tinybench/exact/budget.h"
#include "guest/tinybench/exact/diff.h"
#include "guest/tinybench/exact/exact.h"
#include "guest/tinybench/exact/machine.h"
#include "guest/tinybench/exact/output.h"
#include "guest/tinybench/exact/show.h"

#define COMPILER "gcc " __VERSION__

/* ---- what results depend on
 * ---------------------------------------------------------------------- */

/* The first word that `sha256sum FILE` prints. */
static char *hash_of(const char *file)
{
	char *const argv[] = {(char *)"sha256sum", (char *)file, NULL};
	struct err ignored;
	char *output = spawn_capture(argv, &ignored);

	if (output)
		output[strcspn(output, " ")] = '\0';
	return output;
}

/* The kernel package has one file boot/config-VERSION. */
static char *config_hash(const char *kernel)
{
	char *command = xasprintf("ls %s/boot/config-* 2>/dev/null", kernel), *path, *hash = NULL;
	char *const argv[] = {(char *)"/bin/sh", (char *)"-c", command, NULL};
	struct err ignored;

	path = spawn_capture(argv, &ignored);
	if (path) {
		path[strcspn(path, "\n")] = '\0';
		hash = hash_of(path);
	}
	free(path);
	free(command);
	return hash;
}

static int find_versions(json_t *versions, const char *build_dir, struct err *err)
{
	char qemu[128], *hash, *kernel = NULL;
	int ret;

	if (!machine_qemu_version(qemu, sizeof(qemu)))
		return err_set(err, -ENOENT,
			       "qemu-system-x86_64 is missing; apt-get install "
			       "--no-install-recommends qemu-system-x86");
	ret = machine_find_kernel(build_dir, &kernel, err);
	if (ret)
		return ret;
	hash = config_hash(kernel);
	json_object_set_new(versions, "qemu", json_string(qemu));
	json_object_set_new(versions, "libc", json_string(gnu_get_libc_version()));
	json_object_set_new(versions, "compiler", json_string(COMPILER));
	json_object_set_new(versions, "tinyvmm", json_string(TINYVMM_VERSION));
	json_object_set_new(versions, "kernel_config_sha256", json_string(hash ? hash : "unknown"));
	free(hash);
	free(kernel);
	return 0;
}

/* ---- counting
 * ------------------------------------------------------------------------------------ */

static char *own_directory(void)
{
	char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (length < 0)
		return xstrdup(".");
	path[length] = '\0';
	return xstrdup(dirname(path));
}

static int make_plan(struct plan *plan, const struct exact_options *options, const char *build_dir,
		     struct err *err)
{
	char *file = xasprintf("%s/guest/bench.elf", build_dir);
	struct catalog catalog = {0};
	struct names arms = {0};
	int ret = catalog_load(&catalog, file, err);

	plan_add_to_catalog(&catalog);
	names_split(&arms, options->arms);
	for (size_t i = 0; !ret && i < arms.nr; i++)
		ret = plan_add_arm(plan, arms.at[i], &catalog, options->bench, build_dir, err);
	if (!ret && plan->nr == 0)
		ret = err_set(err, -EINVAL,
			      "--bench %s: no benchmark has such a name (tinybench list)",
			      options->bench);
	names_free(&arms);
	catalog_free(&catalog);
	free(file);
	return ret;
}

static void show(const struct exact_options *options, const json_t *results)
{
	const json_t *result;
	size_t i;

	show_accounts(stdout, results);
	json_array_foreach(json_object_get(results, "results"), i,
			   result) if (options->anatomy && json_object_get(result, "functions"))
		show_functions(stdout, result);
	printf("\nResults: %s/" RESULT_FILE "; flame graphs and functions in %s/ARM/\n",
	       options->out, options->out);
}

/* OUT/budget: what tests/exact/budget could be. */
static void write_budget(const char *out, const json_t *results)
{
	char *path = xasprintf("%s/budget", out);
	FILE *file = fopen(path, "we");

	if (file)
		budget_print(file, results);
	if (!file || fclose(file) != 0)
		fprintf(stderr, "tinybench: %s: %s\n", path, strerror(errno));
	free(path);
}

/* Something was counted, or nothing had a meaning. */
static int status_of(const json_t *results, const struct plan *plan)
{
	const json_t *result;
	bool any = false;
	size_t i;

	json_array_foreach(json_object_get(results, "results"), i, result) any =
		any || json_object_get(result, "total") || plan->jobs[i].why_not;
	return any ? BENCH_STATUS_OK : BENCH_STATUS_FAILED;
}

static int count_plan(const struct exact_options *options, const char *build_dir,
		      const struct plan *plan, struct err *err)
{
	json_t *versions = json_object(), *list = NULL, *results;
	int ret = find_versions(versions, build_dir, err), status = BENCH_STATUS_FAILED;
	struct err saving;

	if (!ret)
		ret = file_make_directory(options->out, err);
	if (!ret)
		ret = batch_run(plan, options, build_dir, versions, &list, err);
	if (list) {
		results =
			json_pack("{s:s, s:O, s:s, s:o}", "type", RESULT_TYPE, "versions", versions,
				  "kernel_words", options->kernel_words, "results", list);
		if (results_save(options->out, results, &saving) < 0 && !ret)
			ret = err_set(err, -EIO, "%s", saving.text);
		write_budget(options->out, results);
		show(options, results);
		status = status_of(results, plan);
		if (!ret && options->budget)
			status = budget_check(stdout, options->budget, results, err);
		json_decref(results);
	}
	json_decref(versions);
	return ret == -EINTR ? BENCH_STATUS_INTERRUPTED : ret ? bench_status(ret) : status;
}

static int count(const struct exact_options *options, const char *build_dir, struct err *err)
{
	struct plan plan = {0};
	int ret = make_plan(&plan, options, build_dir, err);
	int status = ret ? bench_status(ret) : count_plan(options, build_dir, &plan, err);

	plan_free(&plan);
	return status;
}

int exact_command(int argc, char **argv, struct err *err)
{
	struct exact_options options;
	char *own;
	int ret = exact_options_parse(&options, argc, argv, err), status;

	if (ret)
		return bench_status(ret);
	if (options.help) {
		exact_options_help();
		return BENCH_STATUS_OK;
	}
	if (options.versions) {
		printf("%s %s\n", gnu_get_libc_version(), COMPILER);
		return BENCH_STATUS_OK;
	}
	if (options.diff[0])
		return diff_directories(stdout, options.diff[0], options.diff[1], err);
	own = own_directory();
	status = count(&options, options.build_dir ? options.build_dir : own, err);
	free(own);
	return status;
}
