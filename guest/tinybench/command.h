/* SPDX-License-Identifier: MIT */
/* A whole command line of tinybench. */
#ifndef GUEST_TINYBENCH_COMMAND_H
#define GUEST_TINYBENCH_COMMAND_H

#include "vmm/core/err.h"

/*
 * Does what the words ask for, to the last byte of standard output, and returns the exit status
 * (base/status.h). `err` has the message for the user on standard error, or an empty text. Each
 * command (list.h, run.h, report.h, diff.h, aa.h) keeps to the same contract.
 */
int command_line(int argc, char **argv, struct err *err);

#endif
