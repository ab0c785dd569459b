/* SPDX-License-Identifier: MIT */
/* Two vCPUs send each other interrupts, rounds= there and back. */
#include "guest/payload/lib/devtree.h"
#include "tests/kvm/guest/apic.h"

PAYLOAD(TINYVMM_NOTE_IRQCHIP | TINYVMM_NOTE_ALL_CPUS);

#define VECTOR 0x31

static unsigned int ready;
static unsigned int taken[2]; /* by each vCPU */
static uint64_t rounds;

static unsigned int this_cpu(void)
{
	return mmio_read32(LAPIC + LAPIC_ID) >>
	       24; /* APIC ids of two single-threaded cores: 0 and 1 */
}

static void send(unsigned int cpu)
{
	mmio_write32(LAPIC + LAPIC_ICR_HIGH, cpu << 24);
	mmio_write32(LAPIC + LAPIC_ICR_LOW, 0x4000 | VECTOR); /* fixed, physical, assert */
}

/* Each interrupt is answered with one to the other, until vCPU 0 has had its share. */
void payload_trap(struct trap_frame *frame)
{
	unsigned int cpu = this_cpu();

	EXPECT_EQUAL(frame->vector, VECTOR);
	apic_eoi();
	if (++taken[cpu] < rounds || cpu == 1)
		send(!cpu);
}

void payload_setup(const void *fdt, unsigned long cpu)
{
	EXPECT_EQUAL(cpu, this_cpu());
	apic_enable();
	if (cpu == 0)
		rounds = devtree_number(fdt, "rounds=", 100);
	interrupts_on();
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) < 2)
		pause();
	if (cpu == 0)
		send(1);
}

int payload_main(const void *fdt, unsigned long cpu)
{
	(void)fdt;
	while (cpu != 0 || __atomic_load_n(&taken[0], __ATOMIC_SEQ_CST) < rounds)
		pause();
	EXPECT_EQUAL(taken[1], rounds);
	return 0;
}
