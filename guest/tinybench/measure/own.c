/* SPDX-License-Identifier: MIT */
/* The table of benchmarks that tinybench measures itself. */
#include <string.h>

#include "guest/tinybench/data/stats.h"
#include "guest/tinybench/measure/own.h"
#include "vmm/core/array.h"

static const struct own_bench table[] = {
	{.name = "life.first_output",
	 .unit = "ms",
	 .text = "from the start of the arm to the first byte that the benchmark file prints",
	 .measure = life_first_output},
	{.name = "life.total",
	 .unit = "ms",
	 .text = "from the start of the arm to the end of its process, with nothing to do",
	 .measure = life_total},
	{.name = "life.pss",
	 .unit = "KiB",
	 .text = "memory of all processes of the arm while cpu.noploop runs (PSS); what is beyond "
		 "native's is the arm's own",
	 .measure = life_pss},
	{.name = "life.image",
	 .unit = "KiB",
	 .text = "size of the files that another host needs to run the arm",
	 .rounds = STATS_MIN_VALUES,
	 .measure = life_image},
	{.name = "life.idle_cpu",
	 .unit = "ms/s",
	 .text = "CPU time that an arm uses while the program in it sleeps",
	 .rounds = STATS_MIN_VALUES,
	 .measure = life_idle_cpu},
	{.name = "life.idle_wakeups",
	 .unit = "1/s",
	 .text = "how often the arm's processes wake up while the program in it sleeps",
	 .rounds = STATS_MIN_VALUES,
	 .measure = life_idle_wakeups},
	{.name = "energy.idle",
	 .unit = "W",
	 .text = "power of the packages while the program in the arm sleeps (RAPL)",
	 .measure = energy_idle},
	{.name = "energy.noploop",
	 .unit = "J",
	 .text = "energy of cpu.noploop beyond that of an idle machine (RAPL)",
	 .measure = energy_work},
};

#define NR_OWN NR_OF(table)

const struct own_bench *own_find(const char *name)
{
	size_t i;

	for (i = 0; i < NR_OWN; i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

void own_add_to_catalog(struct catalog *catalog)
{
	size_t i;

	for (i = 0; i < NR_OWN; i++)
		catalog_add(catalog, table[i].name, table[i].unit, table[i].higher_is_better,
			    table[i].text);
}
