/* SPDX-License-Identifier: MIT */
/*
 * The guest's CPU topology: sockets x cores x threads, and the APIC ids that follow from it.
 *
 * vCPU numbers run through threads first, then cores, then sockets. An APIC id is made of bit
 * fields, each rounded up to a power of two (Intel SDM vol. 3, 9.9; AMD APM vol. 3, E.5), so with
 * three cores a socket the ids have a gap. ACPI, the device tree and CPUID all ask here.
 */
#ifndef X86_TOPOLOGY_H
#define X86_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>

struct topology {
	unsigned int nr_cpus; /* may leave the last socket partly filled */
	unsigned int sockets;
	unsigned int cores;   /* a socket */
	unsigned int threads; /* a core */
};

unsigned int topology_thread_bits(const struct topology *topo);
unsigned int topology_core_bits(const struct topology *topo); /* not counting the thread bits */

uint32_t topology_apic_id(const struct topology *topo, unsigned int cpu);
unsigned int topology_socket(const struct topology *topo, unsigned int cpu);

/* What the I/O APIC in KVM can send an interrupt to: eight bits, and in x2APIC mode no broadcast.
 */
#define TOPOLOGY_MAX_IOAPIC_ID 255

/* The highest APIC id in use. */
uint32_t topology_max_apic_id(const struct topology *topo);

/* Whether an APIC id above 254 is in use: 255 means all in eight bits. */
static inline bool topology_needs_x2apic(const struct topology *topo)
{
	return topology_max_apic_id(topo) > 254;
}

#endif
