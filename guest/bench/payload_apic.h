/* SPDX-License-Identifier: MIT */
/* Interrupts as benchmarks use them; the payload kernel counts and acknowledges them. */
#ifndef BENCH_PAYLOAD_APIC_H
#define BENCH_PAYLOAD_APIC_H

#include "guest/bench/env.h"
#include "guest/payload/lib/apic.h"

#define LAPIC_DIVIDE_BY_1 0xbu

/* KVM's local APIC timers count nanoseconds (APIC_BUS_FREQUENCY, 1 GHz), and QEMU's do as well. */
#define LAPIC_TIMER_HZ 1000000000u

static inline void apic_enable(void)
{
	lapic_enable(PAYLOAD_SPURIOUS);
	mmio_write32(LAPIC + LAPIC_DIVIDE, LAPIC_DIVIDE_BY_1);
}

static inline uint32_t apic_id(void)
{
	return mmio_read32(LAPIC + LAPIC_ID) >> 24;
}

/* What the timer interrupts with; it stands still until apic_start_timer(). */
static inline void apic_set_timer(uint8_t vector)
{
	mmio_write32(LAPIC + LAPIC_INITIAL, 0);
	mmio_write32(LAPIC + LAPIC_LVT_TIMER, vector);
}

/* One interrupt after `count` turns of the timer. */
static inline void apic_start_timer(uint32_t count)
{
	mmio_write32(LAPIC + LAPIC_INITIAL, count);
}

static inline void apic_send(uint32_t to, uint8_t vector)
{
	mmio_write32(LAPIC + LAPIC_ICR_HIGH, to << 24);
	mmio_write32(LAPIC + LAPIC_ICR_LOW, vector);
}

/* In ring 0, interrupts off. */
struct apic_halt {
	volatile uint64_t *count;
	uint64_t before;
};

static inline uint64_t apic_halt_ring0(uint64_t arg)
{
	const struct apic_halt *halt = (const struct apic_halt *)arg;

	/* sti lets no interrupt in before hlt (Intel SDM vol. 2, STI), so none is slept through. */
	while (*halt->count == halt->before)
		__asm__ volatile("sti; hlt; cli" ::: "memory");
	return 0;
}

/* Halts until a vector's count differs from `before`. */
static inline void apic_halt_until(volatile uint64_t *count, uint64_t before)
{
	struct apic_halt halt = {.count = count, .before = before};

	payload_ring0(apic_halt_ring0, (uint64_t)(uintptr_t)&halt);
}

/* NULL, or why interrupts cannot be measured here. */
static inline const char *apic_missing(const struct env *env)
{
	if (!env->payload)
		return "has no meaning in a Linux process";
	if (!env->payload->has_irqchip)
		return "no interrupt controller; use --irqchip kernel";
	return NULL;
}

#endif
