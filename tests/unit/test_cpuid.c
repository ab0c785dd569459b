/* SPDX-License-Identifier: MIT */
/* CPUID as a table: topology leaves that agree with each other, features by their Linux names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/core/array.h"
#include "vmm/x86/cpuid.h"

/*
 * Cache leaves: type and level in EAX[7:0], the host's sharing above, which must not shine through.
 */
#define CACHE(type, level) (0xffffc000u | (level) << 5 | (type))

static const struct cpuid_table intel_host = {
	.nr = 11,
	.entry = {{0x0, 0, false, 0x20, 0x756e6547, 0x6c65746e, 0x49656e69}, /* GenuineIntel */
		  {0x1, 0, false, 0x806f8, 0x07400800, 0x80202000, 0x178bfbff},
		  {0x4, 0, true, CACHE(1, 1), 0x02c0003f, 0x3f, 0},
		  {0x4, 1, true, CACHE(2, 1), 0x01c0003f, 0x3f, 0},
		  {0x4, 2, true, CACHE(3, 2), 0x03c0003f, 0x7ff, 0},
		  {0x4, 3, true, CACHE(3, 3), 0x04c0003f, 0x1ffff, 4},
		  {0x4, 4, true, 0, 0, 0, 0},
		  {0x7, 0, true, 0, 0x01800002, 0, 0},
		  {0x80000000, 0, false, 0x80000008, 0, 0, 0},
		  {0x80000001, 0, false, 0, 0, 0x121, 0x2c100800},
		  {0x80000008, 0, false, 0x3934, 0, 0, 0}},
};

static const struct cpuid_table amd_host = {
	.nr = 13,
	.entry = {{0x0, 0, false, 0x10, 0x68747541, 0x444d4163, 0x69746e65}, /* AuthenticAMD */
		  {0x1, 0, false, 0xa10f11, 0x01020800, 0x81202000, 0x078bfbff},
		  {0x7, 0, true, 0, 0x01800002, 0, 0},
		  {0xb, 0, true, 0, 0, 0, 1},
		  {0x80000000, 0, false, 0x80000028, 0x68747541, 0x444d4163, 0x69746e65},
		  {0x80000001, 0, false, 0xa10f11, 0x40000000, 0x00400393, 0x23d3fbff},
		  {0x80000008, 0, false, 0x3030, 0x50020005, 0x00037001, 0},
		  {0x8000001d, 0, true, CACHE(1, 1), 0x01c0003f, 0x3f, 0},
		  {0x8000001d, 1, true, CACHE(3, 3), 0x03c0003f, 0x7fff, 1},
		  {0x8000001d, 2, true, 0, 0, 0, 0},
		  {0x8000001e, 0, false, 0x77, 0x77, 0x77, 0x77},
		  {0x80000026, 0, true, 1, 1, 0x100, 0},
		  {0x80000026, 1, true, 7, 16, 0x201, 0}},
};

static uint32_t bits(uint32_t value, unsigned int high, unsigned int low)
{
	return (uint32_t)(((uint64_t)value >> low) & ((1ull << (high - low + 1)) - 1));
}

static const struct cpuid_entry *must_find(const struct cpuid_table *table, uint32_t leaf,
					   uint32_t subleaf)
{
	const struct cpuid_entry *entry = cpuid_find(table, leaf, subleaf);

	assert_non_null(entry);
	return entry;
}

/* What an operating system concludes from a topology leaf (SDM vol. 3, 9.9.3.1). */
static void check_topology_leaf(const struct cpuid_table *table, uint32_t leaf,
				const struct topology *topo, unsigned int cpu)
{
	const struct cpuid_entry *thread = must_find(table, leaf, 0);
	const struct cpuid_entry *core = must_find(table, leaf, 1);
	const struct cpuid_entry *end = must_find(table, leaf, 2);
	uint32_t id = topology_apic_id(topo, cpu);

	assert_int_equal(bits(thread->ecx, 15, 8), 1);
	assert_int_equal(bits(thread->ecx, 7, 0), 0);
	assert_int_equal(thread->ebx, topo->threads);
	assert_int_equal(bits(core->ecx, 15, 8), 2);
	assert_int_equal(bits(core->ecx, 7, 0), 1);
	assert_int_equal(core->ebx, topo->threads * topo->cores);
	assert_int_equal(bits(end->ecx, 15, 8), 0);
	assert_int_equal(end->ebx, 0);
	assert_int_equal(thread->edx, id);
	assert_int_equal(core->edx, id);
	assert_int_equal(end->edx, id);
	/* The fields cut out of the id say where the vCPU is. */
	assert_int_equal(id & ((1u << thread->eax) - 1), cpu % topo->threads);
	assert_int_equal((id & ((1u << core->eax) - 1)) >> thread->eax,
			 cpu / topo->threads % topo->cores);
	assert_int_equal(id >> core->eax, topology_socket(topo, cpu));
}

static void check_leaf1(const struct cpuid_table *table, const struct topology *topo,
			unsigned int cpu)
{
	const struct cpuid_entry *leaf = must_find(table, 1, 0);
	unsigned int siblings = topo->threads * topo->cores;

	assert_int_equal(bits(leaf->ebx, 31, 24), topology_apic_id(topo, cpu) & 0xff);
	assert_int_equal(bits(leaf->edx, 28, 28), siblings > 1);
	if (siblings <= 128) /* the field has eight bits */
		assert_in_range(bits(leaf->ebx, 23, 16), siblings, 2 * 128);
	assert_int_equal(bits(leaf->ebx, 15, 8), 8); /* CLFLUSH line: not ours to change */
}

/* Whether two vCPUs share a cache, by its "CPUs sharing" field (SDM vol. 2A, leaf 04H, note). */
static bool share(uint32_t eax, uint32_t a, uint32_t b)
{
	unsigned int shift = 0;

	while ((1u << shift) < bits(eax, 25, 14) + 1)
		shift++;
	return a >> shift == b >> shift;
}

static void check_cache(uint32_t eax, const struct topology *topo, unsigned int cpu)
{
	unsigned int level = bits(eax, 7, 5);
	uint32_t id = topology_apic_id(topo, cpu);

	for (unsigned int other = 0; other < topo->nr_cpus; other++) {
		bool expected = level >= 3
					? topology_socket(topo, other) == topology_socket(topo, cpu)
					: other / topo->threads == cpu / topo->threads;

		assert_int_equal(share(eax, id, topology_apic_id(topo, other)), expected);
	}
}

static const struct topology shapes[] = {
	{1, 1, 1, 1}, {2, 1, 2, 1},  {2, 1, 1, 2},    {8, 2, 2, 2},    {6, 2, 3, 1},
	{7, 2, 2, 2}, {30, 2, 5, 3}, {128, 2, 32, 2}, {300, 3, 50, 2},
};

static void intel_leaves_agree(void **state)
{
	(void)state;
	for (size_t s = 0; s < NR_OF(shapes); s++)
		for (unsigned int cpu = 0; cpu < shapes[s].nr_cpus; cpu++) {
			const struct topology *topo = &shapes[s];
			struct cpuid_table table = intel_host;
			unsigned int core_bits = topology_core_bits(topo);

			assert_int_equal(cpuid_set_topology(&table, topo, cpu), 0);
			check_leaf1(&table, topo, cpu);
			check_topology_leaf(&table, 0xb, topo, cpu);
			check_topology_leaf(&table, 0x1f, topo, cpu);
			for (unsigned int i = 0; i < 4; i++) {
				uint32_t eax = must_find(&table, 4, i)->eax;

				check_cache(eax, topo, cpu);
				assert_int_equal(bits(eax, 31, 26),
						 core_bits < 6 ? (1u << core_bits) - 1 : 63);
			}
			assert_int_equal(must_find(&table, 4, 4)->eax, 0);
			/* AMD's ways of saying it stay reserved. */
			assert_int_equal(must_find(&table, 0x80000008, 0)->ecx, 0);
			assert_int_equal(must_find(&table, 0x80000001, 0)->ecx, 0x121);
			assert_null(cpuid_find(&table, 0x8000001e, 0));
		}
}

static void amd_leaves_agree(void **state)
{
	(void)state;
	for (size_t s = 0; s < NR_OF(shapes); s++)
		for (unsigned int cpu = 0; cpu < shapes[s].nr_cpus; cpu++) {
			const struct topology *topo = &shapes[s];
			struct cpuid_table table = amd_host;
			const struct cpuid_entry *leaf;

			assert_int_equal(cpuid_set_topology(&table, topo, cpu), 0);
			check_leaf1(&table, topo, cpu);
			check_topology_leaf(&table, 0xb, topo, cpu);
			assert_null(cpuid_find(&table, 0x1f, 0)); /* past the highest leaf */
			check_cache(must_find(&table, 0x8000001d, 0)->eax, topo, cpu);
			check_cache(must_find(&table, 0x8000001d, 1)->eax, topo, cpu);

			leaf = must_find(&table, 0x80000001, 0);
			assert_int_equal(bits(leaf->ecx, 22, 22), 1); /* TopologyExtensions */
			assert_int_equal(bits(leaf->ecx, 1, 1), topo->threads * topo->cores > 1);
			leaf = must_find(&table, 0x80000008, 0);
			assert_int_equal(bits(leaf->ecx, 7, 0), topo->threads * topo->cores - 1);
			assert_int_equal(bits(leaf->ecx, 15, 12), must_find(&table, 0xb, 1)->eax);
			assert_int_equal(bits(leaf->ecx, 17, 16), 3); /* PerfTscSize: kept */
			leaf = must_find(&table, 0x8000001e, 0);
			assert_int_equal(leaf->eax, topology_apic_id(topo, cpu));
			assert_int_equal(bits(leaf->ebx, 15, 8), topo->threads - 1);
			assert_int_equal(bits(leaf->ebx, 7, 0), cpu / topo->threads % topo->cores);
			assert_int_equal(bits(leaf->ecx, 7, 0), topology_socket(topo, cpu));
			assert_int_equal(bits(leaf->ecx, 10, 8), 0); /* one node a socket */
			assert_null(cpuid_find(&table, 0x80000026, 0));
			assert_null(cpuid_find(&table, 0x80000026, 1));
		}
}

/* AMD's leaf 1 counts threads, Intel's reserved ids: three cores are 3 and 4. */
static void logical_count_is_as_the_vendor_counts(void **state)
{
	const struct topology topo = {3, 1, 3, 1};
	struct cpuid_table intel = intel_host, amd = amd_host;

	(void)state;
	assert_int_equal(cpuid_set_topology(&intel, &topo, 0), 0);
	assert_int_equal(cpuid_set_topology(&amd, &topo, 0), 0);
	assert_int_equal(bits(must_find(&intel, 1, 0)->ebx, 23, 16), 4);
	assert_int_equal(bits(must_find(&amd, 1, 0)->ebx, 23, 16), 3);
}

static void counts_that_do_not_fit_are_the_largest(void **state)
{
	const struct topology topo = {4096, 1, 4096, 1};
	struct cpuid_table intel = intel_host, amd = amd_host;

	(void)state;
	assert_int_equal(cpuid_set_topology(&intel, &topo, 4095), 0);
	assert_int_equal(cpuid_set_topology(&amd, &topo, 4095), 0);
	assert_int_equal(bits(must_find(&intel, 1, 0)->ebx, 23, 16), 255);
	assert_int_equal(bits(must_find(&intel, 1, 0)->ebx, 31, 24), 0xff);
	assert_int_equal(must_find(&intel, 0xb, 0)->edx, 4095);
	assert_int_equal(must_find(&intel, 0xb, 1)->ebx, 4096);
	assert_int_equal(bits(must_find(&intel, 4, 3)->eax, 31, 26), 63);
	assert_int_equal(bits(must_find(&amd, 0x80000008, 0)->ecx, 7, 0), 255);
	assert_int_equal(must_find(&amd, 0x8000001e, 0)->eax, 4095);
}

static void leaf_1f_exists_only_below_the_highest_leaf(void **state)
{
	const struct topology topo = {4, 1, 4, 1};
	struct cpuid_table table = intel_host;

	(void)state;
	table.entry[0].eax = 0x16;
	assert_int_equal(cpuid_set_topology(&table, &topo, 1), 0);
	assert_int_equal(must_find(&table, 0, 0)->eax, 0x16);
	assert_null(cpuid_find(&table, 0x1f, 0));
	check_topology_leaf(&table, 0xb, &topo, 1);
}

static void missing_leaves_are_added_and_the_highest_raised(void **state)
{
	const struct topology topo = {4, 1, 2, 2};
	struct cpuid_table table = {
		.nr = 3,
		.entry = {{0x0, 0, false, 0x1, 0x68747541, 0x444d4163, 0x69746e65},
			  {0x1, 0, false, 0, 0x800, 0, 0},
			  {0x80000000, 0, false, 0x80000001, 0, 0, 0}},
	};

	(void)state;
	assert_int_equal(cpuid_set_topology(&table, &topo, 3), 0);
	assert_int_equal(must_find(&table, 0x0, 0)->eax, 0xb);
	assert_int_equal(must_find(&table, 0x80000000, 0)->eax, 0x8000001e);
	check_topology_leaf(&table, 0xb, &topo, 3);
	assert_int_equal(must_find(&table, 0x8000001e, 0)->eax, 3);
	assert_int_equal(bits(must_find(&table, 0x80000008, 0)->ecx, 7, 0), 3);
	/* An added address size leaf may not say that addresses have no bits. */
	assert_int_equal(must_find(&table, 0x80000008, 0)->eax, 0x3024);
}

static void topology_can_be_set_again_for_another_vcpu(void **state)
{
	const struct topology topo = {8, 2, 2, 2};
	struct cpuid_table twice = amd_host, once = amd_host;

	(void)state;
	assert_int_equal(cpuid_set_topology(&twice, &topo, 2), 0);
	assert_int_equal(cpuid_set_topology(&twice, &topo, 7), 0);
	assert_int_equal(cpuid_set_topology(&once, &topo, 7), 0);
	assert_int_equal(twice.nr, once.nr);
	for (unsigned int i = 0; i < once.nr; i++) {
		const struct cpuid_entry *a = &once.entry[i];
		const struct cpuid_entry *b = must_find(&twice, a->leaf, a->subleaf);

		assert_int_equal(a->eax, b->eax);
		assert_int_equal(a->ebx, b->ebx);
		assert_int_equal(a->ecx, b->ecx);
		assert_int_equal(a->edx, b->edx);
	}
}

static void a_full_table_is_an_error(void **state)
{
	const struct topology topo = {1, 1, 1, 1};
	struct cpuid_table table = amd_host;
	struct err err;

	(void)state;
	while (table.nr < CPUID_MAX_ENTRIES) {
		struct cpuid_entry filler = {.leaf = 0x20000000 + table.nr};

		assert_int_equal(cpuid_add(&table, &filler), 0);
	}
	assert_int_equal(cpuid_add(&table, &(struct cpuid_entry){.leaf = 0x1234}), -ENOSPC);
	assert_int_equal(cpuid_set_topology(&table, &topo, 0), -ENOSPC);
	assert_int_equal(cpuid_set_feature(&table, "sev", true, NULL, &err), -ENOSPC);
	/* What replaces an entry still fits. */
	assert_int_equal(cpuid_add(&table, &(struct cpuid_entry){.leaf = 0x1}), 0);
}

static void a_leaf_without_subleaves_answers_to_any(void **state)
{
	struct cpuid_table table = intel_host;

	(void)state;
	assert_ptr_equal(cpuid_find(&table, 1, 7), &table.entry[1]);
	assert_ptr_equal(cpuid_find(&table, 4, 1), &table.entry[3]);
	assert_null(cpuid_find(&table, 4, 9));
	assert_null(cpuid_find(&table, 2, 0));
	cpuid_remove(&table, 4);
	assert_null(cpuid_find(&table, 4, 0));
	assert_null(cpuid_find(&table, 4, 4));
	assert_int_equal(table.nr, intel_host.nr - 5);
	cpuid_remove(&table, 4);
	assert_int_equal(table.nr, intel_host.nr - 5);
}

enum { EAX, EBX, ECX, EDX };

/* One name of each register, from the kernel's cpufeatures.h. */
static const struct {
	const char *name;
	uint32_t leaf, subleaf;
	int reg;
	unsigned int bit;
} features[] = {
	{"fpu", 0x1, 0, EDX, 0},
	{"sep", 0x1, 0, EDX, 11},
	{"ht", 0x1, 0, EDX, 28},
	{"pni", 0x1, 0, ECX, 0},
	{"sse3", 0x1, 0, ECX, 0},
	{"pcid", 0x1, 0, ECX, 17},
	{"x2apic", 0x1, 0, ECX, 21},
	{"tsc_deadline_timer", 0x1, 0, ECX, 24},
	{"xsave", 0x1, 0, ECX, 26},
	{"avx", 0x1, 0, ECX, 28},
	{"hypervisor", 0x1, 0, ECX, 31},
	{"arat", 0x6, 0, EAX, 2},
	{"fsgsbase", 0x7, 0, EBX, 0},
	{"smep", 0x7, 0, EBX, 7},
	{"avx512vl", 0x7, 0, EBX, 31},
	{"umip", 0x7, 0, ECX, 2},
	{"la57", 0x7, 0, ECX, 16},
	{"rdpid", 0x7, 0, ECX, 22},
	{"fsrm", 0x7, 0, EDX, 4},
	{"md_clear", 0x7, 0, EDX, 10},
	{"serialize", 0x7, 0, EDX, 14},
	{"arch_capabilities", 0x7, 0, EDX, 29},
	{"avx_vnni", 0x7, 1, EAX, 4},
	{"fred", 0x7, 1, EAX, 17},
	{"lam", 0x7, 1, EAX, 26},
	{"xsaves", 0xd, 1, EAX, 3},
	{"kvm_pv_eoi", 0x40000001, 0, EAX, 6},
	{"kvmclock_stable", 0x40000001, 0, EAX, 24},
	{"nx", 0x80000001, 0, EDX, 20},
	{"pdpe1gb", 0x80000001, 0, EDX, 26},
	{"lm", 0x80000001, 0, EDX, 29},
	{"svm", 0x80000001, 0, ECX, 2},
	{"topoext", 0x80000001, 0, ECX, 22},
	{"mwaitx", 0x80000001, 0, ECX, 29},
	{"smca", 0x80000007, 0, EBX, 3},
	{"constant_tsc", 0x80000007, 0, EDX, 8},
	{"nonstop_tsc", 0x80000007, 0, EDX, 8},
	{"clzero", 0x80000008, 0, EBX, 0},
	{"virt_ssbd", 0x80000008, 0, EBX, 25},
	{"npt", 0x8000000a, 0, EDX, 0},
	{"vnmi", 0x8000000a, 0, EDX, 25},
	{"sev_snp", 0x8000001f, 0, EAX, 4},
};

static uint32_t reg_of(const struct cpuid_entry *entry, int reg)
{
	return reg == EAX   ? entry->eax
	       : reg == EBX ? entry->ebx
	       : reg == ECX ? entry->ecx
			    : entry->edx;
}

static void features_have_their_linux_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_OF(features); i++) {
		struct cpuid_table table = {
			.nr = 1,
			.entry = {{0x0, 0, false, 0x1, 0x756e6547, 0x6c65746e, 0x49656e69}}};
		const char *name = features[i].name;
		struct err err = {""};
		const struct cpuid_entry *entry;

		assert_false(cpuid_has(&table, name));
		assert_int_equal(cpuid_set_feature(&table, name, true, NULL, &err), 0);
		assert_true(cpuid_has(&table, name));
		entry = must_find(&table, features[i].leaf, features[i].subleaf);
		assert_int_equal(reg_of(entry, features[i].reg), 1u << features[i].bit);
		/* A leaf is of no use above the highest of its range. */
		assert_true(must_find(&table, features[i].leaf & 0xc0000000, 0)->eax >=
			    features[i].leaf);
		assert_int_equal(cpuid_set_feature(&table, name, false, NULL, &err), 0);
		assert_false(cpuid_has(&table, name));
		entry = must_find(&table, features[i].leaf, features[i].subleaf);
		assert_int_equal(reg_of(entry, features[i].reg), 0);
	}
}

static void other_bits_stay(void **state)
{
	struct cpuid_table table = intel_host;
	struct err err;

	(void)state;
	assert_int_equal(cpuid_set_feature(&table, "x2apic", false, NULL, &err), 0);
	assert_int_equal(must_find(&table, 1, 0)->ecx, 0x80002000);
	assert_int_equal(cpuid_set_feature(&table, "tsc_deadline_timer", true, NULL, &err), 0);
	assert_int_equal(must_find(&table, 1, 0)->ecx, 0x81002000);
	assert_int_equal(table.nr, intel_host.nr);
}

static void hiding_what_is_not_there_adds_nothing(void **state)
{
	struct cpuid_table table = intel_host;
	struct err err;

	(void)state;
	assert_int_equal(cpuid_set_feature(&table, "sev", false, NULL, &err), 0);
	assert_int_equal(table.nr, intel_host.nr);
}

/* SDM vol. 2A, leaf 07H: EAX of subleaf 0 is the highest subleaf. */
static void a_forced_subleaf_of_leaf_7_is_announced(void **state)
{
	struct cpuid_table table = intel_host;
	struct err err;

	(void)state;
	assert_int_equal(cpuid_set_feature(&table, "avx_vnni", true, NULL, &err), 0);
	assert_int_equal(must_find(&table, 7, 0)->eax, 1);
	assert_int_equal(must_find(&table, 7, 0)->ebx, 0x01800002);
}

/* AMD repeats half of leaf 1 EDX in 0x80000001 EDX (APM vol. 3, E.4.2). */
static void amd_repetitions_follow(void **state)
{
	struct cpuid_table amd = amd_host, intel = intel_host;
	struct err err;

	(void)state;
	assert_int_equal(cpuid_set_feature(&amd, "mtrr", false, NULL, &err), 0);
	assert_int_equal(must_find(&amd, 0x80000001, 0)->edx, 0x23d3fbff & ~(1u << 12));
	assert_int_equal(cpuid_set_feature(&amd, "mtrr", true, NULL, &err), 0);
	assert_int_equal(must_find(&amd, 0x80000001, 0)->edx, 0x23d3fbff);
	assert_int_equal(cpuid_set_feature(&amd, "sse2", false, NULL, &err), 0);
	assert_int_equal(must_find(&amd, 0x80000001, 0)->edx, 0x23d3fbff);
	assert_int_equal(cpuid_set_feature(&intel, "mtrr", true, NULL, &err), 0);
	assert_int_equal(must_find(&intel, 0x80000001, 0)->edx, 0x2c100800);
}

static void a_name_with_several_bits_hides_all_and_forces_what_the_host_has(void **state)
{
	struct cpuid_table table = amd_host, supported = amd_host;
	struct err err;

	(void)state;
	/* Only AMD's own IBPB bit (0x80000008 EBX 12) is supported, not Intel's. */
	assert_int_equal(cpuid_set_feature(&supported, "ibpb", false, NULL, &err), 0);
	supported.entry[6].ebx |= 1u << 12;
	assert_int_equal(cpuid_set_feature(&table, "ibpb", true, &supported, &err), 0);
	assert_int_equal(bits(must_find(&table, 0x80000008, 0)->ebx, 12, 12), 1);
	assert_int_equal(bits(must_find(&table, 7, 0)->edx, 26, 26), 0);
	/* kvmclock is two bits: the old pair of MSRs and the new. */
	assert_int_equal(cpuid_set_feature(&table, "kvmclock", true, NULL, &err), 0);
	assert_int_equal(must_find(&table, 0x40000001, 0)->eax, 1 | 1 << 3);
	assert_int_equal(cpuid_set_feature(&table, "kvmclock", false, NULL, &err), 0);
	assert_int_equal(must_find(&table, 0x40000001, 0)->eax, 0);
}

static void forcing_past_the_host_is_told(void **state)
{
	struct cpuid_table table = intel_host;
	struct err err;

	(void)state;
	assert_int_equal(cpuid_set_feature(&table, "avx2", true, &intel_host, &err), 1);
	assert_true(cpuid_has(&table, "avx2"));
	assert_int_equal(cpuid_set_feature(&table, "x2apic", true, &intel_host, &err), 0);
	assert_int_equal(cpuid_set_feature(&table, "avx2", false, &intel_host, &err), 0);
}

static void an_unknown_name_is_answered_with_the_nearest(void **state)
{
	static const struct {
		const char *typed, *nearest;
	} cases[] = {
		{"avx3", "avx2"},
		{"AVX2", "avx2"},
		{"sse4.2", "sse4_2"},
		{"tsc-deadline-timer", "tsc_deadline_timer"},
		{"kvm-pv-eoi", "kvm_pv_eoi"},
		{"", "nearest"},
		{"-", "nearest"},
		{"a very long name that no CPU feature could ever have had", "nearest"},
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct cpuid_table table = intel_host;
		struct err err = {""};
		char shown[100];

		assert_int_equal(cpuid_set_feature(&table, cases[i].typed, true, NULL, &err),
				 -EINVAL);
		snprintf(shown, sizeof(shown), "--cpuid +%s: ", cases[i].typed);
		assert_ptr_equal(strstr(err.text, shown), err.text);
		assert_non_null(strstr(err.text, cases[i].nearest));
		assert_int_equal(table.nr, intel_host.nr);
		assert_false(cpuid_has(&table, cases[i].typed));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(intel_leaves_agree),
		cmocka_unit_test(amd_leaves_agree),
		cmocka_unit_test(logical_count_is_as_the_vendor_counts),
		cmocka_unit_test(counts_that_do_not_fit_are_the_largest),
		cmocka_unit_test(leaf_1f_exists_only_below_the_highest_leaf),
		cmocka_unit_test(missing_leaves_are_added_and_the_highest_raised),
		cmocka_unit_test(topology_can_be_set_again_for_another_vcpu),
		cmocka_unit_test(a_full_table_is_an_error),
		cmocka_unit_test(a_leaf_without_subleaves_answers_to_any),
		cmocka_unit_test(features_have_their_linux_names),
		cmocka_unit_test(other_bits_stay),
		cmocka_unit_test(hiding_what_is_not_there_adds_nothing),
		cmocka_unit_test(a_forced_subleaf_of_leaf_7_is_announced),
		cmocka_unit_test(amd_repetitions_follow),
		cmocka_unit_test(a_name_with_several_bits_hides_all_and_forces_what_the_host_has),
		cmocka_unit_test(forcing_past_the_host_is_told),
		cmocka_unit_test(an_unknown_name_is_answered_with_the_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
