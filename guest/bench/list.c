/* SPDX-License-Identifier: MIT */
#include "guest/bench/bench.h"

extern const struct bench bench_cpu_noploop, bench_cpu_hash, bench_cpu_linpack, bench_cpu_compress;
extern const struct bench bench_mem_stream[4], bench_mem_latency[18], bench_mem_fault;
extern const struct bench bench_trap_exits[12], bench_trap_split[12], bench_trap_interrupts[4],
	bench_trap_linux[4];
extern const struct bench bench_blk[24], bench_net[9];

#define TWO(array, i)	&array[i], &array[(i) + 1]
#define FOUR(array, i)	TWO(array, i), TWO(array, (i) + 2)
#define EIGHT(array, i) FOUR(array, i), FOUR(array, (i) + 4)

const struct bench *const bench_list[] = {
	&bench_cpu_noploop,
	&bench_cpu_hash,
	&bench_cpu_linpack,
	&bench_cpu_compress,
	FOUR(bench_mem_stream, 0),
	EIGHT(bench_mem_latency, 0),
	EIGHT(bench_mem_latency, 8),
	TWO(bench_mem_latency, 16),
	&bench_mem_fault,
	EIGHT(bench_trap_exits, 0),
	FOUR(bench_trap_exits, 8),
	EIGHT(bench_trap_split, 0),
	FOUR(bench_trap_split, 8),
	FOUR(bench_trap_interrupts, 0),
	FOUR(bench_trap_linux, 0),
	EIGHT(bench_blk, 0),
	EIGHT(bench_blk, 8),
	EIGHT(bench_blk, 16),
	EIGHT(bench_net, 0),
	&bench_net[8],
	NULL,
};
