/* SPDX-License-Identifier: MIT */
/*
 * The CPUID table that all vCPUs of a guest share, before each is told its place: what KVM
 * supports, what the host's CPU says of itself, what our machine has, and --cpuid last. Pure.
 */
#ifndef X86_GUEST_CPUID_H
#define X86_GUEST_CPUID_H

#include <stdbool.h>

#include "vmm/core/err.h"
#include "vmm/core/log.h"
#include "vmm/x86/cpuid.h"
#include "vmm/x86/cpuid_options.h"

struct guest_cpuid {
	const struct cpuid_table *supported; /* by KVM; NULL: unknown, for --dry-run */
	const struct cpuid_options *options;
	bool has_apic;	       /* local APICs in KVM */
	bool has_tsc_deadline; /* of these */
	/* The CPUID instruction: answers the question in *entry, leaf and subleaf. */
	void (*host)(struct cpuid_entry *entry);
};

/*
 * Fills *table. A feature that is forced and that KVM does not support is a warning in the log.
 * 0, -EINVAL with a message for a name that is none, or -ENOSPC with a message.
 */
int guest_cpuid_make(struct cpuid_table *table, const struct guest_cpuid *guest,
		     const struct log *log, struct err *err);

#endif
