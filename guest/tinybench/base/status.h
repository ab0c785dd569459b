/* SPDX-License-Identifier: MIT */
/*
 * What tinybench's exit status says. 0 and 2 are those of tinyvmm (vmm/core/exit_status.h); the
 * other two are odd, which tinyvmm leaves to its guests.
 */
#ifndef GUEST_TINYBENCH_BASE_STATUS_H
#define GUEST_TINYBENCH_BASE_STATUS_H

#include <errno.h>

#include "vmm/core/exit_status.h"

enum bench_status {
	BENCH_STATUS_OK = EXIT_STATUS_OK,
	BENCH_STATUS_FAILED = 1, /* something could not be measured, read or written */
	BENCH_STATUS_USAGE = EXIT_STATUS_USAGE,
	BENCH_STATUS_INTERRUPTED = 3,
};

/* -EINVAL and -EBUSY are for the user to change: another command line, another directory. */
static inline int bench_status(int ret)
{
	if (ret == 0)
		return BENCH_STATUS_OK;
	return ret == -EINVAL || ret == -EBUSY ? BENCH_STATUS_USAGE : BENCH_STATUS_FAILED;
}

#endif
