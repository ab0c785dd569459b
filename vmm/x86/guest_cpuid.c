/* SPDX-License-Identifier: MIT */
/* The CPUID table of a guest (Intel SDM vol. 2A, CPUID; AMD APM vol. 3, appendix E). */
#include "vmm/x86/guest_cpuid.h"

#include <errno.h>
#include <stddef.h>

#define EXTENDED_MAX 0x80000000u
/*
 * What the CPU says of itself and no program depends on: the brand string in three leaves, and
 * AMD's first-level caches and TLBs. KVM leaves the string to user space, and so do its older
 * versions the caches; a guest then shows "17/01" as its model.
 */
#define BRAND_FIRST 0x80000002u
#define AMD_L1	    0x80000005u

static bool is_empty(const struct cpuid_entry *entry)
{
	return entry == NULL || (entry->eax | entry->ebx | entry->ecx | entry->edx) == 0;
}

static int take_from_host(struct cpuid_table *table, void (*host)(struct cpuid_entry *entry))
{
	struct cpuid_entry max = {.leaf = EXTENDED_MAX};
	int ret = 0;

	host(&max);
	for (uint32_t leaf = BRAND_FIRST; ret == 0 && leaf <= AMD_L1 && leaf <= max.eax; leaf++) {
		struct cpuid_entry entry = {.leaf = leaf};

		if (!is_empty(cpuid_find(table, leaf, 0)))
			continue;
		host(&entry);
		ret = cpuid_add(table, &entry);
		if (ret == 0)
			ret = cpuid_raise_max_leaf(table, leaf);
	}
	return ret;
}

/* Every name is known, so cpuid_set_feature() can fail only for want of room. */
static int set_feature(struct cpuid_table *table, const char *name, bool on, struct err *err)
{
	int ret = cpuid_set_feature(table, name, on, NULL, err);

	return ret < 0 ? ret : 0;
}

static int edit(struct cpuid_table *table, const struct guest_cpuid *guest,
		const struct cpuid_edit *edit, const struct log *log, struct err *err)
{
	int ret = cpuid_set_feature(table, edit->name, edit->force, guest->supported, err);

	if (ret > 0)
		log_warn(log,
			 "--cpuid +%s: this host's KVM does not support it; the guest is told "
			 "that it is there all the same",
			 edit->name);
	return ret < 0 ? ret : 0;
}

int guest_cpuid_make(struct cpuid_table *table, const struct guest_cpuid *guest,
		     const struct log *log, struct err *err)
{
	bool apic = guest->has_apic;
	int ret;

	*table = guest->supported != NULL ? *guest->supported : (struct cpuid_table){0};
	ret = take_from_host(table, guest->host);
	if (ret < 0)
		return err_set(err, ret, "CPUID: the table is full (%d entries)",
			       CPUID_MAX_ENTRIES);
	ret = set_feature(table, "hypervisor", true, err);
	if (ret == 0)
		ret = set_feature(table, "apic", apic, err);
	if (ret == 0)
		ret = set_feature(table, "x2apic", apic, err);
	/* KVM leaves this one to user space, which knows whether the APIC is in the kernel. */
	if (ret == 0)
		ret = set_feature(table, "tsc_deadline_timer", apic && guest->has_tsc_deadline,
				  err);
	for (unsigned int i = 0; ret == 0 && i < guest->options->nr; i++)
		ret = edit(table, guest, &guest->options->edit[i], log, err);
	return ret;
}
