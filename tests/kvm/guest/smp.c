/* SPDX-License-Identifier: MIT */
/*
 * All vCPUs start at the entry, each with its own number, and share memory: rounds= locked
 * increments each, none of them lost.
 */
#include "guest/payload/lib/devtree.h"

PAYLOAD(TINYVMM_NOTE_ALL_CPUS);

static uint64_t counter, arrived, finished;
static bool seen[64];

int payload_main(const void *fdt, unsigned long cpu)
{
	uint64_t cpus = devtree_number(fdt, "cpus=", 2);
	uint64_t rounds = devtree_number(fdt, "rounds=", 1000);

	EXPECT(cpu < cpus);
	EXPECT(!__atomic_test_and_set(&seen[cpu], __ATOMIC_SEQ_CST));
	__atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) < cpus)
		pause();
	for (uint64_t i = 0; i < rounds; i++)
		__atomic_add_fetch(&counter, 1, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&finished, 1, __ATOMIC_SEQ_CST);

	while (cpu != 0 || __atomic_load_n(&finished, __ATOMIC_SEQ_CST) < cpus)
		pause();
	EXPECT_EQUAL(counter, cpus * rounds);
	return 0;
}
