/* SPDX-License-Identifier: MIT */
/* `tinybench diff DIR1 DIR2`: what changed from one result to the other. */
#ifndef GUEST_TINYBENCH_DIFF_H
#define GUEST_TINYBENCH_DIFF_H

#include "guest/tinybench/base/settings.h"

/* The exit status, as command.h says. */
int diff_command(const struct settings *settings, struct err *err);

#endif
