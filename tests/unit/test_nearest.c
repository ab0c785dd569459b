/* SPDX-License-Identifier: MIT */
/* How far two words are apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/core/array.h"
#include "vmm/core/nearest.h"

static void test_counts_inserted_deleted_and_replaced_letters(void **state)
{
	static const struct {
		const char *typed, *known;
		unsigned int distance;
	} cases[] = {
		{"", "", 0},
		{"", "pin", 3},
		{"pin", "", 3},
		{"kernel", "kernel", 0},
		{"kernle", "kernel", 2},
		{"kerne", "kernel", 1},
		{"kernels", "kernel", 1},
		{"mem", "men", 1},
		{"kitten", "sitting", 3},
		{"ab", "ba", 2},
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++)
		assert_int_equal(
			nearest_distance(cases[i].typed, strlen(cases[i].typed), cases[i].known),
			cases[i].distance);
}

static void test_looks_at_the_given_length_of_what_was_typed(void **state)
{
	(void)state;
	assert_int_equal(nearest_distance("disk=a.img", 4, "disk"), 0);
}

static void test_leaves_out_what_is_behind_the_longest_word(void **state)
{
	char typed[NEAREST_MAX_LEN + 10], known[NEAREST_MAX_LEN + 20];

	(void)state;
	memset(typed, 'a', sizeof(typed));
	memset(known, 'a', sizeof(known));
	known[sizeof(known) - 1] = '\0';
	assert_int_equal(nearest_distance(typed, sizeof(typed), known), 0);
	known[NEAREST_MAX_LEN - 1] = 'b';
	assert_int_equal(nearest_distance(typed, sizeof(typed), known), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts_inserted_deleted_and_replaced_letters),
		cmocka_unit_test(test_looks_at_the_given_length_of_what_was_typed),
		cmocka_unit_test(test_leaves_out_what_is_behind_the_longest_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
