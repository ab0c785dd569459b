/* SPDX-License-Identifier: MIT */
/*
 * The local APIC's timer comes in when it should: by TSC deadline where the CPU has that (CPUID.1
 * ECX bit 24), and by counting down.
 */
#include "tests/kvm/guest/apic.h"

PAYLOAD(TINYVMM_NOTE_IRQCHIP);

#define VECTOR		 0x30
#define MSR_TSC_DEADLINE 0x6e0
#define TICKS		 1000000 /* some 300 us */

static uint64_t armed_at, fired_at;
static unsigned int fired;
static bool by_deadline;

static void arm(bool deadline)
{
	by_deadline = deadline;
	armed_at = rdtsc();
	if (deadline) {
		mmio_write32(LAPIC + LAPIC_LVT_TIMER, 2u << 17 | VECTOR);
		wrmsr(MSR_TSC_DEADLINE, armed_at + TICKS);
	} else {
		mmio_write32(LAPIC + LAPIC_LVT_TIMER, VECTOR);
		mmio_write32(LAPIC + LAPIC_DIVIDE, 0xb); /* by 1 */
		mmio_write32(LAPIC + LAPIC_INITIAL, 100000);
	}
}

void payload_trap(struct trap_frame *frame)
{
	EXPECT_EQUAL(frame->vector, VECTOR);
	fired_at = rdtsc();
	if (by_deadline)
		EXPECT(fired_at >= armed_at + TICKS);
	apic_eoi();
	if (fired == 0)
		arm(false);
	__atomic_store_n(&fired, fired + 1, __ATOMIC_RELEASE);
}

void payload_setup(const void *fdt, unsigned long cpu)
{
	bool deadline = cpuid(1, 0).ecx & (1u << 24);

	(void)fdt, (void)cpu;
	apic_enable();
	arm(deadline);
	interrupts_on();
}

int payload_main(const void *fdt, unsigned long cpu)
{
	(void)fdt, (void)cpu;
	while (__atomic_load_n(&fired, __ATOMIC_ACQUIRE) < 2)
		pause();
	return 0;
}
