/* SPDX-License-Identifier: MIT */
/*
 * The interrupt controllers: local APIC (Intel SDM vol. 3, chapter 10) and I/O APIC (Intel 82093AA
 * datasheet). Their registers are memory, so ring 3 can drive them as well.
 */
#ifndef PAYLOAD_LIB_APIC_H
#define PAYLOAD_LIB_APIC_H

#include "guest/payload/lib/cpu.h"

#define LAPIC  0xfee00000u
#define IOAPIC 0xfec00000u

#define LAPIC_ID	0x020
#define LAPIC_EOI	0x0b0
#define LAPIC_SPURIOUS	0x0f0
#define LAPIC_ICR_LOW	0x300
#define LAPIC_ICR_HIGH	0x310
#define LAPIC_LVT_TIMER 0x320
#define LAPIC_INITIAL	0x380
#define LAPIC_DIVIDE	0x3e0

#define LAPIC_ENABLE 0x100u

#define PIC_MASTER_MASK 0x21
#define PIC_SLAVE_MASK	0xa1

/* Software-enables this CPU's local APIC and silences the 8259s, whose pins share the lines. */
static inline void lapic_enable(uint8_t spurious_vector)
{
	outb(PIC_MASTER_MASK, 0xff);
	outb(PIC_SLAVE_MASK, 0xff);
	mmio_write32(LAPIC + LAPIC_SPURIOUS, LAPIC_ENABLE | spurious_vector);
}

/* Sends pin `gsi` to `vector` of the CPU with APIC id `to`: fixed, edge, active high, not masked.
 */
static inline void ioapic_route(uint32_t gsi, uint8_t vector, uint32_t to)
{
	mmio_write32(IOAPIC, 0x11 + 2 * gsi);  /* IOREGSEL */
	mmio_write32(IOAPIC + 0x10, to << 24); /* IOWIN */
	mmio_write32(IOAPIC, 0x10 + 2 * gsi);
	mmio_write32(IOAPIC + 0x10, vector);
}

#endif
