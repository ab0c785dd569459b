/* SPDX-License-Identifier: MIT */
/*
 * The host's CPUs as sysfs and sched_getaffinity(2) show them, and the choice of which vCPU runs
 * where. The choice is a pure function of the description, so that it can be tested on made-up
 * hosts.
 */
#ifndef VMM_HOST_CPUS_H
#define VMM_HOST_CPUS_H

#include <stdbool.h>

#include "vmm/core/err.h"
#include "vmm/host/pin_options.h"

struct hostcpu {
	unsigned int id; /* Linux CPU number */
	bool online, allowed;
	unsigned int package, core; /* core: unique within its package */
	unsigned int node;	    /* NUMA */
};

struct hostcpus {
	unsigned int nr;     /* possible CPUs described in cpu[] */
	struct hostcpu *cpu; /* ascending by id */
};

/*
 * Reads /sys/devices/system/cpu and the affinity of the calling thread. Only CPUs that are allowed
 * and online have their package, core and node filled in. 0 or -errno; hostcpus_free() after
 * success.
 */
int hostcpus_read(struct hostcpus *cpus);
void hostcpus_free(struct hostcpus *cpus);

/* The same with sysfs mounted elsewhere and the affinity given, for tests on made-up hosts. */
int hostcpus_read_at(struct hostcpus *cpus, const char *sysfs, const unsigned int *allowed,
		     unsigned int nr_allowed);

/* The CPU with Linux number `id`, or NULL. */
struct hostcpu *hostcpus_find(const struct hostcpus *cpus, unsigned int id);

/*
 * Fills cpu_of[0 .. nr_vcpus) with the host CPU for each vCPU. With a list, vCPU i runs on list[i]
 * and the list must be at least as long; without, one allowed CPU each, in the order: one thread of
 * each core first (cores of one package before the next), then the cores' other threads. -EINVAL
 * with a message: a CPU that does not exist, is offline, or outside the allowed set; a list that is
 * too short; more vCPUs than allowed CPUs (says both counts and the remedy).
 */
int hostcpus_place(const struct hostcpus *host, const struct pin_options *pin,
		   unsigned int nr_vcpus, unsigned int *cpu_of, struct err *err);

/* How many packages, cores in each, and threads in each core. */
struct hostcpus_shape {
	unsigned int packages, cores, threads;
};

/*
 * The shape that the chosen CPUs make in vCPU order, so that vCPU siblings are host siblings; true
 * if it is a regular one (the last package may be filled in part). With `wanted`, only if it is
 * that one. *shape and `cpu_of` are kept otherwise. Where the choice was ours, not a list's,
 * `cpu_of` may be reordered for that.
 */
bool hostcpus_follow(const struct hostcpus *host, const struct pin_options *pin,
		     unsigned int nr_vcpus, unsigned int *cpu_of,
		     const struct hostcpus_shape *wanted, struct hostcpus_shape *shape);

/* The one host node that all these CPUs lie on, or -1. */
int hostcpus_common_node(const struct hostcpus *host, const unsigned int *cpus, unsigned int nr);

#endif
