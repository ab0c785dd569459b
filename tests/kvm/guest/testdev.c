/* SPDX-License-Identifier: MIT */
/*
 * The test device: a line of the I/O APIC raised and lowered through its port interrupts at once;
 * its window and its registers keep what is written; a page that KVM was made to forget is still
 * there.
 */
#include "tests/kvm/guest/apic.h"

PAYLOAD(TINYVMM_NOTE_IRQCHIP);

#define REGISTERS 0xe0
#define FLUSH	  0xe4
#define LINE	  0x2005
#define GSI	  5
#define VECTOR	  0x25
#define WINDOW	  0xff000000ul

static unsigned int taken;
static uint32_t word __attribute__((aligned(4096))) = 0x12345678;

void payload_trap(struct trap_frame *frame)
{
	EXPECT_EQUAL(frame->vector, VECTOR);
	__atomic_store_n(&taken, taken + 1, __ATOMIC_RELEASE);
	apic_eoi();
}

void payload_setup(const void *fdt, unsigned long cpu)
{
	(void)fdt, (void)cpu;
	apic_enable();
	ioapic_route(GSI, VECTOR, 0);
	interrupts_on();
}

int payload_main(const void *fdt, unsigned long cpu)
{
	(void)fdt, (void)cpu;
	for (unsigned int i = 1; i <= 10; i++) {
		outb(LINE, 1);
		while (__atomic_load_n(&taken, __ATOMIC_ACQUIRE) < i)
			pause();
		outb(LINE, 0);
	}
	outb(LINE, 0); /* no edge */
	EXPECT_EQUAL(taken, 10);
	outl(REGISTERS, 0xa1b2c3d4);
	EXPECT_EQUAL(inb(REGISTERS + 1), 0xc3);
	mmio_write32(WINDOW + 0xfffc, 0xcafe);
	EXPECT_EQUAL(mmio_read32(WINDOW + 0xfffc), 0xcafe);
	outl(FLUSH, (uint32_t)(unsigned long)&word);
	EXPECT_EQUAL(word, 0x12345678);
	return 0;
}
