/* SPDX-License-Identifier: MIT */
/* What a process and all that descend from it use, as /proc shows it. */
#ifndef GUEST_TINYBENCH_HOST_PROCESS_TREE_H
#define GUEST_TINYBENCH_HOST_PROCESS_TREE_H

#include <stdint.h>
#include <sys/types.h>

struct tree_usage {
	unsigned int processes;
	uint64_t pss_kib;  /* proportional set size (smaps_rollup) */
	uint64_t cpu_ns;   /* of all threads (schedstat) */
	uint64_t switches; /* context switches of all threads */
};

/* Processes that end meanwhile count for nothing; the caller gets zeros if all did. */
void process_tree_read(pid_t root, struct tree_usage *usage);

#endif
