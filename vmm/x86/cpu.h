/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's architectural state: CPUID, the state at entry, and what to show when it crashed.
 */
#ifndef X86_CPU_H
#define X86_CPU_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "vmm/core/gmem.h"
#include "vmm/x86/cpuid.h"
#include "vmm/x86/entry.h"

/* What this host's KVM can offer a guest (KVM_GET_SUPPORTED_CPUID). 0 or -errno. */
int cpu_read_supported(int kvm_fd, struct cpuid_table *table);

/* What this host's CPU answers to entry->leaf and entry->subleaf. */
void cpu_ask_host(struct cpuid_entry *entry);

/* 0 or -errno. */
int cpu_set_cpuid(int vcpu_fd, const struct cpuid_table *table);

/*
 * The state that `entry` describes; `cpu` is this vCPU's number, which all-CPU entries find in rsi.
 * 0 or -errno.
 */
int cpu_enter(int vcpu_fd, const struct boot_entry *entry, unsigned int cpu);

/*
 * What firmware would have done for an operating system: write-back as the default memory type,
 * fast strings and, with an APIC id above 254 in the machine, the local APIC in x2APIC mode (Intel
 * SDM vol. 3, 11.12.1), without which Linux takes no such processor. After cpu_set_cpuid(). An MSR
 * that this KVM does not have is left out. 0 or -errno.
 */
int cpu_be_firmware(int vcpu_fd, bool x2apic);

/*
 * Lets the guest read this host's time stamp counter as it is, so that both sides can time one
 * event. A KVM that cannot do so leaves the guest's where it was; *offset is what the guest's is
 * ahead of the host's in either case. 0, or -errno if KVM does not say.
 */
int cpu_share_tsc(int vcpu_fd, uint64_t *offset);

/* Registers, segments, control registers and the code bytes at rip, for a reader of a crash. */
void cpu_print_state(int vcpu_fd, const struct gmem *mem, FILE *to);

#endif
