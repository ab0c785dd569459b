/* SPDX-License-Identifier: MIT */
/* Which kind of KVM this is, from the loaded modules and CPUID. */
#include "vmm/kvm/hostkind.h"

#include <cpuid.h>
#include <stdbool.h>
#include <unistd.h>

#define CPUID_1_ECX_VMX	       (1u << 5)
#define CPUID_80000001_ECX_SVM (1u << 2)

static bool cpu_has_vmx(void)
{
	unsigned int a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && (c & CPUID_1_ECX_VMX);
}

static bool cpu_has_svm(void)
{
	unsigned int a, b, c, d;

	return __get_cpuid(0x80000001, &a, &b, &c, &d) && (c & CPUID_80000001_ECX_SVM);
}

/*
 * The CPU and the module must agree: a built-in module shows in /sys/module even where it found
 * no hardware to drive, and a CPU with VT-x may still run kvm_pvm. The module is asked first
 * because CPUID traps where the host is itself a guest, for longer than the system call takes.
 */
enum host_kind host_kind_detect(void)
{
	if (access("/sys/module/kvm_intel", F_OK) == 0 && cpu_has_vmx())
		return HOST_KVM_INTEL;
	if (access("/sys/module/kvm_amd", F_OK) == 0 && cpu_has_svm())
		return HOST_KVM_AMD;
	if (access("/sys/module/kvm_pvm", F_OK) == 0)
		return HOST_KVM_PVM;
	return HOST_KVM_UNKNOWN;
}

const char *host_kind_name(enum host_kind kind)
{
	switch (kind) {
	case HOST_KVM_INTEL:
		return "kvm_intel";
	case HOST_KVM_AMD:
		return "kvm_amd";
	case HOST_KVM_PVM:
		return "kvm_pvm";
	case HOST_KVM_UNKNOWN:
		break;
	}
	return "kvm";
}

const char *host_kind_sentence(enum host_kind kind)
{
	switch (kind) {
	case HOST_KVM_INTEL:
		return "hardware KVM (VT-x): every ring runs natively";
	case HOST_KVM_AMD:
		return "hardware KVM (SVM): every ring runs natively";
	case HOST_KVM_PVM:
		return "software KVM (PVM): ring 3 runs natively, ring 0 is interpreted";
	case HOST_KVM_UNKNOWN:
		break;
	}
	return "KVM of unknown kind";
}
