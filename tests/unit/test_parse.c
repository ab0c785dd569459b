/* SPDX-License-Identifier: MIT */
/* What users may type as a size, a number, a list of CPUs or a list of sub-options. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/core/array.h"
#include "vmm/core/parse.h"

static void size_is_a_number_with_an_optional_binary_suffix(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} cases[] = {
		{"0", 0},
		{"1", 1},
		{"4096", 4096},
		{"00012", 12},
		{"4k", 4096},
		{"4K", 4096},
		{"512m", 512ull << 20},
		{"512M", 512ull << 20},
		{"2g", 2ull << 30},
		{"2G", 2ull << 30},
		{"1t", 1ull << 40},
		{"1T", 1ull << 40},
		{"18446744073709551615", UINT64_MAX},
		{"16777215T", 16777215ull << 40},
	};
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(cases); i++) {
		uint64_t bytes = ~cases[i].bytes;

		assert_int_equal(parse_size(cases[i].text, &bytes), 0);
		assert_int_equal(bytes, cases[i].bytes);
	}
}

static void size_refuses_everything_else(void **state)
{
	static const struct {
		const char *text;
		int error;
	} cases[] = {
		{"", -EINVAL},
		{" 1", -EINVAL},
		{"1 ", -EINVAL},
		{"+1", -EINVAL},
		{"-1", -EINVAL},
		{"0x10", -EINVAL},
		{"1.5G", -EINVAL},
		{"M", -EINVAL},
		{"1X", -EINVAL},
		{"1MB", -EINVAL},
		{"1MiB", -EINVAL},
		{"1kk", -EINVAL},
		{"512M,", -EINVAL},
		{"99999999999999999999x", -EINVAL},
		{"18446744073709551616", -ERANGE},
		{"99999999999999999999999999", -ERANGE},
		{"16777216T", -ERANGE},
		{"18446744073709551615k", -ERANGE},
	};
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(cases); i++) {
		uint64_t bytes = 42;

		assert_int_equal(parse_size(cases[i].text, &bytes), cases[i].error);
		assert_int_equal(bytes, 42); /* untouched */
	}
}

static void uint_keeps_within_its_bounds(void **state)
{
	static const struct {
		const char *text;
		unsigned int min, max;
		int ret;
		unsigned int value;
	} cases[] = {
		{"1", 1, 8, 0, 1},
		{"8", 1, 8, 0, 8},
		{"0", 1, 8, -ERANGE, 0},
		{"9", 1, 8, -ERANGE, 0},
		{"4294967295", 0, UINT_MAX, 0, UINT_MAX},
		{"4294967296", 0, UINT_MAX, -ERANGE, 0},
		{"18446744073709551617", 0, UINT_MAX, -ERANGE, 0},
		{"", 0, 8, -EINVAL, 0},
		{"-1", 0, 8, -EINVAL, 0},
		{"+1", 0, 8, -EINVAL, 0},
		{" 1", 0, 8, -EINVAL, 0},
		{"1 ", 0, 8, -EINVAL, 0},
		{"0x1", 0, 8, -EINVAL, 0},
		{"1k", 0, 8, -EINVAL, 0},
		{"two", 0, 8, -EINVAL, 0},
	};
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(cases); i++) {
		unsigned int value = 0;

		assert_int_equal(parse_uint(cases[i].text, cases[i].min, cases[i].max, &value),
				 cases[i].ret);
		assert_int_equal(value, cases[i].value);
	}
}

#define LIST_MAX 6

static void cpu_list_keeps_the_order_that_was_given(void **state)
{
	static const struct {
		const char *text;
		unsigned int nr;
		unsigned int cpus[LIST_MAX];
	} cases[] = {
		{"0", 1, {0}},
		{"0,2-5", 5, {0, 2, 3, 4, 5}},
		{"2-5,0", 5, {2, 3, 4, 5, 0}},
		{"7-7", 1, {7}},
		{"3,1,2", 3, {3, 1, 2}},
		{"0-5", 6, {0, 1, 2, 3, 4, 5}},
		{"4294967295", 1, {UINT_MAX}},
		{"4294967294-4294967295", 2, {UINT_MAX - 1, UINT_MAX}},
	};
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(cases); i++) {
		unsigned int cpus[LIST_MAX];
		unsigned int nr = 3; /* what was there before does not count */

		assert_int_equal(parse_cpu_list(cases[i].text, cpus, LIST_MAX, &nr), 0);
		assert_int_equal(nr, cases[i].nr);
		assert_memory_equal(cpus, cases[i].cpus, nr * sizeof(cpus[0]));
	}
}

static void cpu_list_refuses_what_is_no_list(void **state)
{
	static const struct {
		const char *text;
		int error;
	} cases[] = {
		{"", -EINVAL},
		{",", -EINVAL},
		{"0,", -EINVAL},
		{",0", -EINVAL},
		{"0,,1", -EINVAL},
		{"0 1", -EINVAL},
		{" 0", -EINVAL},
		{"-1", -EINVAL},
		{"1-", -EINVAL},
		{"1-2-3", -EINVAL},
		{"5-2", -EINVAL},
		{"all", -EINVAL},
		{"0-x", -EINVAL},
		{"4294967296", -EINVAL},
		{"0,1,0", -EINVAL}, /* named twice */
		{"0-3,2", -EINVAL},
		{"0-6", -E2BIG},
		{"0,1,2,3,4,5,6", -E2BIG},
		{"0-4294967295", -E2BIG},
	};
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(cases); i++) {
		unsigned int cpus[LIST_MAX];
		unsigned int nr = 0;

		assert_int_equal(parse_cpu_list(cases[i].text, cpus, LIST_MAX, &nr),
				 cases[i].error);
	}
}

static void a_choice_is_one_of_the_words_and_whole(void **state)
{
	static const struct {
		const char *choices, *value;
		int index;
	} cases[] = {
		{"a|bb|c", "a", 0},    {"a|bb|c", "bb", 1},    {"a|bb|c", "c", 2},
		{"a|bb|c", "", -1},    {"a||c", "", -1},       {"a|bb|c", "b", -1},
		{"a|bb|c", "d", -1},   {"a|bb|c", "a|bb", -1}, {"a|bb|c", "c|", -1},
		{"a|bb|c", "bbb", -1}, {"one", "one", 0},      {"one", "two", -1},
		{"", "", -1},
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++)
		assert_int_equal(parse_choice(cases[i].choices, cases[i].value), cases[i].index);
}

static void a_size_is_written_as_short_as_it_can_be_read(void **state)
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
		{4096, "4k"},
		{1025 * 1024, "1025k"},
		{3ull << 30, "3G"},
		{1ull << 40, "1T"},
		{1ull << 50, "1024T"}, /* there is no larger suffix */
		{UINT64_MAX, "18446744073709551615"},
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		char text[SIZE_TEXT];
		uint64_t bytes = 1;

		format_size(text, cases[i].bytes);
		assert_string_equal(text, cases[i].text);
		assert_int_equal(parse_size(text, &bytes), 0);
		assert_int_equal(bytes, cases[i].bytes);
	}
}

/* Writes what a walk hands over as "[key][key=value]...". */
static void walk_to_text(const char *text, char *seen, size_t seen_bytes)
{
	char copy[64];
	char *cursor = copy;
	char *key, *value;
	size_t len = 0;

	assert_true(strlen(text) < sizeof(copy));
	strcpy(copy, text);
	seen[0] = '\0';
	while (parse_suboption(&cursor, &key, &value)) {
		int n = value != NULL
				? snprintf(seen + len, seen_bytes - len, "[%s=%s]", key, value)
				: snprintf(seen + len, seen_bytes - len, "[%s]", key);

		assert_true(n > 0 && (size_t)n < seen_bytes - len);
		len += (size_t)n;
	}
	assert_false(parse_suboption(&cursor, &key, &value)); /* the end stays the end */
}

static void suboptions_are_cut_at_commas_and_the_first_equals_sign(void **state)
{
	static const struct {
		const char *text, *parts;
	} cases[] = {
		{"FILE,ro,cache=none", "[FILE][ro][cache=none]"},
		{"one", "[one]"},
		{"a=b=c", "[a=b=c]"}, /* the value is "b=c" */
		{"a=", "[a=]"},
		{"=b", "[=b]"},
		{"", "[]"},
		{",", "[][]"},
		{"a,", "[a][]"},
		{"a,,b", "[a,b]"}, /* a comma that is written twice is one */
		{"a,,,b", "[a,][b]"},
		{"a,,,,b", "[a,,b]"},
		{",,", "[,]"},
		{"a,,", "[a,]"},
		{"a=1,,2,b=3", "[a=1,2][b=3]"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(cases); i++) {
		char seen[128];

		walk_to_text(cases[i].text, seen, sizeof(seen));
		assert_string_equal(seen, cases[i].parts);
	}
}

static void a_part_keeps_its_equals_sign(void **state)
{
	char text[] = "size=1,,2.img,,,ro,,=,";
	char *cursor = text;
	char *part;

	(void)state;
	assert_true(parse_part(&cursor, &part));
	assert_string_equal(part, "size=1,2.img,");
	assert_true(parse_part(&cursor, &part));
	assert_string_equal(part, "ro,=");
	assert_true(parse_part(&cursor, &part));
	assert_string_equal(part, "");
	assert_false(parse_part(&cursor, &part));
	assert_false(parse_part(&cursor, &part));
}

static void a_suboption_without_equals_sign_has_no_value(void **state)
{
	char text[] = "ro,id=,x=y=z";
	char *cursor = text;
	char *key, *value;

	(void)state;
	assert_true(parse_suboption(&cursor, &key, &value));
	assert_string_equal(key, "ro");
	assert_null(value);
	assert_true(parse_suboption(&cursor, &key, &value));
	assert_string_equal(key, "id");
	assert_string_equal(value, "");
	assert_true(parse_suboption(&cursor, &key, &value));
	assert_string_equal(key, "x");
	assert_string_equal(value, "y=z");
	value[-1] = '='; /* the part whole again */
	assert_string_equal(key, "x=y=z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(size_is_a_number_with_an_optional_binary_suffix),
		cmocka_unit_test(size_refuses_everything_else),
		cmocka_unit_test(uint_keeps_within_its_bounds),
		cmocka_unit_test(cpu_list_keeps_the_order_that_was_given),
		cmocka_unit_test(cpu_list_refuses_what_is_no_list),
		cmocka_unit_test(a_choice_is_one_of_the_words_and_whole),
		cmocka_unit_test(a_size_is_written_as_short_as_it_can_be_read),
		cmocka_unit_test(suboptions_are_cut_at_commas_and_the_first_equals_sign),
		cmocka_unit_test(a_part_keeps_its_equals_sign),
		cmocka_unit_test(a_suboption_without_equals_sign_has_no_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
