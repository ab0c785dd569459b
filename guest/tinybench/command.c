/* SPDX-License-Identifier: MIT */
/* From words to a command. */
#include <stdio.h>

#include "guest/tinybench/aa.h"
#include "guest/tinybench/base/file.h"
#include "guest/tinybench/base/settings.h"
#include "guest/tinybench/base/status.h"
#include "guest/tinybench/command.h"
#include "guest/tinybench/diff.h"
#include "guest/tinybench/list.h"
#include "guest/tinybench/report.h"
#include "guest/tinybench/run.h"

static int run_one(const struct settings *settings, struct err *err)
{
	switch (settings->command) {
	case COMMAND_LIST:
		return list_command(settings, err);
	case COMMAND_RUN:
		return run_command(settings, err);
	case COMMAND_REPORT:
		return report_command(settings, err);
	case COMMAND_DIFF:
		return diff_command(settings, err);
	case COMMAND_AA:
		return aa_command(settings, err);
	case COMMAND_VERSION:
		puts("tinybench " TINYVMM_VERSION);
		break;
	case COMMAND_HELP:
		settings_help();
		break;
	}
	return BENCH_STATUS_OK;
}

int command_line(int argc, char **argv, struct err *err)
{
	struct settings settings;
	struct err output;
	int status, ret;

	err->text[0] = '\0';
	ret = settings_parse(&settings, argc, argv, err);
	status = ret ? bench_status(ret) : run_one(&settings, err);
	settings_free(&settings);
	/* A table that did not arrive is no success. */
	if (file_flush(stdout, "standard output", &output) < 0 && status == BENCH_STATUS_OK) {
		*err = output;
		status = BENCH_STATUS_FAILED;
	}
	return status;
}
