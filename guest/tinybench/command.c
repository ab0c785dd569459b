/* SPDX-License-Identifier: MIT */
/* From words to a command. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest/tinybench/aa.h"
#include "guest/tinybench/base/file.h"
#include "guest/tinybench/base/settings.h"
#include "guest/tinybench/base/status.h"
#include "guest/tinybench/command.h"
#include "guest/tinybench/diff.h"
#include "guest/tinybench/exact/exact.h"
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

/*
 * Standard output whose reader is gone (`tinybench run | head`) is an error with a message, and not
 * the end in the middle of a run. A descriptor that is closed would be that of the next file.
 */
static void guard_standard_descriptors(void)
{
	int fd;

	(void)signal(SIGPIPE, SIG_IGN);
	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			(void)open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_RDWR);
}

int command_line(int argc, char **argv, struct err *err)
{
	struct settings settings;
	struct err output;
	int status, ret;

	guard_standard_descriptors();
	err->text[0] = '\0';
	if (argc > 1 && strcmp(argv[1], "exact") == 0) {
		status = exact_command(argc - 1, argv + 1, err);
	} else {
		ret = settings_parse(&settings, argc, argv, err);
		status = ret ? bench_status(ret) : run_one(&settings, err);
		settings_free(&settings);
	}
	/* A table that did not arrive is no success. */
	if (file_flush(stdout, "standard output", &output) < 0 && status == BENCH_STATUS_OK) {
		*err = output;
		status = BENCH_STATUS_FAILED;
	}
	return status;
}
