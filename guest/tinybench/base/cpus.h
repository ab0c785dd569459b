/* SPDX-License-Identifier: MIT */
/* The CPUs that a run may use: taskset(1), cpusets and --pin decide. */
#ifndef GUEST_TINYBENCH_BASE_CPUS_H
#define GUEST_TINYBENCH_BASE_CPUS_H

#include <sched.h>

#include "vmm/core/err.h"

/* "0,2-5" as a set. 0, or -EINVAL with a message that names --pin. */
int cpus_parse(const char *list, cpu_set_t *set, struct err *err);

/*
 * Whether all of `wanted` are among `allowed`; `list` is what the user wrote. 0, or -EINVAL with a
 * message that names the first that is not.
 */
int cpus_check(const char *list, const cpu_set_t *wanted, const cpu_set_t *allowed,
	       struct err *err);

/* Confines this process to the list, and so all that it starts. 0, or -EINVAL with a message. */
int cpus_confine(const char *list, struct err *err);

/* How many CPUs this process may use; at least 1. */
unsigned int cpus_usable(void);

#endif
