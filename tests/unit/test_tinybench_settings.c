/* SPDX-License-Identifier: MIT */
/* What a user types: names, arms, the command line; and text from elsewhere. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "guest/tinybench/arms/arm.h"
#include "guest/tinybench/base/cpus.h"
#include "guest/tinybench/base/names.h"
#include "guest/tinybench/base/settings.h"
#include "guest/tinybench/base/text.h"
#include "vmm/core/array.h"

/* ---- names ---- */

static void patterns_are_globs_in_a_list(void **state)
{
	static const struct {
		const char *patterns, *name;
		bool match;
	} cases[] = {
		{"*", "cpu.noploop", true},
		{"cpu.*", "cpu.noploop", true},
		{"cpu.*", "mem.fault", false},
		{"mem.*,cpu.n*", "cpu.noploop", true},
		{"blk.*_qd3?", "blk.randread_qd32", true},
		{"blk.*_qd3?", "blk.randread_qd3", false},
		{"cpu", "cpu.noploop", false},
		{"", "cpu.noploop", false},
		{",,cpu.noploop,", "cpu.noploop", true},
	};
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(cases); i++)
		assert_int_equal(names_match(cases[i].patterns, cases[i].name), cases[i].match);
}

/*
 * A part of a name counts as one wrong letter, wherever it is; of names that are equally near the
 * first in the list comes first.
 */
static void nearest_names_come_by_edit_distance_or_by_part(void **state)
{
	static const struct {
		const char *typed;
		size_t max;
		const char *nearest;
	} cases[] = {
		{"cpu.nooploop", 1, "cpu.noploop"},
		{"noploop", 1, "cpu.noploop"},
		{"cpu.has", 1, "cpu.hash"},
		/* Letter by letter "cpu.hash" is far nearer (7) than "mem.stream_copy" (11). */
		{"copy", 1, "mem.stream_copy"},
		{"tream", 1, "mem.stream_copy"},
		{"mem.s", 2, "mem.stream_copy or cpu.hash"},
		{"cpu.", 3, "cpu.noploop, cpu.linpack or cpu.hash"},
		/* One wrong letter is as near as a part; two are not. */
		{"cpu.hasg", 1, "cpu.hash"},
		{"cpu.hbsg", 2, "cpu.hash or cpu.noploop"},
		{"", 1, "cpu.hash"}, /* nothing is no part of anything */
		{"zzz", 9, "cpu.hash, cpu.noploop, cpu.linpack or mem.stream_copy"},
		{"x", 0, ""},
	};
	struct names known = {0};
	char text[160];
	size_t i;

	(void)state;
	names_split(&known, "cpu.noploop,cpu.linpack,cpu.hash,mem.stream_copy");
	for (i = 0; i < NR_OF(cases); i++) {
		names_nearest(&known, cases[i].typed, cases[i].max, text, sizeof(text));
		assert_string_equal(text, cases[i].nearest);
	}
	names_nearest(&known, "cpu.", 3, text, 14); /* as much of it as there is room for */
	assert_string_equal(text, "cpu.noploop, ");
	names_free(&known);
}

static void unknown_arms_and_variants_are_refused_with_what_there_is(void **state)
{
	static const struct {
		const char *name, *message;
	} cases[] = {
		{"vn", "there is no arm \"vn\"; the nearest are vm"},
		{"contaner", "container"},
		{"native:pin", "there is no variant \"pin\"; native takes pages=4k"},
		{"vm:pages=3m", "there is no variant \"pages=3m\""},
		{"vm:runc", "vm takes pin, nopin"},
		{"exec", "which program? Write exec:PROGRAM"},
	};
	struct arm_context context = {0};
	struct err err;
	struct arm arm;
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(cases); i++) {
		assert_int_equal(arm_parse(&arm, cases[i].name, &context, &err), -EINVAL);
		if (!strstr(err.text, cases[i].message))
			fail_msg("%s: \"%s\"", cases[i].name, err.text);
		arm_release(&arm);
	}
}

static void variants_combine(void **state)
{
	struct arm_context context = {0};
	struct err err;
	struct arm arm;

	(void)state;
	assert_int_equal(arm_parse(&arm, "vm:nopin:pages=2m", &context, &err), 0);
	assert_true(arm.nopin);
	assert_string_equal(arm.pages, "2m");
	arm_release(&arm);
	assert_int_equal(arm_parse(&arm, "container:bwrap", &context, &err), 0);
	assert_string_equal(arm.program, "bwrap");
	arm_release(&arm);
}

/* ---- the command line ---- */

static int parse(struct settings *settings, const char *line, struct err *err)
{
	char *copy = strdup(line), *cursor = copy, *argv[16] = {NULL};
	int argc = 0, ret;

	while (cursor && argc < 15)
		argv[argc++] = strsep(&cursor, " ");
	ret = settings_parse(settings, argc, argv, err);
	settings_fill_defaults(settings);
	settings_free(settings);
	free(copy); /* what settings point to is gone: the caller looks at numbers only */
	return ret;
}

static void bad_command_lines_name_option_value_and_remedy(void **state)
{
	static const struct {
		const char *line, *message;
	} cases[] = {
		{"tinybench rnu", "the nearest are run"},
		{"tinybench run --rounds 0", "--rounds 0: give a number from 1"},
		{"tinybench run --budget 0", "--budget 0: give a number from 1"},
		{"tinybench run --rounds 5x", "--rounds 5x"},
		{"tinybench run --until-ci 0", "--until-ci 0: give a percentage"},
		{"tinybench run --seed -1",
		 "--seed -1: give a number from 0 to 9223372036854775807"},
		{"tinybench run --seed 9223372036854775808", "--seed 9223372036854775808: give"},
		{"tinybench run --pin a", "--pin a: give a list of CPUs"},
		{"tinybench run --pin 3-1", "--pin 3-1: give a list of CPUs"},
		{"tinybench run --pin 0-", "--pin 0-: give a list of CPUs"},
		{"tinybench run --pin 1,1", "--pin 1,1: give a list of CPUs, each once"},
		{"tinybench run --pin 1024",
		 "--pin 1024: give a list of CPUs, each once and below 1024"},
		{"tinybench run --arg a=\033b", "give KEY=VALUE"},
		{"tinybench run --json", "--json: only tinybench report takes this option"},
		{"tinybench diff --csv a b", "--csv: only tinybench report takes this option"},
		{"tinybench aa --svg", "--svg: only tinybench report takes this option"},
		{"tinybench run --arg pages", "give KEY=VALUE"},
		{"tinybench run --frobnicate", "--frobnicate: no such option"},
		{"tinybench run --rounds", "--rounds needs a value"},
		{"tinybench run somewhere", "\"somewhere\": run takes options only"},
		{"tinybench report", "which directory?"},
		{"tinybench diff one", "which directories?"},
		{"tinybench diff a b c", "\"c\": diff takes no more directories"},
	};
	struct settings settings;
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(cases); i++) {
		assert_int_equal(parse(&settings, cases[i].line, &err), -EINVAL);
		if (!strstr(err.text, cases[i].message))
			fail_msg("%s: \"%s\"", cases[i].line, err.text);
	}
}

/* A program takes so many words and no more; a word too many is an error before anything runs. */
static void more_arguments_than_a_program_takes_are_refused(void **state)
{
	struct settings settings = {0};
	struct err err;

	(void)state;
	for (unsigned int i = 0; i < SETTINGS_MAX_ARGUMENTS; i++)
		assert_int_equal(settings_add_argument(&settings, "a=b", &err), 0);
	assert_int_equal(settings_add_argument(&settings, "c=d", &err), -EINVAL);
	assert_string_equal(err.text, "--arg c=d: give --arg at most 32 times");
	settings_free(&settings);
}

static void quick_changes_defaults_and_not_what_is_said(void **state)
{
	struct settings settings;
	struct err err;

	(void)state;
	assert_int_equal(parse(&settings, "tinybench run", &err), 0);
	assert_int_equal(settings.rounds, 10);
	assert_int_equal(parse(&settings, "tinybench run --quick --samples 7", &err), 0);
	assert_int_equal(settings.rounds, 6);
	assert_int_equal(settings.samples, 7);
	assert_int_equal(parse(&settings, "tinybench run --until-ci 0.5%", &err), 0);
	assert_int_equal(settings.rounds, 100);
}

/* A range is all of it, and a CPU that is not there is not left out in silence. */
static void a_list_of_cpus_is_taken_whole_or_refused(void **state)
{
	static const struct {
		const char *list;
		unsigned long cpus;
	} cases[] = {{"0-3", 0xf}, {"0", 0x1}, {"3", 0x8}, {"0,2-5", 0x3d}, {"5,0-1", 0x23}};
	cpu_set_t set, four;
	struct err err;
	size_t i, cpu;

	(void)state;
	assert_int_equal(cpus_parse("0-3", &four, &err), 0);
	for (i = 0; i < NR_OF(cases); i++) {
		assert_int_equal(cpus_parse(cases[i].list, &set, &err), 0);
		for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
			assert_int_equal(CPU_ISSET(cpu, &set) != 0,
					 cpu < 64 && (cases[i].cpus >> cpu & 1));
	}
	assert_int_equal(cpus_parse("1,3", &set, &err), 0);
	assert_int_equal(cpus_check("1,3", &set, &four, &err), 0);
	assert_int_equal(cpus_check("0-3", &four, &four, &err), 0);
	assert_int_equal(cpus_check("0-3", &four, &set, &err), -EINVAL);
	assert_non_null(strstr(err.text, "--pin 0-3: CPU 0 cannot be used here"));
	assert_int_equal(cpus_parse("3-4", &set, &err), 0);
	assert_int_equal(cpus_check("3-4", &set, &four, &err), -EINVAL);
	assert_non_null(strstr(err.text, "CPU 4 cannot"));
}

/* In a process of its own, for nothing widens what was narrowed. */
static void a_run_is_confined_to_the_cpus_of_its_list(void **state)
{
	cpu_set_t allowed;
	struct err err;
	char list[16];
	size_t cpu = 0;
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	while (!CPU_ISSET(cpu, &allowed))
		cpu++;
	snprintf(list, sizeof(list), "%zu", cpu);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (cpus_confine("0-1023", &err) != -EINVAL || cpus_confine(list, &err) != 0 ||
		    sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
			_exit(1);
		_exit(CPU_ISSET(cpu, &allowed) && CPU_COUNT(&allowed) == 1 && cpus_usable() == 1
			      ? 0
			      : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* What results and terminals can take as it is. */
static void text_is_plain_if_it_is_utf8_without_control_characters(void **state)
{
	static const struct {
		const char *text;
		bool plain;
		const char *printable;
	} cases[] = {
		{"vm:pages=2m", true, "vm:pages=2m"},
		{"", true, ""},
		{"r\303\251seau", true, "r??seau"},
		{"\342\202\254", true, "???"},
		{"\302\240", true, "??"}, /* a blank of a kind */
		{"~ ", true, "~ "},
		{"\377", false, "?"},
		{"a\303", false, "a?"},
		{"\300\257", false, "??"},
		{"a\033[2J", false, "a?[2J"},
		{"a\nb", false, "a?b"},
		{"\037", false, "?"},
		{"\177", false, "?"},
		{"\302\200", false, "??"},
		{"\302\237", false, "??"},
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		char *printable = text_printable(cases[i].text);
		json_t *string = text_json(cases[i].text);

		assert_int_equal(text_is_plain(cases[i].text), cases[i].plain);
		assert_string_equal(printable, cases[i].printable);
		assert_string_equal(json_string_value(string),
				    cases[i].plain ? cases[i].text : cases[i].printable);
		json_decref(string);
		free(printable);
	}
}

static void a_path_in_an_option_has_its_commas_twice(void **state)
{
	static const char *const cases[][2] = {
		{"", ""}, {"/a/b", "/a/b"}, {",", ",,"}, {"/a,b,,c", "/a,,b,,,,c"}};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		char *part = text_option_path(cases[i][0]);

		assert_string_equal(part, cases[i][1]);
		free(part);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_are_globs_in_a_list),
		cmocka_unit_test(nearest_names_come_by_edit_distance_or_by_part),
		cmocka_unit_test(unknown_arms_and_variants_are_refused_with_what_there_is),
		cmocka_unit_test(variants_combine),
		cmocka_unit_test(bad_command_lines_name_option_value_and_remedy),
		cmocka_unit_test(more_arguments_than_a_program_takes_are_refused),
		cmocka_unit_test(quick_changes_defaults_and_not_what_is_said),
		cmocka_unit_test(a_list_of_cpus_is_taken_whole_or_refused),
		cmocka_unit_test(a_run_is_confined_to_the_cpus_of_its_list),
		cmocka_unit_test(text_is_plain_if_it_is_utf8_without_control_characters),
		cmocka_unit_test(a_path_in_an_option_has_its_commas_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
