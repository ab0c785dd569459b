/* SPDX-License-Identifier: MIT */
#include "guest/bench/bench.h"

extern const struct bench bench_cpu_noploop;

const struct bench *const bench_list[] = {
	&bench_cpu_noploop,
	NULL,
};
