/* SPDX-License-Identifier: MIT */
/* `tinybench aa`: how often does this machine show a difference that is not there? */
#ifndef GUEST_TINYBENCH_AA_H
#define GUEST_TINYBENCH_AA_H

#include "guest/tinybench/base/settings.h"

/* The exit status, as command.h says. */
int aa_command(const struct settings *settings, struct err *err);

#endif
