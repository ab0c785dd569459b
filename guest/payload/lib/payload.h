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
#include "guest/payload/lib/cpu.h"

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
