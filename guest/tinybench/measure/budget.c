/* SPDX-License-Identifier: MIT */
/* Whether a benchmark will end in time. */
#include <stdlib.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/measure/budget.h"

void budget_start(struct budget *budget, unsigned int seconds, size_t nr_bench, int64_t now_ns)
{
	budget->deadline_ns = seconds ? now_ns + (int64_t)seconds * 1000000000 : 0;
	budget->cost_ns = xcalloc(nr_bench + 1, sizeof(*budget->cost_ns));
	budget->cut = false;
}

void budget_free(struct budget *budget)
{
	free(budget->cost_ns);
	budget->cost_ns = NULL;
}

bool budget_allows(struct budget *budget, size_t bench, int64_t now_ns)
{
	bool late = budget->deadline_ns && now_ns + budget->cost_ns[bench] > budget->deadline_ns;

	budget->cut = budget->cut || late;
	return !late;
}

void budget_took(struct budget *budget, size_t bench, int64_t duration_ns)
{
	budget->cost_ns[bench] = duration_ns;
}
