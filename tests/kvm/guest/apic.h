/* SPDX-License-Identifier: MIT */
/* The interrupt controllers, as much as the interrupt tests need; ring 0 only. */
#ifndef GUEST_APIC_H
#define GUEST_APIC_H

#include "guest/payload/lib/payload.h"

#define LAPIC  0xfee00000u
#define IOAPIC 0xfec00000u

#define LAPIC_EOI	0x0b0
#define LAPIC_SPURIOUS	0x0f0
#define LAPIC_ICR_LOW	0x300
#define LAPIC_ICR_HIGH	0x310
#define LAPIC_LVT_TIMER 0x320
#define LAPIC_INITIAL	0x380
#define LAPIC_DIVIDE	0x3e0

#define SPURIOUS_VECTOR 0x3f

/* Software-enables this CPU's local APIC and silences the 8259s, whose pins share the lines. */
static inline void apic_enable(void)
{
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	mmio_write32(LAPIC + LAPIC_SPURIOUS, 0x100 | SPURIOUS_VECTOR);
}

static inline void apic_eoi(void)
{
	mmio_write32(LAPIC + LAPIC_EOI, 0);
}

/* Sends pin `gsi` to `vector` on the CPU with APIC id 0: fixed, edge, active high, not masked. */
static inline void ioapic_route(unsigned int gsi, uint8_t vector)
{
	mmio_write32(IOAPIC, 0x11 + 2 * gsi); /* IOREGSEL */
	mmio_write32(IOAPIC + 0x10, 0);	      /* IOWIN */
	mmio_write32(IOAPIC, 0x10 + 2 * gsi);
	mmio_write32(IOAPIC + 0x10, vector);
}

static inline void interrupts_on(void)
{
	__asm__ volatile("sti" ::: "memory");
}

#endif
