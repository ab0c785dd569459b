/* SPDX-License-Identifier: MIT */
/* The APIC ids that follow from sockets, cores and threads (Intel SDM vol. 3, 9.9.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "vmm/core/array.h"
#include "vmm/x86/topology.h"

static void fields_are_as_wide_as_their_members_need(void **state)
{
	static const struct {
		unsigned int members, bits;
	} cases[] = {{1, 0}, {2, 1},  {3, 2},  {4, 2},	 {5, 3},   {8, 3},
		     {9, 4}, {64, 6}, {65, 7}, {256, 8}, {257, 9}, {4096, 12}};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct topology threads = {1, 1, 1, cases[i].members};
		struct topology cores = {1, 1, cases[i].members, 1};

		assert_int_equal(topology_thread_bits(&threads), cases[i].bits);
		assert_int_equal(topology_core_bits(&threads), 0);
		assert_int_equal(topology_core_bits(&cores), cases[i].bits);
		assert_int_equal(topology_thread_bits(&cores), 0);
	}
}

static void apic_ids_run_through_threads_then_cores_then_sockets(void **state)
{
	static const struct {
		struct topology topo;
		unsigned int cpu;
		uint32_t apic_id;
		unsigned int socket;
	} cases[] = {
		{{1, 1, 1, 1}, 0, 0, 0},
		{{4, 1, 4, 1}, 3, 3, 0},
		{{8, 2, 2, 2}, 1, 1, 0}, /* the second thread */
		{{8, 2, 2, 2}, 2, 2, 0}, /* the second core */
		{{8, 2, 2, 2}, 4, 4, 1}, /* the second socket */
		{{8, 2, 2, 2}, 7, 7, 1},
		/* Three cores take two bits: the ids have a gap at 3. */
		{{6, 2, 3, 1}, 2, 2, 0},
		{{6, 2, 3, 1}, 3, 4, 1},
		{{6, 2, 3, 1}, 5, 6, 1},
		/* Three threads, five cores: 2 + 3 bits. */
		{{30, 2, 5, 3}, 3, 1 << 2, 0},
		{{30, 2, 5, 3}, 14, 4 << 2 | 2, 0},
		{{30, 2, 5, 3}, 15, 1 << 5, 1},
		/* The last socket is partly filled. */
		{{5, 2, 2, 2}, 4, 4, 1},
		{{4096, 1, 4096, 1}, 4095, 4095, 0},
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		assert_int_equal(topology_apic_id(&cases[i].topo, cases[i].cpu), cases[i].apic_id);
		assert_int_equal(topology_socket(&cases[i].topo, cases[i].cpu), cases[i].socket);
	}
}

static void apic_ids_ascend_and_the_last_is_the_highest(void **state)
{
	static const struct topology topos[] = {
		{1, 1, 1, 1}, {7, 2, 2, 2}, {30, 2, 5, 3}, {300, 3, 50, 2}, {4096, 8, 256, 2}};

	(void)state;
	for (size_t i = 0; i < NR_OF(topos); i++) {
		uint32_t last = topology_apic_id(&topos[i], 0);

		assert_int_equal(last, 0);
		for (unsigned int cpu = 1; cpu < topos[i].nr_cpus; cpu++) {
			uint32_t id = topology_apic_id(&topos[i], cpu);

			assert_true(id > last);
			last = id;
		}
		assert_int_equal(topology_max_apic_id(&topos[i]), last);
	}
}

/* Gaps can push the ids of fewer than 255 CPUs past what an xAPIC can name. */
static void gaps_raise_the_highest_id(void **state)
{
	struct topology topo = {.nr_cpus = 195, .sockets = 65, .cores = 3, .threads = 1};

	(void)state;
	assert_int_equal(topology_max_apic_id(&topo), 64 << 2 | 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_as_wide_as_their_members_need),
		cmocka_unit_test(apic_ids_run_through_threads_then_cores_then_sockets),
		cmocka_unit_test(apic_ids_ascend_and_the_last_is_the_highest),
		cmocka_unit_test(gaps_raise_the_highest_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
