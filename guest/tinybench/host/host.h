/* SPDX-License-Identifier: MIT */
/*
 * What the figures were measured on, and what would spoil them. The facts are an object that goes
 * into every result; all are read, none is assumed, and what cannot be read is null.
 */
#ifndef GUEST_TINYBENCH_HOST_HOST_H
#define GUEST_TINYBENCH_HOST_HOST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* A new reference; `build_dir` is where tinyvmm is. */
json_t *host_facts(const char *build_dir);

/* One line: CPU, kernel, kind of KVM, and whether this machine is itself a virtual one. */
void host_describe(const json_t *facts, char *text, size_t size);

/* Which KVM this machine has. */
struct host_kvm {
	/*
	 * "hardware (kvm_amd)", "software (kvm_pvm)", "unknown", or "none: " and what there is
	 * instead.
	 */
	char kind[80];
	bool software; /* usable, and ring 0 of a guest is interpreted (kvm_pvm) */
	bool nested;   /* hardware that lets a guest have KVM in turn */
};

/* Looks at ROOT/dev/kvm and ROOT/sys/module; ROOT is "" but in tests. */
void host_kvm_read(const char *root, struct host_kvm *kvm);

/*
 * Sentences on what would spoil a measurement, as an array of strings; a new reference. Looks at
 * the facts only, so that it can be tested on made-up hosts.
 */
json_t *host_warnings(const json_t *facts);

/* /proc/stat's first line, in clock ticks, and the average load. */
struct host_load {
	uint64_t total, steal, idle;
	double load_average;
};
void host_load_read(struct host_load *load);

/* Parses "cpu  USER NICE SYSTEM IDLE IOWAIT IRQ SOFTIRQ STEAL ...". False if it is not that. */
bool host_load_parse(const char *line, struct host_load *load);

/* {"steal_percent": ..., "busy_percent": ..., "load_average": ...} between two readings. */
json_t *host_load_between(const struct host_load *before, const struct host_load *after);

#endif
