/* SPDX-License-Identifier: MIT */
/* --module FILE[,ARGS]. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/core/array.h"
#include "vmm/x86/boot/module_options.h"

static void the_file_ends_at_the_first_single_comma_and_all_else_is_the_string(void **state)
{
	static const struct {
		const char *value, *path, *string;
	} cases[] = {
		{"file", "file", NULL},
		{"file,", "file", ""},
		{"file,one two", "file", "one two"},
		{"file,a=b,c,,d,", "file", "a=b,c,,d,"},
		{"my,,file", "my,file", NULL},
		{"my,,,,file,,,args", "my,,file,", "args"},
		{"file, args", "file", " args"},
	};
	struct module_options options = {0};
	struct err err;

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		assert_int_equal(module_parse_options(cases[i].value, &options, &err), 0);
		assert_int_equal(options.nr, i + 1);
		assert_string_equal(options.module[i].path, cases[i].path);
		if (cases[i].string == NULL)
			assert_null(options.module[i].string);
		else
			assert_string_equal(options.module[i].string, cases[i].string);
	}
	module_free_options(&options);
	assert_int_equal(options.nr, 0);
}

static void there_are_at_most_15(void **state)
{
	struct module_options options = {0};
	struct err err;

	(void)state;
	for (int i = 0; i < 15; i++)
		assert_int_equal(module_parse_options("file", &options, &err), 0);
	assert_int_equal(module_parse_options("file,x", &options, &err), -EINVAL);
	assert_string_equal(err.text, "--module file,x: there are 15 already; give at most 15");
	assert_int_equal(options.nr, 15);
	module_free_options(&options);
}

static void a_module_without_a_file_is_refused(void **state)
{
	static const char *const values[] = {"", ",", ",args"};
	struct module_options options = {0};
	struct err err;

	(void)state;
	for (size_t i = 0; i < NR_OF(values); i++) {
		assert_int_equal(module_parse_options(values[i], &options, &err), -EINVAL);
		assert_non_null(strstr(err.text, ": the file name is empty; write --module FILE"));
		assert_int_equal(options.nr, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			the_file_ends_at_the_first_single_comma_and_all_else_is_the_string),
		cmocka_unit_test(there_are_at_most_15),
		cmocka_unit_test(a_module_without_a_file_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
