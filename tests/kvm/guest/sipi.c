/* SPDX-License-Identifier: MIT */
/*
 * Without the note's ALL_CPUS, a second vCPU waits for INIT and a start-up IPI as on a real machine
 * (Intel SDM vol. 3, 9.4.4), and begins in real mode at the page that the vector names.
 */
#include "tests/kvm/guest/apic.h"

PAYLOAD(TINYVMM_NOTE_IRQCHIP);

#define START_PAGE 0x60u

extern const uint8_t start[], start_end[];

__asm__(".pushsection .rodata\n"
	".code16\n"
	"start: cli\n"
	"	mov %cs, %ax\n"
	"	mov %ax, %ds\n"
	"	movw %ax, 0x800\n" /* says where it is */
	"1:	hlt\n"
	"	jmp 1b\n"
	"start_end:\n"
	".code64\n"
	".popsection");

void payload_setup(const void *fdt, unsigned long cpu)
{
	uint8_t *page = (uint8_t *)(uintptr_t)(START_PAGE << 12);
	volatile uint16_t *flag = (volatile uint16_t *)(page + 0x800);

	(void)fdt;
	EXPECT_EQUAL(cpu, 0);
	apic_enable();
	for (int i = 0; i < start_end - start; i++)
		page[i] = start[i];
	mmio_write32(LAPIC + LAPIC_ICR_HIGH, 1u << 24);
	mmio_write32(LAPIC + LAPIC_ICR_LOW, 0x4500); /* INIT, assert */
	EXPECT_EQUAL(*flag, 0);
	mmio_write32(LAPIC + LAPIC_ICR_LOW, 0x4600 | START_PAGE);
	while (*flag == 0)
		pause();
	EXPECT_EQUAL(*flag, START_PAGE << 8);
}

int payload_main(const void *fdt, unsigned long cpu)
{
	(void)fdt, (void)cpu;
	return 0;
}
