/* SPDX-License-Identifier: MIT */
/* The command line. One table holds every option; getopt_long(3)'s and --help are made from it. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/base/cpus.h"
#include "guest/tinybench/base/settings.h"
#include "guest/tinybench/base/text.h"
#include "vmm/core/array.h"
#include "vmm/core/parse.h"

static int parse_number(const char *option, const char *value, unsigned int min, unsigned int max,
			unsigned int *number, struct err *err)
{
	if (parse_uint(value, min, max, number) != 0)
		return err_set(err, -EINVAL, "%s %s: give a number from %u to %u", option, value,
			       min, max);
	return 0;
}

static int set_arms(struct settings *settings, const char *value, struct err *err)
{
	(void)err;
	settings->arms = value;
	return 0;
}

static int set_bench(struct settings *settings, const char *value, struct err *err)
{
	(void)err;
	settings->bench = value;
	return 0;
}

static int set_rounds(struct settings *settings, const char *value, struct err *err)
{
	return parse_number("--rounds", value, 1, 10000, &settings->rounds, err);
}

static int set_until_ci(struct settings *settings, const char *value, struct err *err)
{
	char *end;

	settings->until_ci = strtod(value, &end);
	if (end == value || strcmp(end, *end == '%' ? "%" : "") != 0 ||
	    !(settings->until_ci > 0 && settings->until_ci <= 100))
		return err_set(err, -EINVAL,
			       "--until-ci %s: give a percentage above 0 and up to 100, as in 0.5",
			       value);
	return 0;
}

static int set_pin(struct settings *settings, const char *value, struct err *err)
{
	cpu_set_t set;

	settings->pin = value;
	return cpus_parse(value, &set, err);
}

static int set_quick(struct settings *settings, const char *value, struct err *err)
{
	(void)value;
	(void)err;
	settings->quick = true;
	return 0;
}

static int set_out(struct settings *settings, const char *value, struct err *err)
{
	if (value[0] == '\0')
		return err_set(err, -EINVAL, "--out \"\": the directory's name is empty");
	settings->out = value;
	return 0;
}

static int set_strict(struct settings *settings, const char *value, struct err *err)
{
	(void)value;
	(void)err;
	settings->strict = true;
	return 0;
}

static int set_seed(struct settings *settings, const char *value, struct err *err)
{
	char *end;

	errno = 0;
	settings->seed = strtoull(value, &end, 0);
	/* JSON's numbers have a sign, and what is recorded has to be what was used. */
	if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno || settings->seed > INT64_MAX)
		return err_set(err, -EINVAL, "--seed %s: give a number from 0 to %lld", value,
			       (long long)INT64_MAX);
	settings->has_seed = true;
	return 0;
}

static int set_samples(struct settings *settings, const char *value, struct err *err)
{
	return parse_number("--samples", value, 1, SETTINGS_MAX_SAMPLES, &settings->samples, err);
}

static int set_min_ms(struct settings *settings, const char *value, struct err *err)
{
	return parse_number("--min-ms", value, 1, SETTINGS_MAX_MIN_MS, &settings->min_ms, err);
}

static int set_timeout(struct settings *settings, const char *value, struct err *err)
{
	return parse_number("--timeout", value, 1, 86400, &settings->timeout_s, err);
}

static int set_budget(struct settings *settings, const char *value, struct err *err)
{
	return parse_number("--budget", value, 1, 86400, &settings->budget_s, err);
}

static int set_cpus(struct settings *settings, const char *value, struct err *err)
{
	return parse_number("--cpus", value, 1, SETTINGS_MAX_CPUS, &settings->cpus, err);
}

static int set_comparisons(struct settings *settings, const char *value, struct err *err)
{
	return parse_number("--comparisons", value, 1, 100000, &settings->comparisons, err);
}

int settings_add_argument(struct settings *settings, const char *value, struct err *err)
{
	char *shown;
	int ret = 0;

	if (!strchr(value, '=') || strchr(value, ' ') || !text_is_plain(value)) {
		shown = text_shown(value);
		ret = err_set(err, -EINVAL,
			      "--arg %s: give KEY=VALUE without blanks, as in size=64M", shown);
		free(shown);
	} else if (settings->extra.nr == SETTINGS_MAX_ARGUMENTS) {
		ret = err_set(err, -EINVAL, "--arg %s: give --arg at most %d times", value,
			      SETTINGS_MAX_ARGUMENTS);
	} else {
		names_add(&settings->extra, value);
	}
	return ret;
}

static int set_build(struct settings *settings, const char *value, struct err *err)
{
	(void)err;
	settings->build_dir = value;
	return 0;
}

static int set_json(struct settings *settings, const char *value, struct err *err)
{
	(void)value;
	(void)err;
	settings->format = FORMAT_JSON;
	return 0;
}

static int set_csv(struct settings *settings, const char *value, struct err *err)
{
	(void)value;
	(void)err;
	settings->format = FORMAT_CSV;
	return 0;
}

static int set_svg(struct settings *settings, const char *value, struct err *err)
{
	(void)value;
	(void)err;
	settings->format = FORMAT_SVG;
	return 0;
}

static int set_help(struct settings *settings, const char *value, struct err *err)
{
	(void)value;
	(void)err;
	settings->command = COMMAND_HELP;
	return 0;
}

static int set_version(struct settings *settings, const char *value, struct err *err)
{
	(void)value;
	(void)err;
	settings->command = COMMAND_VERSION;
	return 0;
}

static const struct option_row {
	const char *name, *argument, *help;
	int (*set)(struct settings *settings, const char *value, struct err *err);
} rows[] = {
	{"arms", "A,B", "which arms, by default native,container,vm; variants as in vm:nopin",
	 set_arms},
	{"bench", "GLOB",
	 "which benchmarks, as in 'cpu.*,mem.stream_*'; by default all (aa: cpu.*)", set_bench},
	{"rounds", "N", "measured rounds, by default 10 (with --until-ci: at most, by default 100)",
	 set_rounds},
	{"budget", "S", "stop after so many seconds, with as many of the rounds as fit",
	 set_budget},
	{"until-ci", "PCT", "make rounds until every ratio is known to +- PCT percent",
	 set_until_ci},
	{"pin", "LIST", "confine the run to these CPUs, and pin each vCPU to one of them", set_pin},
	{"quick", NULL, "fewer and shorter samples: a first impression", set_quick},
	{"out", "DIR",
	 "where results go, by default tinybench-out; a run continues results that it finds",
	 set_out},
	{"strict", NULL, "refuse to measure on a machine that would spoil the figures", set_strict},
	{"seed", "N", "seed of the random order and of the bootstrap, by default from the clock",
	 set_seed},
	{"samples", "N", "samples of a benchmark in each round, by default 5", set_samples},
	{"min-ms", "MS", "least duration of a sample, by default 20", set_min_ms},
	{"cpus", "N", "CPUs that a benchmark may use, by default 1 (trap.*: 2)", set_cpus},
	{"timeout", "S", "seconds before tinybench kills a run of one benchmark, by default 60",
	 set_timeout},
	{"comparisons", "N", "how many comparisons aa makes, by default 200", set_comparisons},
	{"arg", "KEY=VALUE", "another argument for the benchmark file; repeatable",
	 settings_add_argument},
	{"json", NULL, "report: print the summary as JSON, and write nothing", set_json},
	{"csv", NULL, "report: print the summary as CSV, and write nothing", set_csv},
	{"svg", NULL, "report: print the ratios of --bench as one plot, and write nothing",
	 set_svg},
	{"build", "DIR", "where tinyvmm and guest/ are, by default beside tinybench", set_build},
	{"help", NULL, "print this", set_help},
	{"version", NULL, "print the version", set_version},
};

void settings_help(void)
{
	char left[40];
	size_t i;

	puts("tinybench: one benchmark file, natively, in a container and in a VM\n\n"
	     "  tinybench list             the arms and the benchmarks\n"
	     "  tinybench run [OPTION]...  measure; Ctrl-C keeps what was measured\n"
	     "  tinybench report DIR       print the table and make report.html again\n"
	     "  tinybench diff DIR1 DIR2   compare two results\n"
	     "  tinybench exact --help     count instructions instead, on any machine\n"
	     "  tinybench aa [OPTION]...   compare an arm with itself: how often does this\n"
	     "                             machine show a difference that is not there?\n");
	for (i = 0; i < NR_OF(rows); i++) {
		(void)snprintf(left, sizeof(left), "--%s %s", rows[i].name,
			       rows[i].argument ? rows[i].argument : "");
		printf("  %-18s %s\n", left, rows[i].help);
	}
	puts("\nA run that continues results takes benchmarks, arms, --samples, --min-ms, --cpus, "
	     "--pin,\n"
	     "--quick and --arg from them where these are not given.\n"
	     "\nExit status: 0 success, 1 a failure, 2 wrong usage, or another process uses the "
	     "directory,\n"
	     "3 interrupted.\n"
	     "docs/benchmarks.md tells what each benchmark does and does not show.");
}

static int parse_command(struct settings *settings, const char *word, struct err *err)
{
	static const struct {
		const char *name;
		enum command command;
	} commands[] = {{"list", COMMAND_LIST}, {"run", COMMAND_RUN}, {"report", COMMAND_REPORT},
			{"diff", COMMAND_DIFF}, {"aa", COMMAND_AA},   {"help", COMMAND_HELP}};
	struct names known = {0};
	char nearest[64];
	size_t i;

	for (i = 0; i < NR_OF(commands); i++) {
		if (strcmp(commands[i].name, word) == 0) {
			settings->command = commands[i].command;
			names_free(&known);
			return 0;
		}
		names_add(&known, commands[i].name);
	}
	names_nearest(&known, word, 2, nearest, sizeof(nearest));
	names_free(&known);
	return err_set(err, -EINVAL,
		       "there is no command \"%s\"; the nearest are %s (tinybench --help)", word,
		       nearest);
}

/* What is left when the options are gone: the command and its directories. */
static int parse_words(struct settings *settings, char **words, int nr, struct err *err)
{
	int wanted, ret;

	if (settings->command == COMMAND_VERSION || settings->command == COMMAND_HELP)
		return 0;
	ret = parse_command(settings, nr ? words[0] : "help", err);
	if (ret)
		return ret;
	wanted = settings->command == COMMAND_DIFF     ? 2
		 : settings->command == COMMAND_REPORT ? 1
						       : 0;
	if (nr - 1 > wanted)
		return err_set(err, -EINVAL, "\"%s\": %s takes %s", words[1 + wanted], words[0],
			       wanted ? "no more directories" : "options only; see --help");
	if (nr > 0 && nr - 1 < wanted)
		return err_set(err, -EINVAL, "%s: which director%s? Write tinybench %s %s",
			       words[0], wanted == 2 ? "ies" : "y", words[0],
			       wanted == 2 ? "DIR1 DIR2" : "DIR");
	settings->dirs[0] = wanted > 0 ? words[1] : NULL;
	settings->dirs[1] = wanted > 1 ? words[2] : NULL;
	return 0;
}

void settings_fill_defaults(struct settings *settings)
{
	bool short_ones = settings->quick || settings->command == COMMAND_AA;

	if (!settings->samples)
		settings->samples = short_ones ? 2 : 5;
	if (!settings->min_ms)
		settings->min_ms = short_ones ? 5 : 20;
	if (!settings->bench) /* aa: those that take no second each */
		settings->bench = settings->command == COMMAND_AA ? "cpu.*" : "*";
	if (!settings->arms)
		settings->arms = "native,container,vm";
	if (!settings->rounds)
		settings->rounds = settings->until_ci > 0 ? 100 : settings->quick ? 6 : 10;
	if (!settings->comparisons)
		settings->comparisons = 200;
}

void settings_copy(struct settings *settings, const struct settings *from)
{
	size_t i;

	*settings = *from;
	settings->extra = (struct names){0};
	for (i = 0; i < from->extra.nr; i++)
		names_add(&settings->extra, from->extra.at[i]);
}

static const char *const format_options[] = {
	[FORMAT_JSON] = "--json", [FORMAT_CSV] = "--csv", [FORMAT_SVG] = "--svg"};

int settings_parse(struct settings *settings, int argc, char **argv, struct err *err)
{
	struct option options[NR_OF(rows) + 1] = {0};
	int ret = 0, index = 0, got;
	size_t i;

	*settings =
		(struct settings){.out = "tinybench-out", .timeout_s = 60, .command = COMMAND_LIST};
	for (i = 0; i < NR_OF(rows); i++) {
		options[i].name = rows[i].name;
		options[i].has_arg = rows[i].argument ? required_argument : no_argument;
	}
	optind = 0;
	opterr = 0;
	while (!ret && (got = getopt_long(argc, argv, ":", options, &index)) != -1) {
		if (got == ':')
			ret = err_set(err, -EINVAL, "%s needs a value; see --help",
				      argv[optind - 1]);
		else if (got == '?')
			ret = err_set(err, -EINVAL, "%s: no such option; see --help",
				      argv[optind - 1]);
		else
			ret = rows[index].set(settings, optarg, err);
	}
	if (!ret)
		ret = parse_words(settings, argv + optind, argc - optind, err);
	if (!ret && settings->format != FORMAT_TABLE && settings->command != COMMAND_REPORT)
		ret = err_set(err, -EINVAL, "%s: only tinybench report takes this option",
			      format_options[settings->format]);
	return ret;
}

void settings_free(struct settings *settings)
{
	names_free(&settings->extra);
}
