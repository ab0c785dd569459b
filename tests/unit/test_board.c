/* SPDX-License-Identifier: MIT */
/* Where guest RAM lies, and which vCPUs belong to which node. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vmm/core/array.h"
#include "vmm/x86/board.h"

#define GIB (1ull << 30)

static void guest_ram_is_mapped_where_the_map_says(void **state)
{
	uint8_t *const hva = (uint8_t *)0x100000000; /* never touched */
	struct gmem mem = {0};

	(void)state;
	assert_int_equal(board_map_ram(&mem, 5 * GIB, hva), 0);
	assert_int_equal(mem.nr_regions, 2);
	assert_ptr_equal(gmem_ptr(&mem, gpa(0), 1), hva);
	assert_ptr_equal(gmem_ptr(&mem, gpa(3 * GIB - 1), 1), hva + 3 * GIB - 1);
	assert_null(gmem_ptr(&mem, gpa(3 * GIB), 1));
	assert_ptr_equal(gmem_ptr(&mem, gpa(4 * GIB), 1), hva + 3 * GIB);
	assert_ptr_equal(gmem_ptr(&mem, gpa(6 * GIB - 1), 1), hva + 5 * GIB - 1);
	assert_null(gmem_ptr(&mem, gpa(6 * GIB), 1));
	assert_int_equal(board_mapping_offset(3 * GIB - 1), 3 * GIB - 1);
	assert_int_equal(board_mapping_offset(4 * GIB), 3 * GIB);
}

static void ram_that_ends_at_the_hole_is_one_region(void **state)
{
	uint8_t *const hva = (uint8_t *)0x100000000; /* never touched */
	static const struct {
		uint64_t size;
		unsigned int nr_regions;
	} cases[] = {{3 * GIB - 4096, 1}, {3 * GIB, 1}, {3 * GIB + 4096, 2}};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct gmem mem = {0};

		assert_int_equal(board_map_ram(&mem, cases[i].size, hva), 0);
		assert_int_equal(mem.nr_regions, cases[i].nr_regions);
		assert_null(gmem_ptr(&mem, gpa(3 * GIB), 1));
	}
}

static void the_vcpus_of_a_node_follow_each_other(void **state)
{
	static const struct {
		struct topology topo;
		unsigned int node, first, nr;
	} cases[] = {
		{{8, 2, 2, 2}, 0, 0, 4}, {{8, 2, 2, 2}, 1, 4, 4}, {{7, 2, 4, 1}, 0, 0, 4},
		{{7, 2, 4, 1}, 1, 4, 3}, /* the last socket is filled in part */
		{{1, 1, 1, 1}, 0, 0, 1}, {{4, 2, 2, 1}, 2, 4, 0}, /* no such node */
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct board board = {.topo = cases[i].topo};
		unsigned int first;

		assert_int_equal(board_node_cpus(&board, cases[i].node, &first), cases[i].nr);
		assert_int_equal(first, cases[i].first);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guest_ram_is_mapped_where_the_map_says),
		cmocka_unit_test(ram_that_ends_at_the_hole_is_one_region),
		cmocka_unit_test(the_vcpus_of_a_node_follow_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
