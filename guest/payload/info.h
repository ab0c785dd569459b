/* SPDX-License-Identifier: MIT */
/*
 * What the payload kernel tells the program that it runs: struct payload_info, found by an entry of
 * type AT_TINYVMM in the auxiliary vector, which lies on the initial stack where Linux puts it
 * (System V psABI for x86-64, 3.4.1 "Initial Stack and Register State").
 *
 * The program runs in ring 3 on an identity map of the first 4 GiB in 2 MiB pages and may use all
 * of it: RAM, page tables, memory-mapped registers, and every port. It is trusted. What it wants
 * mapped beyond 4 GiB, it maps itself: a start should not pay for what few benchmarks use. The
 * kernel keeps the boundary of ring 3 not for protection but because on software KVM only ring 3
 * runs natively.
 */
#ifndef PAYLOAD_INFO_H
#define PAYLOAD_INFO_H

#include <stdint.h>

#include "guest/payload/ring0_call.h"

#define AT_TINYVMM 0x54564d

#define PAYLOAD_HIGH_RAM (4ull << 30) /* where RAM continues behind the 32-bit hole */

#define PAYLOAD_MAX_CPUS  16
#define PAYLOAD_MAX_SLOTS 32

/* Vectors that the program may use; each is counted in `interrupt_count` and acknowledged. */
#define PAYLOAD_FIRST_VECTOR 0x20
#define PAYLOAD_LAST_VECTOR  0x3e
#define PAYLOAD_SPURIOUS     0x3f

/* A virtio-mmio slot: its registers, and the I/O APIC pin (0: none is known). */
struct payload_slot {
	uint64_t base;
	uint64_t gsi;
};

/*
 * A vCPU that is not the boot vCPU waits, spinning, until `run` is set, calls it with `arg` on
 * `stack_top` in ring 3, and clears `run` after it has returned.
 */
struct payload_cpu {
	uint64_t online;
	void (*run)(void *arg);
	void *arg;
	void *stack_top;
} __attribute__((aligned(64)));

struct payload_info {
	uint64_t root_table;  /* the page table in CR3 */
	uint64_t arena_start; /* RAM that the payload does not use */
	uint64_t arena_end;
	uint64_t high_ram_end; /* RAM from PAYLOAD_HIGH_RAM on, not mapped; 0: there is none */
	uint64_t nr_cpus;      /* those that will come online */
	uint64_t has_irqchip;
	uint64_t is_software_kvm; /* ring 0 is interpreted */
	uint64_t nr_slots;
	struct payload_slot slot[PAYLOAD_MAX_SLOTS];
	volatile uint64_t *interrupt_count; /* by vector */
	struct payload_cpu cpu[PAYLOAD_MAX_CPUS];
};

/* psABI 3.2.1: a function may change all of them, if the compiler may use them at all. */
#ifdef __SSE__
#define PAYLOAD_LOST_VECTORS                                                                     \
	"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
		"xmm11", "xmm12", "xmm13", "xmm14", "xmm15",
#else
#define PAYLOAD_LOST_VECTORS
#endif

/*
 * Runs `function(arg)` in ring 0, with interrupts off, and returns its value.
 *
 * The way there is a fault. Software KVM delivers faults, but has no `int n` from ring 3, and its
 * `syscall` stays in ring 3.
 */
static inline uint64_t payload_ring0(uint64_t (*function)(uint64_t arg), uint64_t arg)
{
	uint64_t ret = (uint64_t)(uintptr_t)function, call = PAYLOAD_RING0_CALL;

	/* The kernel calls the function and saves nothing: what functions may change is lost. */
	__asm__ volatile("ud2"
			 : "+a"(ret), "+D"(arg), "+c"(call)
			 :
			 : "rdx", "rsi", "r8", "r9", "r10", "r11", PAYLOAD_LOST_VECTORS "memory",
			   "cc");
	return ret;
}

#endif
