/* SPDX-License-Identifier: MIT */
/* What the table and the JSON of the exit statistics print: the rows of some vCPUs, summed. */
#ifndef VMM_STATS_LINES_H
#define VMM_STATS_LINES_H

#include "vmm/stats/exitstat.h"

/* The exits of one key. Times in TSC ticks. */
struct exit_line {
	enum exit_kind kind;
	bool catch_all;
	uint64_t detail;
	uint64_t count, total, min, p50, p90, p99, max;
};

/*
 * Allocates and fills *lines, sorted by total time, from vCPUs `first` .. `first + nr` of the
 * report; the caller frees. The number of lines, or -ENOMEM.
 */
int exitstat_collect(const struct exitstat_report *report, unsigned int first, unsigned int nr,
		     struct exit_line **lines);

/* Do this kind's keys have a detail worth printing? */
bool exitstat_has_detail(enum exit_kind kind);

/*
 * KVM's counters by name, without those that are zero: vCPU `vcpu`'s, the VM's (`vcpu` is -1), or
 * all vCPUs' summed (EXITSTAT_ALL_VCPUS, with `vcpu` -1 in the result too). Allocates *counters;
 * the caller frees. Their number, or -ENOMEM.
 */
#define EXITSTAT_ALL_VCPUS -2
int exitstat_collect_kvm(const struct exitstat_report *report, int vcpu,
			 struct exitstat_kvm_counter **counters);

#endif
