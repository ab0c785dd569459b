/* SPDX-License-Identifier: MIT */
/* `tinybench run`: rounds in random order, kept after each. */
#ifndef GUEST_TINYBENCH_RUN_H
#define GUEST_TINYBENCH_RUN_H

#include "guest/tinybench/base/settings.h"

enum exit_status {
	EXIT_STATUS_WELL = 0,
	EXIT_STATUS_FAILED = 1,
	EXIT_STATUS_USAGE = 2,
	EXIT_STATUS_INTERRUPTED = 3,
};

/* The exit status. */
int run_command(const struct settings *settings);

#endif
