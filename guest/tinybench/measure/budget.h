/* SPDX-License-Identifier: MIT */
/*
 * --budget: whether a benchmark will end in time, judged by what it took the last time. The caller
 * reads the clock (CLOCK_MONOTONIC, nanoseconds).
 */
#ifndef GUEST_TINYBENCH_MEASURE_BUDGET_H
#define GUEST_TINYBENCH_MEASURE_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct budget {
	int64_t deadline_ns; /* 0: no limit */
	int64_t *cost_ns;    /* of each benchmark in all arms together; 0: has not run yet */
	bool cut;	     /* something was left out */
};

/* `seconds` from now; 0: no limit. budget_free() after it. */
void budget_start(struct budget *budget, unsigned int seconds, size_t nr_bench, int64_t now_ns);
void budget_free(struct budget *budget);

/*
 * Whether the benchmark with this index may start: what has not run yet may as long as there is
 * time at all. False is remembered in `cut`.
 */
bool budget_allows(struct budget *budget, size_t bench, int64_t now_ns);

/* It ran for so long. */
void budget_took(struct budget *budget, size_t bench, int64_t duration_ns);

#endif
