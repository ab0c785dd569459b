/* SPDX-License-Identifier: MIT */
/* The interrupt controllers, as much as the interrupt tests need; ring 0 only. */
#ifndef GUEST_APIC_H
#define GUEST_APIC_H

#include "guest/payload/lib/apic.h"
#include "guest/payload/lib/payload.h"

#define SPURIOUS_VECTOR 0x3f

static inline void apic_enable(void)
{
	lapic_enable(SPURIOUS_VECTOR);
}

static inline void apic_eoi(void)
{
	mmio_write32(LAPIC + LAPIC_EOI, 0);
}

static inline void interrupts_on(void)
{
	__asm__ volatile("sti" ::: "memory");
}

#endif
