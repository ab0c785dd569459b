/* SPDX-License-Identifier: MIT */
/*
 * Which kind of KVM this host has, because it decides what a figure means.
 */
#ifndef KVM_HOSTKIND_H
#define KVM_HOSTKIND_H

enum host_kind {
	HOST_KVM_INTEL,	  /* VT-x: every ring native, nested paging */
	HOST_KVM_AMD,	  /* SVM: the same */
	HOST_KVM_PVM,	  /* software: ring 3 native on shadow pages, ring 0 interpreted */
	HOST_KVM_UNKNOWN, /* /dev/kvm answers, but neither the CPU nor the modules say why */
};

/* Looks at the loaded modules and at CPUID; needs no privilege. */
enum host_kind host_kind_detect(void);

/* "kvm_intel", "kvm_amd", "kvm_pvm", "kvm": stable, for results. */
const char *host_kind_name(enum host_kind kind);

/* One sentence for people: what runs natively here. */
const char *host_kind_sentence(enum host_kind kind);

#endif
