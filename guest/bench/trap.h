/* SPDX-License-Identifier: MIT */
/*
 * What the benchmarks of trap.* share: those in a payload have counterparts in a Linux process,
 * which are measured by the same code (trap.c) and differ in the means.
 */
#ifndef BENCH_TRAP_H
#define BENCH_TRAP_H

#include "guest/bench/bench.h"

/* In the 32-bit hole, below the virtio-mmio slots: nothing answers, so the VMM has least to do. */
#define NO_DEVICE 0xcffff000ull
#define PORT_POST 0x80

/* The setup of what only a payload can do. */
const char *trap_need_payload(struct run *run, unsigned int cpu);

/* Two CPUs that call each other in turn. */
struct trap_rally {
	/* On each of them before the first call; may be NULL. */
	void (*begin)(struct trap_rally *rally, unsigned int cpu);
	/* Calls the other one. */
	void (*call)(struct trap_rally *rally, unsigned int cpu);
	/* Returns once this one has been called `turn` times. */
	void (*wait)(struct trap_rally *rally, unsigned int cpu, uint64_t turn);
	struct run *run;
	/* The rest belongs to trap_play(). */
	uint64_t turns, ticks;
	unsigned int ready;
};

/* As many calls there and back as the pass has iterations. */
void trap_play(struct trap_rally *rally, struct pass *pass);

#define TRAP_TIMER_NS 200000u /* long enough for a waiting thread or vCPU to be asleep by then */

/*
 * Sets a timer of TRAP_TIMER_NS and waits for it, by `shoot(arg)`, some dozen times; the pass then
 * has the sum of how far each was from their mean.
 */
void trap_jitter(struct pass *pass, void (*shoot)(void *arg), void *arg);

/* A row of a table of benchmarks; the functions, and what else it has, as designated members. */
#define TRAP(suffix, what, ...)                                                                \
	{                                                                                      \
		.name = "trap." suffix, .unit = "ns", .text = what, .scale = 1e9, __VA_ARGS__, \
	}

#endif
