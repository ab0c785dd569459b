/* SPDX-License-Identifier: MIT */
/* What each plot shows, as gnuplot scripts. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/names.h"
#include "guest/tinybench/report/plot.h"
#include "vmm/core/array.h"

/* The part of a benchmark's name behind the prefix, or NULL if it has another. */
static const char *behind(const struct bench *bench, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(bench->name, prefix, length) == 0 ? bench->name + length : NULL;
}

/* Names come with the results, from anywhere: nothing in them may end a string or a line. */
static void print_plain(FILE *script, const char *text)
{
	for (; *text; text++)
		fputc((unsigned char)*text < ' ' || *text == '"' ? ' ' : *text, script);
}

/* In gnuplot's single quotes, in which only these themselves mean something. */
static void print_quoted(FILE *script, const char *text)
{
	fputc('\'', script);
	for (; *text; text++) {
		if (*text == '\'')
			fputc('\'', script);
		fputc((unsigned char)*text < ' ' ? ' ' : *text, script);
	}
	fputc('\'', script);
}

static void print_title(FILE *script, const char *text)
{
	fputs(" title ", script);
	print_quoted(script, text);
}

/* ---- ratio to native, with intervals ---- */

static bool has_ratio(const struct result *result, const struct plot_source *source)
{
	return result->ratio.nr > 0 && isfinite(result->ratio.lo) && result->ratio.lo > 0 &&
	       behind(result->bench, source->what) &&
	       (!source->patterns || names_match(source->patterns, result->bench->name));
}

static bool arm_has_ratio(const struct plot_source *source, const char *arm, double *least,
			  double *most)
{
	bool has = false;
	size_t i;

	for (i = 0; i < source->summary->nr; i++) {
		const struct result *result = &source->summary->at[i];

		if (result->arm != arm || !has_ratio(result, source))
			continue;
		has = true;
		*least = fmin(*least, result->ratio.lo);
		*most = fmax(*most, result->ratio.hi);
	}
	return has;
}

/* One line a benchmark from the top, arms slightly apart. The number of benchmarks. */
static unsigned int print_ratio_data(FILE *script, const struct plot_source *source)
{
	const struct summary *summary = source->summary;
	const struct bench *last = NULL;
	size_t nr_arms = source->data->arms.nr, nr = 0, arm, i;
	double least = 1, most = 1, place = 0, step;
	unsigned int line = 0;

	for (arm = 0; arm < nr_arms; arm++)
		nr += arm_has_ratio(source, source->data->arms.at[arm], &least, &most);
	step = fmin(0.16, 0.8 / (double)(nr + 1)); /* all within their own line */
	for (arm = 0; arm < nr_arms; arm++) {
		const char *name = source->data->arms.at[arm];

		fprintf(script, "$data%zu << EOD\n", arm);
		for (i = 0, line = 0, last = NULL; i < summary->nr; i++) {
			const struct result *result = &summary->at[i];

			if (has_ratio(result, source) && result->bench != last) {
				last = result->bench;
				line++;
			}
			if (has_ratio(result, source) && result->arm == name)
				fprintf(script, "%g %g %g %g\n", result->ratio.median,
					-(double)line - step * (place - (double)(nr - 1) / 2),
					result->ratio.lo, result->ratio.hi);
		}
		place += arm_has_ratio(source, name, &least, &most);
		fputs("EOD\n", script);
	}
	return line;
}

static void print_ratio_tics(FILE *script, const struct plot_source *source, bool narrow)
{
	const struct bench *last = NULL;
	unsigned int line = 0;
	size_t i;

	fputs("set ytics (", script);
	for (i = 0; i < source->summary->nr; i++) {
		const struct result *result = &source->summary->at[i];

		if (!has_ratio(result, source) || result->bench == last)
			continue;
		last = result->bench;
		fputs(line ? ", " : "", script);
		print_quoted(script,
			     narrow ? behind(result->bench, source->what) : result->bench->name);
		fprintf(script, " %d", -(int)line - 1);
		line++;
	}
	fputs(")\n", script);
}

bool plot_ratios(FILE *script, const struct plot_source *source, bool narrow)
{
	const struct dataset *data = source->data;
	double least = 1, most = 1;
	unsigned int lines = print_ratio_data(script, source), nr = 0;
	size_t i;

	if (lines == 0)
		return false;
	for (i = 0; i < data->arms.nr; i++)
		arm_has_ratio(source, data->arms.at[i], &least, &most);
	print_ratio_tics(script, source, narrow);
	fprintf(script, "set yrange [%d:-0.4]\nset xlabel 'ratio to native'\n", -(int)lines - 1);
	if (most / least > 4)
		fputs("set logscale x\n", script);
	if (lines > 12) /* room for each name */
		fprintf(script, "set terminal svg noenhanced size %d,%u font 'sans-serif,%d'\n",
			narrow ? 350 : 860, 120 + lines * 24, narrow ? 10 : 13);
	fputs("set arrow from 1, graph 0 to 1, graph 1 nohead lc rgb '#888888' lw 1.5\n", script);
	for (i = 0; i < data->arms.nr; i++) {
		least = most = 1;
		if (!arm_has_ratio(source, data->arms.at[i], &least, &most))
			continue;
		fputs(nr++ == 0 ? "plot " : ", ", script);
		fprintf(script, "$data%zu using 1:2:3:4 with xerrorbars pt 7 ps 0.6 lc rgb '%s'", i,
			plot_color(data, data->arms.at[i]));
		print_title(script, data->arms.at[i]);
	}
	fputc('\n', script);
	return true;
}

/* ---- values over a number in the names: working sets, queue depths ---- */

/* "16k" is 16384; 0 for what is no number. */
static double parse_scaled(const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text)
		return 0;
	switch (*end) {
	case 'k':
		value *= 1024, end++;
		break;
	case 'm':
		value *= 1048576, end++;
		break;
	case 'g':
		value *= 1073741824, end++;
		break;
	}
	return *end == '\0' ? value : 0;
}

/* The points of one arm; how many. */
static unsigned int print_curve_data(FILE *script, const struct plot_source *source,
				     const char *prefix, const char *arm, unsigned int number)
{
	unsigned int points = 0;
	size_t i;

	fprintf(script, "$data%u << EOD\n", number);
	for (i = 0; i < source->summary->nr; i++) {
		const struct result *result = &source->summary->at[i];
		const char *rest = behind(result->bench, prefix);
		double x = rest ? parse_scaled(rest) : 0;

		if (result->arm != arm || result->value.nr == 0 || x <= 0)
			continue;
		fprintf(script, "%.0f %g %g %g\n", x, result->value.median, result->value.lo,
			result->value.hi);
		points++;
	}
	fputs("EOD\n", script);
	return points;
}

static bool plot_curves(FILE *script, const struct plot_source *source)
{
	const struct dataset *data = source->data;
	unsigned int *points = xcalloc(data->arms.nr + 1, sizeof(*points)), nr = 0;
	size_t i;

	for (i = 0; i < data->arms.nr; i++)
		points[i] = print_curve_data(script, source, source->what, data->arms.at[i],
					     (unsigned int)i);
	for (i = 0; i < data->arms.nr; i++) {
		if (points[i] == 0)
			continue;
		fputs(nr++ == 0 ? "plot " : ", ", script);
		fprintf(script, "$data%zu using 1:2:3:4 with yerrorlines pt 7 ps 0.5 lc rgb '%s'",
			i, plot_color(data, data->arms.at[i]));
		print_title(script, data->arms.at[i]);
	}
	fputc('\n', script);
	free(points);
	return nr > 0;
}

bool plot_sizes(FILE *script, const struct plot_source *source, bool narrow)
{
	/* Wider than the data, so that the outermost have their labels and intervals. */
	fprintf(script,
		"set logscale x 2\nset logscale y\nset xlabel 'working set'\n"
		"set xrange [13000:1.4e9]\nset ylabel 'ns per access'\n"
		"set xtics (%s'64K' 65536, %s'1M' 1048576, %s'16M' 16777216, %s'256M' 268435456, "
		"'1G' 1073741824)\n",
		narrow ? "" : "'16K' 16384, ", narrow ? "" : "'256K' 262144, ",
		narrow ? "" : "'4M' 4194304, ", narrow ? "" : "'64M' 67108864, ");
	return plot_curves(script, source);
}

bool plot_depths(FILE *script, const struct plot_source *source, bool narrow)
{
	(void)narrow;
	fputs("set logscale x 2\nset xlabel 'requests in flight'\nset ylabel 'IO/s'\n"
	      "set xrange [0.85:76]\nset yrange [0:*]\nset xtics (1, 2, 4, 8, 16, 32, 64)\n",
	      script);
	return plot_curves(script, source);
}

/* ---- how samples are distributed ---- */

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static size_t print_cdf_data(FILE *script, const struct plot_source *source, const char *arm,
			     size_t number)
{
	const struct dataset *data = source->data;
	double *values = xcalloc(data->nr_samples + 1, sizeof(*values));
	size_t i, nr = 0;

	for (i = 0; i < data->nr_samples; i++)
		if (data->samples[i].arm == arm && !data->samples[i].warmup &&
		    strcmp(data->samples[i].bench->name, source->what) == 0)
			values[nr++] = data->samples[i].value;
	qsort(values, nr, sizeof(*values), compare_doubles);
	fprintf(script, "$data%zu << EOD\n", number);
	for (i = 0; i < nr; i++)
		fprintf(script, "%g %g\n", values[i], (double)(i + 1) / (double)nr);
	fputs("EOD\n", script);
	free(values);
	return nr;
}

bool plot_cdf(FILE *script, const struct plot_source *source, bool narrow)
{
	const struct dataset *data = source->data;
	const struct bench *bench = catalog_find(&data->benches, source->what);
	size_t *points = xcalloc(data->arms.nr + 1, sizeof(*points)), i;
	unsigned int nr = 0;

	(void)narrow;
	for (i = 0; i < data->arms.nr; i++)
		points[i] = print_cdf_data(script, source, data->arms.at[i], i);
	fputs("set logscale x\nset ylabel 'share of samples'\nset yrange [0:1.02]\nset xlabel ",
	      script);
	print_quoted(script, bench ? bench->unit : "");
	fputc('\n', script);
	for (i = 0; i < data->arms.nr; i++) {
		if (points[i] < 2)
			continue;
		fputs(nr++ == 0 ? "plot " : ", ", script);
		fprintf(script, "$data%zu using 1:2 with steps lw 1.6 lc rgb '%s'", i,
			plot_color(data, data->arms.at[i]));
		print_title(script, data->arms.at[i]);
	}
	fputc('\n', script);
	free(points);
	return nr > 0;
}

/* ---- series: exits, power ---- */

static bool is_series(const json_t *object, const char *kind)
{
	const char *text = json_string_value(json_object_get(object, "kind"));

	return text && strcmp(text, kind) == 0;
}

static const struct {
	const char *bench, *title;
} exit_kinds[] = {
	{"trap.pio_out", "port write"},
	{"trap.pio_in", "port read"},
	{"trap.mmio_read", "MMIO read"},
	{"trap.mmio_write", "MMIO write"},
};

#define NR_EXIT_KINDS NR_OF(exit_kinds)

/* In the order in which an exit passes them. */
static const struct {
	const char *suffix, *title, *color;
} exit_parts[] = {
	{"_way_out", "guest to VMM", "#2a78c8"},
	{"_handling", "handling", "#2b9a72"},
	{"_way_back", "VMM to guest", "#d9702b"},
};

#define NR_EXIT_PARTS NR_OF(exit_parts)

/* The median of a benchmark whose name has two halves, or NAN. */
static double median_of(const struct plot_source *source, const char *bench, const char *suffix,
			const char *arm)
{
	char *name = xasprintf("%s%s", bench, suffix);
	const struct result *result = summary_find(source->summary, name, arm);

	free(name);
	return result && result->value.nr > 0 ? result->value.median : NAN;
}

/* Where each part of one bar ends, and the exit as a whole. False if a part was not measured. */
static bool print_exit(FILE *script, const struct plot_source *source, size_t kind, const char *arm)
{
	double end[NR_EXIT_PARTS], at = 0;
	size_t i;

	for (i = 0; i < NR_EXIT_PARTS; i++)
		end[i] = at += median_of(source, exit_kinds[kind].bench, exit_parts[i].suffix, arm);
	if (isnan(at))
		return false;
	fprintf(script, "\"%s\\n", exit_kinds[kind].title);
	print_plain(script, arm);
	fputs("\" ", script);
	for (i = 0; i < NR_EXIT_PARTS; i++)
		fprintf(script, "%g ", end[i] / 1000);
	fprintf(script, "%g\n", median_of(source, exit_kinds[kind].bench, "", arm) / 1000);
	return true;
}

/*
 * A waterfall: a bar for each kind of exit, in which time passes to the right, and a mark where the
 * exit ends that was timed whole, without time stamps of the VMM.
 */
bool plot_exits(FILE *script, const struct plot_source *source, bool narrow)
{
	const struct dataset *data = source->data;
	unsigned int nr = 0;
	size_t kind, arm, i;

	fputs("$data << EOD\n", script);
	for (kind = 0; kind < NR_EXIT_KINDS; kind++)
		for (arm = 0; arm < data->arms.nr; arm++)
			nr += print_exit(script, source, kind, data->arms.at[arm]);
	fprintf(script,
		"EOD\nset terminal svg noenhanced size %d,%u font 'sans-serif,%d' linewidth 1.2\n"
		"set yrange [%u.5:-0.5]\nset xrange [0:*]\nset xlabel 'us'\n"
		"set style fill solid 0.85 noborder\n",
		narrow ? 350 : 860, 140 + nr * 44, narrow ? 11 : 13, nr - 1);
	/* Each part from where the one before ends: columns 2 to 4, and the whole in 5. */
	for (i = 0; i < NR_EXIT_PARTS; i++)
		fprintf(script,
			"%s$data using (0):0:(%s):%zu:($0-0.3):($0+0.3)%s with boxxyerror lc rgb "
			"'%s' title '%s'",
			i == 0 ? "plot " : ", ",
			i == 0	 ? "0"
			: i == 1 ? "$2"
				 : "$3",
			i + 2, i == 0 ? ":ytic(1)" : "", exit_parts[i].color, exit_parts[i].title);
	fputs(", $data using 5:0 with points pt 2 ps 1 lw 2 lc rgb 'black' title 'timed whole'\n",
	      script);
	return nr > 0;
}

/* The arm's first round of the benchmark that it is about, or NULL. */
static json_t *find_power(const struct plot_source *source, const char *arm)
{
	const struct dataset *data = source->data;
	const char *bench, *name;
	json_t *object;
	size_t i;

	for (i = 0; i < json_array_size(data->series); i++) {
		object = json_array_get(data->series, i);
		bench = json_string_value(json_object_get(object, "bench"));
		name = json_string_value(json_object_get(object, "arm"));
		if (is_series(object, "power") && bench && strcmp(bench, source->what) == 0 &&
		    name && strcmp(name, arm) == 0)
			return json_object_get(object, "points");
	}
	return NULL;
}

/* Power over time, an arm a curve. */
bool plot_power(FILE *script, const struct plot_source *source, bool narrow)
{
	const struct dataset *data = source->data;
	unsigned int nr = 0;
	json_t *points, *point;
	size_t i, j;

	(void)narrow;
	for (i = 0; i < data->arms.nr; i++) {
		points = find_power(source, data->arms.at[i]);
		fprintf(script, "$data%zu << EOD\n", i);
		for (j = 0; j < json_array_size(points); j++) {
			point = json_array_get(points, j);
			fprintf(script, "%g %g\n", json_number_value(json_array_get(point, 0)),
				json_number_value(json_array_get(point, 1)));
		}
		fputs("EOD\n", script);
	}
	fputs("set xlabel 's'\nset ylabel 'W'\nset yrange [0:*]\n", script);
	for (i = 0; i < data->arms.nr; i++) {
		if (json_array_size(find_power(source, data->arms.at[i])) == 0)
			continue;
		fputs(nr++ == 0 ? "plot " : ", ", script);
		fprintf(script, "$data%zu using 1:2 with lines lc rgb '%s'", i,
			plot_color(data, data->arms.at[i]));
		print_title(script, data->arms.at[i]);
	}
	fputc('\n', script);
	return nr > 0;
}
