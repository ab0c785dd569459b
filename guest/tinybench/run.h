/* SPDX-License-Identifier: MIT */
/* `tinybench run`: rounds in random order, kept after each. */
#ifndef GUEST_TINYBENCH_RUN_H
#define GUEST_TINYBENCH_RUN_H

#include "guest/tinybench/base/settings.h"

/* The exit status, as command.h says. */
int run_command(const struct settings *settings, struct err *err);

#endif
