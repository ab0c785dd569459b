/* SPDX-License-Identifier: MIT */
/*
 * For payloads in C: the environment that lib/start.S gives them. There is no library beneath, and
 * only general registers are used.
 *
 * A payload says PAYLOAD(flags) once and defines payload_main(). What that returns ends the
 * machine: 0 powers it off, another value goes to the debug-exit port. It may define two
 * functions that run in ring 0 whatever ring payload_main() runs in: payload_setup(), called before
 * on each vCPU, and payload_trap(), called for exceptions and interrupts.
 */
#ifndef PAYLOAD_H
#define PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/abi.h"

#define PAYLOAD_STRING(x)  PAYLOAD_STRING_(x)
#define PAYLOAD_STRING_(x) #x

/* The ELF note; `flags` are TINYVMM_NOTE_* as plain numbers, joined with |. */
#define PAYLOAD(flags)                                                                                   \
	__asm__(".pushsection .note.tinyvmm, \"a\", @note\n"                                             \
		".balign 4\n"                                                                            \
		".long 2f - 1f, 8, " PAYLOAD_STRING(                                                     \
			TINYVMM_NOTE_TYPE) "\n"                                                          \
					   "1: .asciz \"" TINYVMM_NOTE_NAME "\"\n"                       \
					   "2: .balign 4\n"                                              \
					   ".long " PAYLOAD_STRING(                                      \
						   TINYVMM_NOTE_VERSION) ", " PAYLOAD_STRING(flags) "\n" \
												    ".popsection")

/* What a trap saved (lib/traps.inc); changes are taken over by the return from it. */
struct trap_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

/* `fdt` is the flattened device tree, `cpu` the number of the vCPU. */
int payload_main(const void *fdt, unsigned long cpu);
void payload_setup(const void *fdt, unsigned long cpu);
void payload_trap(struct trap_frame *frame);

/* ---- ports and memory-mapped registers ------------------------------------------------------- */

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

/* ---- the CPU -------------------------------------------------------------------------------- */

static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid c;

	__asm__ volatile("cpuid"
			 : "=a"(c.eax), "=b"(c.ebx), "=c"(c.ecx), "=d"(c.edx)
			 : "a"(leaf), "c"(subleaf));
	return c;
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

static inline void pause(void)
{
	__asm__ volatile("pause" ::: "memory");
}

/* ---- the end -------------------------------------------------------------------------------- */

/* Neither returns: the exit is taken in the middle of the instruction. */
static inline void power_off(void)
{
	outb(TINYVMM_PORT_POWER, TINYVMM_POWER_OFF_VALUE);
}

static inline void debug_exit(uint8_t value)
{
	outb(TINYVMM_PORT_DEBUG_EXIT, value);
}

/* ---- the serial port, polled (16550A: line status bit 0 data ready, bit 5 room to send) ---------
 */

static inline void put_char(char c)
{
	while (!(inb(TINYVMM_PORT_SERIAL + 5) & 0x20))
		pause();
	outb(TINYVMM_PORT_SERIAL, (uint8_t)c);
}

static inline uint8_t get_char(void)
{
	while (!(inb(TINYVMM_PORT_SERIAL + 5) & 0x01))
		pause();
	return inb(TINYVMM_PORT_SERIAL);
}

static inline void print(const char *text)
{
	while (*text != '\0')
		put_char(*text++);
}

static inline void print_number(uint64_t value, unsigned int base)
{
	char text[24];
	char *p = text + sizeof(text);

	*--p = '\0';
	do
		*--p = "0123456789abcdef"[value % base];
	while ((value /= base) != 0);
	print(p);
}

/* Where the expectation fails, says which and ends with status 3. */
#define EXPECT(condition)                                                                     \
	do {                                                                                  \
		if (!(condition)) {                                                           \
			print("line " PAYLOAD_STRING(__LINE__) ": not so: " #condition "\n"); \
			debug_exit(1);                                                        \
		}                                                                             \
	} while (0)

/* Where two numbers differ, says both as well. */
#define EXPECT_EQUAL(is, should)                                                   \
	do {                                                                       \
		uint64_t is_ = (is), should_ = (should);                           \
		if (is_ != should_) {                                              \
			print("line " PAYLOAD_STRING(__LINE__) ": " #is " is 0x"); \
			print_number(is_, 16);                                     \
			print(", not 0x");                                         \
			print_number(should_, 16);                                 \
			print("\n");                                               \
			debug_exit(1);                                             \
		}                                                                  \
	} while (0)

#endif
