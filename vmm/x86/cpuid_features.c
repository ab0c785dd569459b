/* SPDX-License-Identifier: MIT */
/*
 * CPU features by the names that Linux prints in /proc/cpuinfo
 * (arch/x86/include/asm/cpufeatures.h), and the bits of CPUID that they stand for (Intel SDM vol.
 * 2A; AMD APM vol. 3, appendix E; KVM's own leaf: Documentation/virt/kvm/x86/cpuid.rst).
 */
#include "vmm/core/array.h"
#include "vmm/core/nearest.h"
#include "vmm/x86/cpuid.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

enum reg { EAX, EBX, ECX, EDX };

/* One register of one leaf: the names of its bits from bit 0, eight a line; "-" has none. */
static const struct feature_word {
	uint32_t leaf, subleaf;
	enum reg reg;
	const char *names;
} words[] = {
	{0x1, 0, EDX,
	 "fpu vme de pse tsc msr pae mce "
	 "cx8 apic - sep mtrr pge mca cmov "
	 "pat pse36 pn clflush - dts acpi mmx "
	 "fxsr sse sse2 ss ht tm ia64 pbe"},
	{0x1, 0, ECX,
	 "pni pclmulqdq dtes64 monitor ds_cpl vmx smx est "
	 "tm2 ssse3 cid sdbg fma cx16 xtpr pdcm "
	 "- pcid dca sse4_1 sse4_2 x2apic movbe popcnt "
	 "tsc_deadline_timer aes xsave - avx f16c rdrand hypervisor"},
	{0x6, 0, EAX,
	 "dtherm ida arat - pln - pts hwp "
	 "hwp_notify hwp_act_window hwp_epp hwp_pkg_req - - - - "
	 "- - - hfi"},
	{0x6, 0, ECX, "aperfmperf - - epb"},
	{0x7, 0, EBX,
	 "fsgsbase tsc_adjust sgx bmi1 hle avx2 - smep "
	 "bmi2 erms invpcid rtm cqm - mpx rdt_a "
	 "avx512f avx512dq rdseed adx smap avx512ifma - clflushopt "
	 "clwb intel_pt avx512pf avx512er avx512cd sha_ni avx512bw avx512vl"},
	{0x7, 0, ECX,
	 "- avx512vbmi umip pku ospke waitpkg avx512_vbmi2 shstk "
	 "gfni vaes vpclmulqdq avx512_vnni avx512_bitalg tme avx512_vpopcntdq - "
	 "la57 - - - - - rdpid - "
	 "bus_lock_detect cldemote - movdiri movdir64b enqcmd sgx_lc"},
	{0x7, 0, EDX,
	 "- - avx512_4vnniw avx512_4fmaps fsrm - - - "
	 "avx512_vp2intersect - md_clear - - - serialize - "
	 "tsxldtrk - pconfig arch_lbr ibt - amx_bf16 avx512_fp16 "
	 "amx_tile amx_int8 ibrs stibp flush_l1d arch_capabilities - ssbd"},
	{0x7, 1, EAX,
	 "sha512 sm3 sm4 - avx_vnni avx512_bf16 - cmpccxadd "
	 "- - fzrm fsrs fsrc - - - "
	 "- fred lkgs wrmsrns - amx_fp16 - avx_ifma "
	 "- - lam"},
	{0xd, 1, EAX, "xsaveopt xsavec xgetbv1 xsaves xfd"},
	{0x40000001, 0, EAX,
	 "kvmclock kvm_nopiodelay kvm_mmu - kvm_asyncpf kvm_steal_time kvm_pv_eoi kvm_pv_unhalt "
	 "- kvm_pv_tlb_flush kvm_asyncpf_vmexit kvm_pv_ipi kvm_poll_control kvm_pv_sched_yield "
	 "kvm_asyncpf_int kvm_msi_ext_dest "
	 "kvm_map_gpa_range kvm_migration - - - - - - "
	 "kvmclock_stable"},
	{0x80000001, 0, EDX,
	 "- - - - - - - - "
	 "- - - syscall - - - - "
	 "- - - mp nx - mmxext - "
	 "- fxsr_opt pdpe1gb rdtscp - lm 3dnowext 3dnow"},
	{0x80000001, 0, ECX,
	 "lahf_lm cmp_legacy svm extapic cr8_legacy abm sse4a misalignsse "
	 "3dnowprefetch osvw ibs xop skinit wdt - lwp "
	 "fma4 tce - nodeid_msr - tbm topoext perfctr_core "
	 "perfctr_nb - bpext ptsc perfctr_llc mwaitx"},
	{0x80000007, 0, EBX, "overflow_recov succor - smca"},
	{0x80000007, 0, EDX,
	 "- - - - - - - hw_pstate "
	 "constant_tsc cpb - proc_feedback acc_power - rapl"},
	{0x80000008, 0, EBX,
	 "clzero irperf xsaveerptr - rdpru - - - "
	 "- wbnoinvd - - ibpb - ibrs stibp "
	 "- - - - - - - amd_ppin "
	 "ssbd virt_ssbd - cppc - - - brs"},
	{0x8000000a, 0, EDX,
	 "npt lbrv svm_lock nrip_save tsc_scale vmcb_clean flushbyasid decodeassists "
	 "- - pausefilter - pfthreshold avic - v_vmsave_vmload "
	 "vgif - x2avic - v_spec_ctrl - - - "
	 "- vnmi"},
	{0x8000001f, 0, EAX, "sme sev - sev_es sev_snp"},
};

/* Second names of a bit, and names with more than one bit. */
static const struct feature_alias {
	const char *name;
	uint32_t leaf, subleaf;
	enum reg reg;
	unsigned int bit;
} aliases[] = {
	{"kvmclock", 0x40000001, 0, EAX, 3}, /* with the newer of its two pairs of MSRs */
	{"ibpb", 0x7, 0, EDX, 26},	     /* Intel has one bit for IBRS and IBPB, AMD two */
	{"nonstop_tsc", 0x80000007, 0, EDX, 8},
	{"invtsc", 0x80000007, 0, EDX, 8},
	{"sse3", 0x1, 0, ECX, 0},
	{"lzcnt", 0x80000001, 0, ECX, 5},
};

struct feature_bit {
	uint32_t leaf, subleaf;
	enum reg reg;
	uint32_t mask;
};

/* A walk over all names; starts as zeros. */
struct feature_walk {
	unsigned int word, bit, alias;
	const char *rest; /* of the word's names; NULL before the first */
	const char *name; /* where the walk stands; ends at a blank or a NUL */
	size_t len;
};

/* Steps to the next bit that has a name. */
static bool next_feature(struct feature_walk *walk, struct feature_bit *bit)
{
	while (walk->word < NR_OF(words)) {
		const struct feature_word *word = &words[walk->word];

		walk->name = walk->rest != NULL ? walk->rest : word->names;
		walk->len = 0;
		while (walk->name[walk->len] != ' ' && walk->name[walk->len] != '\0')
			walk->len++;
		if (walk->len == 0) {
			*walk = (struct feature_walk){.word = walk->word + 1};
			continue;
		}
		*bit = (struct feature_bit){word->leaf, word->subleaf, word->reg, 1u << walk->bit};
		walk->bit++;
		walk->rest = walk->name + walk->len + (walk->name[walk->len] == ' ');
		if (walk->name[0] != '-')
			return true;
	}
	if (walk->alias < NR_OF(aliases)) {
		const struct feature_alias *alias = &aliases[walk->alias++];

		*bit = (struct feature_bit){alias->leaf, alias->subleaf, alias->reg,
					    1u << alias->bit};
		walk->name = alias->name;
		walk->len = strlen(alias->name);
		return true;
	}
	return false;
}

/* Steps to the next bit that `name` stands for. */
static bool next_named(struct feature_walk *walk, const char *name, size_t len,
		       struct feature_bit *bit)
{
	while (next_feature(walk, bit))
		if (walk->len == len && memcmp(walk->name, name, len) == 0)
			return true;
	return false;
}

static uint32_t *reg_of(struct cpuid_entry *entry, enum reg reg)
{
	switch (reg) {
	case EAX:
		return &entry->eax;
	case EBX:
		return &entry->ebx;
	case ECX:
		return &entry->ecx;
	case EDX:
		break;
	}
	return &entry->edx;
}

static bool has_bit(const struct cpuid_table *table, const struct feature_bit *bit)
{
	const struct cpuid_entry *found = cpuid_find(table, bit->leaf, bit->subleaf);
	struct cpuid_entry entry;

	if (found == NULL)
		return false;
	entry = *found;
	return (*reg_of(&entry, bit->reg) & bit->mask) != 0;
}

bool cpuid_has(const struct cpuid_table *table, const char *name)
{
	size_t len = strlen(name);
	struct feature_walk walk = {0};
	struct feature_bit bit;

	while (next_named(&walk, name, len, &bit))
		if (has_bit(table, &bit))
			return true;
	return false;
}

static int write_bit(struct cpuid_table *table, const struct feature_bit *bit, bool on)
{
	const struct cpuid_entry *found = cpuid_find(table, bit->leaf, bit->subleaf);
	struct cpuid_entry entry = {.leaf = bit->leaf,
				    .subleaf = bit->subleaf,
				    .indexed = bit->leaf == 0x7 || bit->leaf == 0xd};
	int ret;

	if (found != NULL)
		entry = *found;
	else if (!on)
		return 0;
	if (on)
		*reg_of(&entry, bit->reg) |= bit->mask;
	else
		*reg_of(&entry, bit->reg) &= ~bit->mask;
	ret = cpuid_add(table, &entry);
	if (ret == 0 && on)
		ret = cpuid_raise_max_leaf(table, bit->leaf);
	/* Leaf 7 says in EAX how many subleaves there are (SDM vol. 2A, CPUID, leaf 07H). */
	if (ret == 0 && on && bit->leaf == 0x7 && bit->subleaf > 0) {
		entry = (struct cpuid_entry){.leaf = 0x7, .indexed = true};
		found = cpuid_find(table, 0x7, 0);
		if (found != NULL)
			entry = *found;
		if (entry.eax < bit->subleaf)
			entry.eax = bit->subleaf;
		ret = cpuid_add(table, &entry);
	}
	return ret;
}

/*
 * AMD repeats these bits of leaf 1 EDX in 0x80000001 EDX; Intel keeps them zero there
 * (APM vol. 3, E.4.2).
 */
#define AMD_REPEATED_EDX 0x0183f3ffu

static int write_bit_and_copy(struct cpuid_table *table, const struct feature_bit *bit, bool on)
{
	struct feature_bit copy = {0x80000001, 0, EDX, bit->mask};
	int ret = write_bit(table, bit, on);

	if (ret == 0 && bit->leaf == 0x1 && bit->reg == EDX &&
	    (bit->mask & AMD_REPEATED_EDX) != 0 && cpuid_is_amd(table))
		ret = write_bit(table, &copy, on);
	return ret;
}

/* Typed names differ from ours in case and in hyphens; that should not count as far. */
static unsigned int distance(const char *typed, const char *name, size_t len)
{
	char same[NEAREST_MAX_LEN + 1], known[NEAREST_MAX_LEN + 1];
	size_t n = 0;

	assert(len <= NEAREST_MAX_LEN);
	for (; n < NEAREST_MAX_LEN && typed[n] != '\0'; n++)
		same[n] = (char)(typed[n] == '-' ? '_' : tolower((unsigned char)typed[n]));
	memcpy(known, name, len);
	known[len] = '\0';
	return nearest_distance(same, n, known);
}

#define NR_NEAREST 3

struct near {
	unsigned int distance;
	int len;
	const char *name;
};

/* Keeps nearest[] ascending, without doubles; what is pushed out goes to its spare last place. */
static void keep_nearest(struct near nearest[NR_NEAREST + 1], const struct near *candidate)
{
	unsigned int at = 0;

	while (at < NR_NEAREST && nearest[at].distance <= candidate->distance) {
		if (nearest[at].len == candidate->len &&
		    memcmp(nearest[at].name, candidate->name, (size_t)candidate->len) == 0)
			return;
		at++;
	}
	memmove(&nearest[at + 1], &nearest[at], (NR_NEAREST - at) * sizeof(nearest[0]));
	nearest[at] = *candidate;
}

static int fail_unknown(const char *typed, bool on, struct err *err)
{
	struct near nearest[NR_NEAREST + 1];
	struct feature_walk walk = {0};
	struct feature_bit bit;

	for (unsigned int i = 0; i <= NR_NEAREST; i++)
		nearest[i] = (struct near){.distance = UINT_MAX, .name = ""};
	while (next_feature(&walk, &bit)) {
		struct near candidate = {distance(typed, walk.name, walk.len), (int)walk.len,
					 walk.name};

		keep_nearest(nearest, &candidate);
	}
	return err_set(err, -EINVAL,
		       "--cpuid %c%s: no such CPU feature; the nearest names are %.*s, %.*s and "
		       "%.*s (names are as in /proc/cpuinfo)",
		       on ? '+' : '-', typed, nearest[0].len, nearest[0].name, nearest[1].len,
		       nearest[1].name, nearest[2].len, nearest[2].name);
}

int cpuid_set_feature(struct cpuid_table *table, const char *name, bool on,
		      const struct cpuid_table *supported, struct err *err)
{
	bool is_supported = supported != NULL && cpuid_has(supported, name);
	bool known = false;
	size_t len = strlen(name);
	struct feature_walk walk = {0};
	struct feature_bit bit;

	while (next_named(&walk, name, len, &bit)) {
		int ret;

		known = true;
		/* Where a name has several bits, those that the host can do are enough. */
		if (on && is_supported && !has_bit(supported, &bit))
			continue;
		ret = write_bit_and_copy(table, &bit, on);
		if (ret < 0)
			return err_set(err, ret,
				       "--cpuid %c%s: the CPUID table is full (%d entries)",
				       on ? '+' : '-', name, CPUID_MAX_ENTRIES);
	}
	if (!known)
		return fail_unknown(name, on, err);
	return on && supported != NULL && !is_supported;
}
