/* SPDX-License-Identifier: MIT */
/*
 * Ports, memory-mapped registers and MSRs, for all that runs in a payload. Ports and registers in
 * ring 3 as well.
 */
#ifndef PAYLOAD_LIB_CPU_H
#define PAYLOAD_LIB_CPU_H

#include <stddef.h>
#include <stdint.h>

static inline void outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port) : "memory");
}

static inline void outw(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port) : "memory");
}

static inline void outl(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port) : "memory");
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline uint16_t inw(uint16_t port)
{
	uint16_t value;

	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline uint32_t inl(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

/* `count` accesses in one string instruction: one exit for many of them. */
static inline void rep_outsb(uint16_t port, const void *from, size_t count)
{
	__asm__ volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(port) : "memory");
}

static inline void rep_insb(uint16_t port, void *to, size_t count)
{
	__asm__ volatile("rep insb" : "+D"(to), "+c"(count) : "d"(port) : "memory");
}

static inline uint8_t mmio_read8(uint64_t address)
{
	return *(const volatile uint8_t *)address;
}

static inline uint16_t mmio_read16(uint64_t address)
{
	return *(const volatile uint16_t *)address;
}

static inline uint32_t mmio_read32(uint64_t address)
{
	return *(const volatile uint32_t *)address;
}

static inline uint64_t mmio_read64(uint64_t address)
{
	return *(const volatile uint64_t *)address;
}

static inline void mmio_write32(uint64_t address, uint32_t value)
{
	*(volatile uint32_t *)address = value;
}

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

#endif
