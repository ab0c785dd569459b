/* SPDX-License-Identifier: MIT */
/*
 * cpu.noploop: a loop of two instructions that touch no memory. What it loses is the time for which
 * the CPU was taken away.
 */
#include "guest/bench/bench.h"

#define LOOPS_EACH 1000000u

static void pass(struct run *run, struct pass *pass)
{
	uint64_t n = pass->iterations * LOOPS_EACH;

	(void)run;
	__asm__ volatile(".balign 64\n"
			 "1: dec %0\n"
			 "jnz 1b"
			 : "+r"(n)
			 :
			 : "cc");
	pass->work = (double)pass->iterations;
}

const struct bench bench_cpu_noploop = {
	.name = "cpu.noploop",
	.unit = "ms",
	.text = "time for ten million turns of an empty loop",
	.scale = 1e3 * 10,
	.parallel = true,
	.pass = pass,
};
