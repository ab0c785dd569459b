/* SPDX-License-Identifier: MIT */
/* `tinybench report DIR`: what follows from the samples in DIR, made again. */
#ifndef GUEST_TINYBENCH_REPORT_H
#define GUEST_TINYBENCH_REPORT_H

#include "guest/tinybench/base/settings.h"

/* The exit status, as command.h says. */
int report_command(const struct settings *settings, struct err *err);

#endif
