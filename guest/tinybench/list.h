/* SPDX-License-Identifier: MIT */
/* `tinybench list`: the arms and the benchmarks. */
#ifndef GUEST_TINYBENCH_LIST_H
#define GUEST_TINYBENCH_LIST_H

#include "guest/tinybench/base/settings.h"

/* The exit status, as command.h says. */
int list_command(const struct settings *settings, struct err *err);

#endif
