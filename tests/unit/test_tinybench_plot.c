/* SPDX-License-Identifier: MIT */
/* What the plots tell gnuplot: names are data, never commands, and figures are where they belong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guest/tinybench/report/plot.h"
#include "vmm/core/array.h"

#define HOSTILE "exec:/it's\nsystem('touch x')"

static void add(struct dataset *data, const char *bench, const char *unit, const char *arm,
		double value)
{
	struct sample sample = {.bench = catalog_add(&data->benches, bench, unit, false, "text"),
				.arm = dataset_arm(data, arm),
				.value = value};

	for (sample.round = 1; sample.round <= 6; sample.round++)
		dataset_add_sample(data, &sample);
}

/* The script that a writer makes of the data; the caller frees it. */
static char *script_of_some(const struct dataset *data, plot_writer writer, const char *what,
			    const char *patterns)
{
	struct plot_source source = {NULL, data, what, patterns};
	struct summary summary;
	char *text = NULL;
	size_t size;
	FILE *script = open_memstream(&text, &size);

	assert_non_null(script);
	summary_make(&summary, data);
	source.summary = &summary;
	assert_true(writer(script, &source, false));
	assert_int_equal(fclose(script), 0);
	summary_free(&summary);
	return text;
}

static char *script_of(const struct dataset *data, plot_writer writer, const char *what)
{
	return script_of_some(data, writer, what, NULL);
}

/* A directory of results may come from anywhere, and `report` hands its names to gnuplot. */
static void a_name_is_no_command(void **state)
{
	static const struct {
		plot_writer writer;
		const char *what;
	} plots[] = {{plot_ratios, "cpu."},	   {plot_sizes, "mem.chase_"},
		     {plot_depths, "blk.read_qd"}, {plot_cdf, "life.total"},
		     {plot_exits, "trap."},	   {plot_power, "energy.noploop"}};
	static const char *const arms[] = {"native", HOSTILE};
	static const char *const benches[] = {"cpu.it's\nsystem('x')", "mem.chase_16k",
					      "blk.read_qd4",	       "life.total",
					      "trap.pio_out",	       "trap.pio_out_way_out",
					      "trap.pio_out_handling", "trap.pio_out_way_back"};
	struct dataset data;
	char *script;
	size_t i, j;

	(void)state;
	dataset_init(&data);
	for (i = 0; i < NR_OF(benches); i++)
		for (j = 0; j < NR_OF(arms); j++)
			add(&data, benches[i], "it's\nsystem('x')", arms[j], (double)j + 1);
	for (j = 0; j < NR_OF(arms); j++)
		json_array_append_new(data.series,
				      json_pack("{s:s, s:s, s:s, s:[[i, i], [i, i]]}", "kind",
						"power", "bench", "energy.noploop", "arm", arms[j],
						"points", 0, 10, 1, 11));
	for (i = 0; i < NR_OF(plots); i++) {
		script = script_of(&data, plots[i].writer, plots[i].what);
		if (strstr(script, "\nsystem") || strstr(script, " 'exec:/it's"))
			fail_msg("plot %zu: %s", i, script);
		free(script);
	}
	dataset_free(&data);
}

/* `report --svg --bench LIST` mixes groups, in the order of the results. */
static void a_plot_of_ratios_shows_only_the_benchmarks_asked_for(void **state)
{
	static const char *const benches[] = {"cpu.noploop", "cpu.hash", "mem.fault", "blk.flush"};
	struct dataset data;
	char *script;

	(void)state;
	dataset_init(&data);
	for (size_t i = 0; i < NR_OF(benches); i++) {
		add(&data, benches[i], "ms", "native", 1);
		add(&data, benches[i], "ms", "vm", 2);
	}
	script = script_of_some(&data, plot_ratios, "", "blk.*,cpu.h*");
	assert_non_null(strstr(script, "set ytics ('cpu.hash' -1, 'blk.flush' -2)\n"));
	assert_non_null(strstr(script, "set yrange [-3:-0.4]\n"));
	assert_null(strstr(script, "noploop"));
	free(script);
	dataset_free(&data);
}

/* Native, container and vm, and two of them with three kinds of pages: the paging curve. */
static void the_arms_of_make_bench_have_a_colour_each(void **state)
{
	static const char *const names[] = {
		"native",	   "container",	      "vm",
		"native:pages=4k", "vm:pages=4k",     "native:pages=thp",
		"vm:pages=thp",	   "native:pages=2m", "vm:pages=2m"};
	const char *arms[NR_OF(names)];
	struct dataset data;

	(void)state;
	dataset_init(&data);
	for (size_t i = 0; i < NR_OF(names); i++) {
		arms[i] = dataset_arm(&data, names[i]);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(plot_color(&data, arms[i]),
						plot_color(&data, arms[j]));
	}
	dataset_free(&data);
}

/* However many arms there are, each of their marks is nearer to its own line than to the next. */
static void marks_stay_beside_the_name_of_their_benchmark(void **state)
{
	struct dataset data;
	char name[32], *script, *line;
	double ratio, height;
	unsigned int marks = 0;
	int i;

	(void)state;
	dataset_init(&data);
	add(&data, "cpu.noploop", "ms", "native", 1);
	for (i = 2; i < 12; i++) {
		snprintf(name, sizeof(name), "arm%d", i);
		add(&data, "cpu.noploop", "ms", name, i);
	}
	script = script_of(&data, plot_ratios, "cpu.");
	assert_non_null(strstr(script, "'cpu.noploop' -1"));
	for (line = script; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sscanf(line, "%lf %lf", &ratio, &height) != 2)
			continue;
		marks++;
		assert_true(height < -0.6 && height > -1.4);
	}
	assert_int_equal(marks, 10);
	free(script);
	dataset_free(&data);
}

/* The study's Figure 4 is the power of a machine that works; and an arm has one colour in all
 * plots. */
static void power_is_that_of_the_work_in_the_colour_of_the_arm(void **state)
{
	static const char *const benches[] = {"energy.idle", "energy.noploop"};
	struct dataset data;
	char *script;
	int i;

	(void)state;
	dataset_init(&data);
	dataset_arm(&data, "native");
	dataset_arm(&data, "container");
	dataset_arm(&data, "vm");
	for (i = 0; i < 2; i++)
		json_array_append_new(data.series,
				      json_pack("{s:s, s:s, s:s, s:[[i, i], [i, i]]}", "kind",
						"power", "bench", benches[i], "arm", "vm", "points",
						0, 100 + i, 1, 200 + i));
	script = script_of(&data, plot_power, "energy.noploop");
	assert_null(strstr(script, "200"));
	assert_non_null(strstr(script, "1 201\n"));
	assert_non_null(strstr(script, plot_color(&data, dataset_arm(&data, "vm"))));
	free(script);
	dataset_free(&data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_no_command),
		cmocka_unit_test(a_plot_of_ratios_shows_only_the_benchmarks_asked_for),
		cmocka_unit_test(the_arms_of_make_bench_have_a_colour_each),
		cmocka_unit_test(marks_stay_beside_the_name_of_their_benchmark),
		cmocka_unit_test(power_is_that_of_the_work_in_the_colour_of_the_arm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
