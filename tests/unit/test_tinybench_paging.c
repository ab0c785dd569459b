/* SPDX-License-Identifier: MIT */
/* What a VM adds to a memory access is split into page walks and the rest, from figures alone. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "guest/tinybench/report/paging.h"
#include "vmm/core/array.h"

/* Nine rounds in which all arms drift together by a nanosecond a round. */
#define ROUNDS 9

static const struct bench *add_bench(struct dataset *data)
{
	dataset_init(data);
	return catalog_add(&data->benches, "mem.chase_1g", "ns", false, "one dependent read");
}

static void add_arm(struct dataset *data, const struct bench *bench, const char *arm, double value,
		    unsigned int first_round, double noise)
{
	struct sample sample = {.bench = bench, .arm = dataset_arm(data, arm)};

	for (sample.round = first_round; sample.round < first_round + ROUNDS; sample.round++) {
		sample.value = value + sample.round + (sample.round % 2 ? noise : -noise);
		dataset_add_sample(data, &sample);
	}
}

static void what_goes_away_with_large_pages_is_walks(void **state)
{
	static const struct {
		double native_4k, vm_4k, native_2m, vm_2m, noise;
		const char *text;
	} cases[] = {
		/* Nested paging: the guest's walks cost more than native ones. */
		{100, 180, 80, 84, 0,
		 "4 KiB pages: 80 ns more in vm, of which 76 (95 %) go away with 2 MiB: page "
		 "walks; of native's 105 ns, walks are 20 (19 %)"},
		/* The VM is slower by the same with any page. */
		{100, 130, 80, 110, 0,
		 "4 KiB pages: 30 ns more in vm; that some of it goes away with 2 MiB, as page "
		 "walks would, was not seen (0 .. 0 ns); of native's 105 ns, walks are 20 (19 %)"},
		/* The part of walks drowns in noise. */
		{100, 130, 80, 110, 6,
		 "4 KiB pages: 42 ns more in vm; that some of it goes away with 2 MiB, as page "
		 "walks would, was not seen (-6 .. 6 ns); of native's 105 ns, walks are 20 (19 %)"},
		/* Shadow paging: a walk is as long as natively, and the rest drowns in noise. */
		{100, 100, 80, 80, 3,
		 "4 KiB pages: no difference of vm to native seen (-6 .. 6 ns); of native's 105 "
		 "ns, walks are 20 (19 %)"},
		/* A working set that the first level of cache and of the TLB holds. */
		{2, 2, 2, 2, 0.25,
		 "4 KiB pages: no difference of vm to native seen (-0.5 .. 0.5 ns); no walks seen "
		 "natively"},
	};
	const struct bench *bench;
	struct dataset data;
	struct paging paging;
	char text[400];

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		bench = add_bench(&data);
		add_arm(&data, bench, "native:pages=4k", cases[i].native_4k, 1, 0);
		add_arm(&data, bench, "vm:pages=4k", cases[i].vm_4k, 1, 2 * cases[i].noise);
		add_arm(&data, bench, "native:pages=thp", cases[i].native_2m, 1, 0);
		add_arm(&data, bench, "vm:pages=thp", cases[i].vm_2m, 1, cases[i].noise);
		assert_true(paging_make(&paging, &data, bench));
		assert_int_equal(paging.walks.nr, ROUNDS);
		paging_say(&paging, text, sizeof(text));
		assert_string_equal(text, cases[i].text);
		dataset_free(&data);
	}
}

static void only_rounds_that_all_four_arms_share_count(void **state)
{
	const struct bench *bench;
	struct dataset data;
	struct paging paging;
	char text[400];

	(void)state;
	bench = add_bench(&data);
	add_arm(&data, bench, "native:pages=4k", 100, 1, 0);
	add_arm(&data, bench, "vm:pages=4k", 150, 3, 0);
	add_arm(&data, bench, "native:pages=thp", 80, 5, 0);
	assert_false(paging_make(&paging, &data, bench)); /* one arm is missing */
	add_arm(&data, bench, "vm:pages=thp", 85, 4, 0);
	assert_true(paging_make(&paging, &data, bench)); /* rounds 5 to 9 */
	assert_int_equal(paging.extra_4k.nr, 5);
	assert_true(fabs(paging.extra_4k.median - 50) < 1e-9);
	assert_true(fabs(paging.extra_2m.median - 5) < 1e-9);
	paging_say(&paging, text, sizeof(text));
	assert_string_equal(text, "5 rounds are too few to say");
	dataset_free(&data);
}

static void reserved_huge_pages_come_before_transparent_ones(void **state)
{
	const struct bench *bench;
	struct dataset data;
	struct paging paging;

	(void)state;
	bench = add_bench(&data);
	add_arm(&data, bench, "native:pages=4k", 100, 1, 0);
	add_arm(&data, bench, "vm:pages=4k", 150, 1, 0);
	add_arm(&data, bench, "native:pages=thp", 90, 1, 0);
	add_arm(&data, bench, "vm:pages=thp", 95, 1, 0);
	add_arm(&data, bench, "native:pages=2m", 80, 1, 0);
	add_arm(&data, bench, "vm:pages=2m", 81, 1, 0);
	assert_true(paging_make(&paging, &data, bench));
	assert_true(fabs(paging.extra_2m.median - 1) < 1e-9);
	dataset_free(&data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_away_with_large_pages_is_walks),
		cmocka_unit_test(only_rounds_that_all_four_arms_share_count),
		cmocka_unit_test(reserved_huge_pages_come_before_transparent_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
