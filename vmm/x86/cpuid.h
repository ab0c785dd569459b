/* SPDX-License-Identifier: MIT */
/*
 * What the CPUID instruction answers, as data: the table that KVM offers goes in, and comes out
 * edited for one vCPU's place in the topology and for --cpuid. Pure: no KVM, no host CPUID.
 *
 * The leaves are those of the Intel SDM vol. 2A, CPUID, and of the AMD APM vol. 3, appendix E.
 */
#ifndef X86_CPUID_H
#define X86_CPUID_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/core/err.h"
#include "vmm/x86/topology.h"

#define CPUID_MAX_ENTRIES 256

struct cpuid_entry {
	uint32_t leaf;	  /* EAX of the question */
	uint32_t subleaf; /* ECX of the question; 0 if the leaf has none */
	bool indexed;	  /* the answer depends on the subleaf (KVM_CPUID_FLAG_SIGNIFCANT_INDEX) */
	uint32_t eax, ebx, ecx, edx;
};

struct cpuid_table {
	unsigned int nr;
	struct cpuid_entry entry[CPUID_MAX_ENTRIES];
};

/* The answer to leaf and subleaf, or NULL; a leaf without subleaves answers to any. */
const struct cpuid_entry *cpuid_find(const struct cpuid_table *table, uint32_t leaf,
				     uint32_t subleaf);

/* Adds an entry, or replaces the one that answers to the same question. 0 or -ENOSPC. */
int cpuid_add(struct cpuid_table *table, const struct cpuid_entry *entry);

/* Sees to it that the leaf lies within its range: raises the range's highest. 0 or -ENOSPC. */
int cpuid_raise_max_leaf(struct cpuid_table *table, uint32_t leaf);

/* Removes a leaf with all its subleaves; one that is not there is fine. */
void cpuid_remove(struct cpuid_table *table, uint32_t leaf);

/* Whether leaf 0 names AMD, or Hygon, whose CPUs answer as AMD's. */
bool cpuid_is_amd(const struct cpuid_table *table);

/*
 * Makes every leaf that speaks of topology tell of vCPU `cpu`, in agreement with each other and
 * with topology_apic_id(): 1, 4, 0xb, 0x1f, 0x80000001, 0x80000008, 0x8000001d and 0x8000001e, as
 * far as the vendor in leaf 0 has them; AMD's 0x80000026 is removed. A leaf that the vendor has and
 * the table lacks is added, and the highest leaf raised to it; but no caches are made up where the
 * table names none. L1 and L2 are shared by the threads of a core, L3 by the socket. May be called
 * again for another vCPU.
 * 0, or -ENOSPC if the table is full.
 */
int cpuid_set_topology(struct cpuid_table *table, const struct topology *topo, unsigned int cpu);

/*
 * Sets or clears the feature that Linux calls `name` in /proc/cpuinfo; KVM's paravirtual features
 * have the names of cpuid_features.c ("kvmclock", "kvm_pv_eoi"). Returns 0; 1 if it was set
 * although `supported` (may be NULL: do not ask) lacks it, which the caller should warn about;
 * -EINVAL for an unknown name, with a message that names --cpuid and the nearest known names;
 * -ENOSPC if the table is full.
 */
int cpuid_set_feature(struct cpuid_table *table, const char *name, bool on,
		      const struct cpuid_table *supported, struct err *err);

/* Whether the table shows the feature; false for an unknown name. */
bool cpuid_has(const struct cpuid_table *table, const char *name);

#endif
