/* SPDX-License-Identifier: MIT */
/*
 * APIC ids from vCPU numbers: each level of the topology has a bit field of its own, wide enough
 * for its members (Intel SDM vol. 3, 9.9.1; AMD APM vol. 3, E.5.2).
 */
#include "vmm/x86/topology.h"

#include <assert.h>

/* The width of a field that tells `count` members apart: the logarithm, rounded up. */
static unsigned int field_bits(unsigned int count)
{
	assert(count > 0);
	return count == 1 ? 0 : 32 - (unsigned int)__builtin_clz(count - 1);
}

unsigned int topology_thread_bits(const struct topology *topo)
{
	return field_bits(topo->threads);
}

unsigned int topology_core_bits(const struct topology *topo)
{
	return field_bits(topo->cores);
}

uint32_t topology_apic_id(const struct topology *topo, unsigned int cpu)
{
	unsigned int thread = cpu % topo->threads;
	unsigned int core = cpu / topo->threads % topo->cores;
	unsigned int thread_bits = topology_thread_bits(topo);
	unsigned int core_bits = topology_core_bits(topo);

	return topology_socket(topo, cpu) << (core_bits + thread_bits) | core << thread_bits |
	       thread;
}

unsigned int topology_socket(const struct topology *topo, unsigned int cpu)
{
	return cpu / topo->threads / topo->cores;
}

uint32_t topology_max_apic_id(const struct topology *topo)
{
	/* Ids ascend with vCPU numbers, so the last vCPU has the highest. */
	return topology_apic_id(topo, topo->nr_cpus - 1);
}
