/* SPDX-License-Identifier: MIT */
/*
 * `tinybench exact`: counts the instructions of operations in a machine of its own, says whose they
 * are, and compares. Its options are its own (options.c); the exit status is tinybench's.
 */
#ifndef GUEST_TINYBENCH_EXACT_EXACT_H
#define GUEST_TINYBENCH_EXACT_EXACT_H

#include "vmm/core/err.h"

/* argv[0] is "exact". `err` has a text where there is something to say of a failure. */
int exact_command(int argc, char **argv, struct err *err);

#endif
