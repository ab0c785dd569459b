/* SPDX-License-Identifier: MIT */
/* Sizes as text, choices, and lists of CPUs: the edges of each. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vmm/core/array.h"
#include "vmm/core/parse.h"

static void a_size_is_shown_with_the_largest_suffix_that_fits(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{0, "0"},
		{1, "1"},
		{1023, "1023"},
		{1024, "1k"},
		{1025, "1025"},
		{1536, "1536"},
		{2048, "2k"},
		{1 << 20, "1M"},
		{3u << 30, "3G"},
		{1ull << 40, "1T"},
		{1ull << 50, "1024T"},
		{UINT64_MAX, "18446744073709551615"},
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		char text[SIZE_TEXT];

		format_size(text, cases[i].bytes);
		assert_string_equal(text, cases[i].text);
	}
}

static void a_choice_is_one_whole_word_of_the_list(void **state)
{
	static const struct {
		const char *choices, *value;
		int index;
	} cases[] = {
		{"on|off", "on", 0},	  {"on|off", "off", 1},
		{"on|off", "of", -1},	  {"on|off", "o", -1},
		{"on|off", "offs", -1},	  {"on|off", "", -1},
		{"on|off", "on|off", -1}, {"on||off", "", -1},
		{"|", "|", -1},		  {"", "", -1},
		{"on", "on", 0},
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++)
		assert_int_equal(parse_choice(cases[i].choices, cases[i].value), cases[i].index);
}

static void a_list_counts_from_nothing_also_where_it_is_refused(void **state)
{
	static const struct {
		const char *text;
		int ret;
		unsigned int nr;
	} cases[] = {
		{"3", 0, 1}, {"0-3", 0, 4}, {"0,2-3", 0, 3}, {"", -EINVAL, 0}, {"x", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		unsigned int cpus[4], nr = 77;

		assert_int_equal(parse_cpu_list(cases[i].text, cpus, NR_OF(cpus), &nr),
				 cases[i].ret);
		assert_int_equal(nr, cases[i].nr);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_size_is_shown_with_the_largest_suffix_that_fits),
		cmocka_unit_test(a_choice_is_one_whole_word_of_the_list),
		cmocka_unit_test(a_list_counts_from_nothing_also_where_it_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
