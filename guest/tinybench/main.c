/* SPDX-License-Identifier: MIT */
/* tinybench: one benchmark file, natively, in containers and in virtual machines. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "guest/tinybench/arms/arm.h"
#include "guest/tinybench/diff.h"
#include "guest/tinybench/measure/own.h"
#include "guest/tinybench/report/report.h"
#include "guest/tinybench/run.h"
#include "guest/tinybench/measure/session.h"
#include "guest/tinybench/base/settings.h"
#include "guest/tinybench/report/table.h"

static int list_command(const struct settings *settings)
{
	char *dir = settings->build_dir ? NULL : session_own_directory();
	char file[4096];
	const struct arm_class *class;
	struct catalog all = {0};
	struct reason reason;
	int error;
	size_t i;

	(void)snprintf(file, sizeof(file), "%s/guest/bench.elf", dir ? dir : settings->build_dir);
	error = catalog_load(&all, file, &reason);
	own_add_to_catalog(&all);
	puts("Arms:");
	for (i = 0; (class = arm_class_at(i)); i++)
		printf("  %-20s %s\n", class->name, class->text);
	puts("Variants: vm:pin, vm:nopin, ARM:pages=4k, ARM:pages=thp, ARM:pages=2m, "
	     "container:runc,\n"
	     "  container:docker, container:podman, container:bwrap; several as in "
	     "vm:pin:pages=2m\n"
	     "\nBenchmarks:");
	for (i = 0; i < all.nr; i++)
		printf("  %-20s %-6s %s\n", all.at[i]->name, all.at[i]->unit, all.at[i]->text);
	if (error)
		fprintf(stderr, "tinybench: %s: %s; run make\n", file, reason.text);
	catalog_free(&all);
	free(dir);
	return error ? EXIT_STATUS_FAILED : EXIT_STATUS_WELL;
}

static int report_command(const struct settings *settings)
{
	const char *dir = settings->dirs[0];
	struct dataset data;
	struct summary summary = {0};
	struct reason reason;
	int error;

	dataset_init(&data);
	error = dataset_load(&data, dir, &reason);
	if (!error && json_array_size(data.runs) == 0)
		error = reason_set(&reason, -EINVAL, "%s has no results (" DATASET_FILE ")", dir);
	if (!error) {
		summary_make(&summary, &data);
		table_print(stdout, &summary, &data);
		error = summary_save(&summary, &data, dir, &reason);
	}
	if (!error)
		error = report_save(&summary, &data, dir, &reason);
	if (error)
		fprintf(stderr, "tinybench: %s\n", reason.text);
	summary_free(&summary);
	dataset_free(&data);
	return error == -EINVAL ? EXIT_STATUS_USAGE : error ? EXIT_STATUS_FAILED : EXIT_STATUS_WELL;
}

int main(int argc, char **argv)
{
	struct settings settings;
	struct reason reason;
	int status = EXIT_STATUS_WELL;

	if (settings_parse(&settings, argc, argv, &reason) < 0) {
		fprintf(stderr, "tinybench: %s\n", reason.text);
		settings_free(&settings);
		return EXIT_STATUS_USAGE;
	}
	switch (settings.command) {
	case COMMAND_HELP:
		settings_help();
		break;
	case COMMAND_VERSION:
		puts("tinybench " TINYVMM_VERSION);
		break;
	case COMMAND_LIST:
		status = list_command(&settings);
		break;
	case COMMAND_RUN:
		status = run_command(&settings);
		break;
	case COMMAND_REPORT:
		status = report_command(&settings);
		break;
	case COMMAND_DIFF:
		status = diff_command(&settings);
		break;
	case COMMAND_AA:
		status = aa_command(&settings);
		break;
	}
	settings_free(&settings);
	return status;
}
