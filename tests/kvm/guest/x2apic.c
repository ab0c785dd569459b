/* SPDX-License-Identifier: MIT */
/* The local APIC through its MSRs (Intel SDM vol. 3, 11.12): an interrupt to this vCPU itself. */
#include "tests/kvm/guest/apic.h"

PAYLOAD(TINYVMM_NOTE_IRQCHIP);

#define VECTOR 0x32

#define MSR_APIC_BASE	    0x1b
#define APIC_BASE_X2APIC    (1u << 10)
#define MSR_X2APIC_ID	    0x802
#define MSR_X2APIC_EOI	    0x80b
#define MSR_X2APIC_SPURIOUS 0x80f
#define MSR_X2APIC_SELF_IPI 0x83f

static unsigned int taken;

void payload_trap(struct trap_frame *frame)
{
	EXPECT_EQUAL(frame->vector, VECTOR);
	wrmsr(MSR_X2APIC_EOI, 0);
	__atomic_store_n(&taken, taken + 1, __ATOMIC_RELEASE);
}

void payload_setup(const void *fdt, unsigned long cpu)
{
	(void)fdt;
	EXPECT(cpuid(1, 0).ecx & (1u << 21));
	apic_enable();
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_X2APIC);
	EXPECT_EQUAL(rdmsr(MSR_X2APIC_ID), cpu);
	wrmsr(MSR_X2APIC_SPURIOUS, 0x100 | SPURIOUS_VECTOR);
	wrmsr(MSR_X2APIC_SELF_IPI, VECTOR);
	interrupts_on();
}

int payload_main(const void *fdt, unsigned long cpu)
{
	(void)fdt, (void)cpu;
	while (__atomic_load_n(&taken, __ATOMIC_ACQUIRE) == 0)
		pause();
	return 0;
}
