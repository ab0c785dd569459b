/* SPDX-License-Identifier: MIT */
/*
 * A CPUID table and the leaves in it that tell a vCPU its place (Intel SDM vol. 2A, CPUID, and
 * vol. 3, 9.9; AMD APM vol. 3, appendix E).
 *
 * KVM offers the host's answers, or zeros, where the answer depends on the vCPU; a guest that
 * finds two leaves in disagreement picks one and builds wrong scheduling domains from it.
 */
#include "vmm/core/array.h"
#include "vmm/x86/cpuid.h"

#include <errno.h>
#include <string.h>

#define LEAF_BASIC_MAX	   0x0u
#define LEAF_FEATURES	   0x1u
#define LEAF_INTEL_CACHE   0x4u
#define LEAF_TOPOLOGY	   0xbu
#define LEAF_TOPOLOGY_V2   0x1fu
#define LEAF_EXTENDED_MAX  0x80000000u
#define LEAF_AMD_FEATURES  0x80000001u
#define LEAF_AMD_SIZES	   0x80000008u
#define LEAF_AMD_CACHE	   0x8000001du
#define LEAF_AMD_TOPOLOGY  0x8000001eu
#define LEAF_AMD_TOPOLOGY2 0x80000026u

#define FEATURES_EDX_HTT	      (1u << 28)
#define AMD_FEATURES_ECX_CMP_LEGACY   (1u << 1)
#define AMD_FEATURES_ECX_TOPOLOGY_EXT (1u << 22)

/* Level types of the topology leaves, ECX[15:8]. */
enum { LEVEL_INVALID = 0, LEVEL_THREAD = 1, LEVEL_CORE = 2 };

/* A vCPU's place, in the terms that the leaves use. */
struct place {
	uint32_t apic_id;
	unsigned int thread_bits;  /* APIC id fields: threads of a core, */
	unsigned int package_bits; /* threads and cores of a socket */
	unsigned int threads;	   /* of a core */
	unsigned int package_cpus; /* threads of a socket */
	unsigned int core, socket;
};

static struct cpuid_entry *find(struct cpuid_table *table, uint32_t leaf, uint32_t subleaf)
{
	for (unsigned int i = 0; i < table->nr; i++) {
		struct cpuid_entry *entry = &table->entry[i];

		if (entry->leaf == leaf && (!entry->indexed || entry->subleaf == subleaf))
			return entry;
	}
	return NULL;
}

const struct cpuid_entry *cpuid_find(const struct cpuid_table *table, uint32_t leaf,
				     uint32_t subleaf)
{
	/* The cast adds the right to write, and the return type takes it away again. */
	return find((struct cpuid_table *)(uintptr_t)table, leaf, subleaf);
}

int cpuid_add(struct cpuid_table *table, const struct cpuid_entry *entry)
{
	struct cpuid_entry *old = find(table, entry->leaf, entry->subleaf);

	if (old != NULL) {
		*old = *entry;
		return 0;
	}
	if (table->nr == CPUID_MAX_ENTRIES)
		return -ENOSPC;
	table->entry[table->nr++] = *entry;
	return 0;
}

void cpuid_remove(struct cpuid_table *table, uint32_t leaf)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < table->nr; i++)
		if (table->entry[i].leaf != leaf)
			table->entry[kept++] = table->entry[i];
	table->nr = kept;
}

int cpuid_raise_max_leaf(struct cpuid_table *table, uint32_t leaf)
{
	/* Each range (basic, hypervisor, extended) begins with a leaf whose EAX names its last. */
	uint32_t first = leaf & 0xc0000000u;
	struct cpuid_entry *range = find(table, first, 0);

	if (range == NULL)
		return cpuid_add(table, &(struct cpuid_entry){.leaf = first, .eax = leaf});
	if (range->eax < leaf)
		range->eax = leaf;
	return 0;
}

static uint32_t max_leaf(const struct cpuid_table *table, uint32_t first)
{
	const struct cpuid_entry *range = cpuid_find(table, first, 0);

	return range != NULL ? range->eax : 0;
}

/* The entry to edit; one of zeros is added if the table has none. */
static struct cpuid_entry *obtain(struct cpuid_table *table, uint32_t leaf)
{
	struct cpuid_entry *entry = find(table, leaf, 0);

	if (entry != NULL)
		return entry;
	if (cpuid_raise_max_leaf(table, leaf) < 0 ||
	    cpuid_add(table, &(struct cpuid_entry){.leaf = leaf}) < 0)
		return NULL;
	return find(table, leaf, 0);
}

/* `value` in the field of `bits` bits at `shift`; the largest that fits if it does not. */
static uint32_t put_field(uint32_t old, unsigned int shift, unsigned int bits, unsigned int value)
{
	uint32_t max = (1u << bits) - 1;

	return (old & ~(max << shift)) | ((value < max ? value : max) << shift);
}

bool cpuid_is_amd(const struct cpuid_table *table)
{
	/* The vendor's twelve characters are in EBX, EDX, ECX. */
	const struct cpuid_entry *leaf = cpuid_find(table, LEAF_BASIC_MAX, 0);
	char vendor[12];

	if (leaf == NULL)
		return false;
	memcpy(vendor, &leaf->ebx, 4);
	memcpy(vendor + 4, &leaf->edx, 4);
	memcpy(vendor + 8, &leaf->ecx, 4);
	return memcmp(vendor, "AuthenticAMD", 12) == 0 || memcmp(vendor, "HygonGenuine", 12) == 0;
}

static int set_features(struct cpuid_table *table, const struct place *place, bool amd)
{
	struct cpuid_entry *entry = obtain(table, LEAF_FEATURES);
	/*
	 * Intel counts the ids that a package reserves, AMD the threads that it has (SDM vol. 3,
	 * 9.9.3; APM vol. 3, E.3.2).
	 */
	unsigned int count = amd ? place->package_cpus : 1u << place->package_bits;

	if (entry == NULL)
		return -ENOSPC;
	entry->ebx = put_field(entry->ebx, 16, 8, count);
	/* Eight bits of the id; the whole of it is in the topology leaves. */
	entry->ebx = put_field(entry->ebx, 24, 8, place->apic_id & 0xff);
	entry->edx &= ~FEATURES_EDX_HTT;
	if (place->package_cpus > 1)
		entry->edx |= FEATURES_EDX_HTT;
	return 0;
}

/* Leaves 0xb and 0x1f: one subleaf a level, and one that ends the list. */
static int set_extended_topology(struct cpuid_table *table, uint32_t leaf,
				 const struct place *place)
{
	const struct {
		unsigned int type, shift, cpus;
	} level[] = {
		{LEVEL_THREAD, place->thread_bits, place->threads},
		{LEVEL_CORE, place->package_bits, place->package_cpus},
		{LEVEL_INVALID, 0, 0},
	};

	cpuid_remove(table, leaf);
	for (uint32_t i = 0; i < NR_OF(level); i++) {
		int ret = cpuid_add(table, &(struct cpuid_entry){.leaf = leaf,
								 .subleaf = i,
								 .indexed = true,
								 .eax = level[i].shift,
								 .ebx = level[i].cpus & 0xffff,
								 .ecx = level[i].type << 8 | i,
								 .edx = place->apic_id});

		if (ret < 0)
			return ret;
	}
	return cpuid_raise_max_leaf(table, leaf);
}

/*
 * The cache leaves of both vendors share a layout: EAX[4:0] type (0 ends the list), [7:5] level,
 * [25:14] the number of CPUs that share the cache, less one. Intel counts ids here too; AMD rounds
 * its count up to a power of two to find the sharers by their ids (APM vol. 3, E.4.15), so the
 * count of ids is right for both.
 */
static void share_caches(struct cpuid_table *table, uint32_t leaf, const struct place *place)
{
	for (unsigned int i = 0; i < table->nr; i++) {
		struct cpuid_entry *entry = &table->entry[i];
		unsigned int level = entry->eax >> 5 & 7;
		unsigned int bits = level >= 3 ? place->package_bits : place->thread_bits;

		if (entry->leaf != leaf || (entry->eax & 0x1f) == 0)
			continue;
		entry->eax = put_field(entry->eax, 14, 12, (1u << bits) - 1);
		if (leaf == LEAF_INTEL_CACHE) /* [31:26]: ids of cores in the package, less one */
			entry->eax =
				put_field(entry->eax, 26, 6,
					  (1u << (place->package_bits - place->thread_bits)) - 1);
	}
}

static int set_amd_topology(struct cpuid_table *table, const struct place *place)
{
	struct cpuid_entry *entry = obtain(table, LEAF_AMD_FEATURES);

	if (entry == NULL)
		return -ENOSPC;
	/* TopologyExtensions says that 0x8000001d and 0x8000001e are there. */
	entry->ecx |= AMD_FEATURES_ECX_TOPOLOGY_EXT;
	entry->ecx &= ~AMD_FEATURES_ECX_CMP_LEGACY;
	if (place->package_cpus > 1)
		entry->ecx |= AMD_FEATURES_ECX_CMP_LEGACY;

	entry = obtain(table, LEAF_AMD_SIZES);
	if (entry == NULL)
		return -ENOSPC;
	if (entry->eax == 0) /* newly added: 36 physical and 48 linear address bits */
		entry->eax = 48 << 8 | 36;
	entry->ecx = put_field(entry->ecx, 0, 8, place->package_cpus - 1); /* NC */
	entry->ecx = put_field(entry->ecx, 12, 4, place->package_bits);	   /* ApicIdCoreIdSize */

	entry = obtain(table, LEAF_AMD_TOPOLOGY);
	if (entry == NULL)
		return -ENOSPC;
	entry->eax = place->apic_id;
	entry->ebx = put_field(0, 8, 8, place->threads - 1) | (place->core & 0xff);
	entry->ecx = place->socket & 0xff; /* one node a socket */
	entry->edx = 0;

	share_caches(table, LEAF_AMD_CACHE, place);
	/* Without an answer here a guest continues with leaf 0xb, which says the same. */
	cpuid_remove(table, LEAF_AMD_TOPOLOGY2);
	return cpuid_raise_max_leaf(table, LEAF_AMD_TOPOLOGY);
}

int cpuid_set_topology(struct cpuid_table *table, const struct topology *topo, unsigned int cpu)
{
	unsigned int thread_bits = topology_thread_bits(topo);
	const struct place place = {
		.apic_id = topology_apic_id(topo, cpu),
		.thread_bits = thread_bits,
		.package_bits = thread_bits + topology_core_bits(topo),
		.threads = topo->threads,
		.package_cpus = topo->threads * topo->cores,
		.core = cpu / topo->threads % topo->cores,
		.socket = topology_socket(topo, cpu),
	};
	bool amd = cpuid_is_amd(table);
	int ret = set_features(table, &place, amd);

	if (ret == 0)
		ret = set_extended_topology(table, LEAF_TOPOLOGY, &place);
	if (ret == 0 && max_leaf(table, LEAF_BASIC_MAX) >= LEAF_TOPOLOGY_V2)
		ret = set_extended_topology(table, LEAF_TOPOLOGY_V2, &place);
	if (ret < 0)
		return ret;
	if (amd)
		return set_amd_topology(table, &place);
	share_caches(table, LEAF_INTEL_CACHE, &place);
	return 0;
}
