/* SPDX-License-Identifier: MIT */
/*
 * Counts and latencies of the exits that reached tinyvmm.
 *
 * Each vCPU thread owns one `struct exitstat` and alone writes to it; readers (Ctrl-A c, the report
 * at the end) take a relaxed look. A key is what the exit was for: the reason, and the port, MMIO
 * address or register where there is one. The latency of an exit is the time from the return of
 * KVM_RUN to its next call, in TSC ticks, kept in log-linear buckets (HDR style: 16 steps an
 * octave, so at most 1/32 of error).
 *
 * An exit costs one rdtsc at each end, a hash probe and two increments.
 */
#ifndef VMM_STATS_EXITSTAT_H
#define VMM_STATS_EXITSTAT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "vmm/stats/histogram.h"

/*
 * Why KVM_RUN returned, as far as the table tells apart. Names: exitstat_kind_name(). The detail is
 * the port, the address, the hypercall's number.
 */
enum exit_kind {
	EXIT_PIO_IN,
	EXIT_PIO_OUT,
	EXIT_MMIO_READ,
	EXIT_MMIO_WRITE,
	EXIT_HLT,
	EXIT_HYPERCALL,
	EXIT_EINTR,    /* a kick or a signal */
	EXIT_SHUTDOWN, /* triple fault */
	EXIT_OTHER,    /* the detail is KVM's exit reason number */
	EXIT_NR_KINDS
};

struct exitstat;

#define EXITSTAT_MAX_KEYS 1024

/* 0 or -ENOMEM. Memory is taken as keys appear, about 5 KiB each. */
int exitstat_create(struct exitstat **stat);
void exitstat_destroy(struct exitstat *stat); /* NULL is fine */

/*
 * Counts one exit. When the table of keys is full (1024), the kind's catch-all row counts it.
 * `detail` is 0 for kinds that have none.
 */
void exitstat_add(struct exitstat *stat, enum exit_kind kind, uint64_t detail, uint64_t ticks);

/*
 * What was counted under one key. Rows are numbered in the order in which they came into use. Any
 * thread may look while the owner counts.
 */
struct exit_row {
	_Alignas(64) enum exit_kind kind; /* one cache line with the sum and the maximum */
	bool catch_all;			  /* of the kind's keys that found no room */
	uint64_t detail;		  /* 0 in a catch-all row */
	struct histogram ticks;
};

/* Row `index`, or NULL behind the last. */
const struct exit_row *exitstat_row(const struct exitstat *stat, unsigned int index);

/* KVM's own counters, read from the binary stats fd by the caller. */
struct exitstat_kvm_counter {
	char name[48];
	int vcpu; /* -1: of the VM */
	uint64_t value;
};

struct exitstat_report {
	unsigned int nr_vcpus;
	struct exitstat *const *vcpu; /* one each */
	uint64_t ticks_per_second;    /* of the TSC */
	double wall_seconds;	      /* that the guest ran */
	const char *host_kind;
	const char *version;
	/* What stands at a port or an address; may be NULL, and may return NULL. */
	const char *(*name_of)(void *ctx, enum exit_kind kind, uint64_t detail);
	void *ctx;
	const struct exitstat_kvm_counter *kvm;
	unsigned int nr_kvm;
};

/*
 * Rows sorted by total time; summed over vCPUs and, with more than one, for each; then those of
 * KVM's counters that are not zero. docs/tinyvmm.1 describes both forms.
 */
void exitstat_print_table(const struct exitstat_report *report, FILE *to);
void exitstat_print_json(const struct exitstat_report *report, FILE *to);

/* "pio-out". */
const char *exitstat_kind_name(enum exit_kind kind);

#endif
