/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/tinybench/exact/options.h"
#include "vmm/core/array.h"

enum option_id {
	OPTION_BENCH,
	OPTION_ARMS,
	OPTION_OUT,
	OPTION_KERNEL_WORDS,
	OPTION_JOBS,
	OPTION_ANATOMY,
	OPTION_LISTING,
	OPTION_DIFF,
	OPTION_BUDGET,
	OPTION_BUILD,
	OPTION_VERSIONS,
	OPTION_HELP,
};

static const struct row {
	const char *name, *argument, *help;
} rows[] = {
	[OPTION_BENCH] = {"bench", "GLOB", "which benchmarks, by default trap.*"},
	[OPTION_ARMS] = {"arms", "A,B",
			 "which arms, by default native,vm,vm-bare,floor; options of "
			 "a VMM follow a +, as in vm+--stats"},
	[OPTION_OUT] = {"out", "DIR", "where results go, by default tinybench-exact"},
	[OPTION_KERNEL_WORDS] = {"kernel-words", "WORDS",
				 "more words for the command line of the "
				 "machine's kernel"},
	[OPTION_JOBS] = {"jobs", "N", "machines at once, by default one for each CPU"},
	[OPTION_ANATOMY] = {"anatomy", "GLOB", "as --bench, and print the functions"},
	[OPTION_LISTING] = {"listing", "GLOB", "as --bench, and write the instructions in order"},
	[OPTION_DIFF] = {"diff", NULL, "compare DIR1 with DIR2, or DIR/ARM1 with DIR/ARM2"},
	[OPTION_BUDGET] = {"budget", "FILE",
			   "compare the VMM's part with a table (tests/exact/budget)"},
	[OPTION_BUILD] = {"build", "DIR",
			  "where tinyvmm and guest/ are, by default beside tinybench"},
	[OPTION_VERSIONS] = {"versions", NULL, "print which libc and compiler a budget depends on"},
	[OPTION_HELP] = {"help", NULL, "print this"},
};

void exact_options_help(void)
{
	char left[40];

	puts("tinybench exact: count the instructions of operations, on any machine\n\n"
	     "  tinybench exact [OPTION]...             count; results in DIR\n"
	     "  tinybench exact --diff DIR1 DIR2        compare two results\n");
	for (size_t i = 0; i < NR_OF(rows); i++) {
		(void)snprintf(left, sizeof(left), "--%s %s", rows[i].name,
			       rows[i].argument ? rows[i].argument : "");
		printf("  %-22s %s\n", left, rows[i].help);
	}
	puts("\nArms: native, vm, linux-vm, qemu-microvm, kvmtool and exec:PROGRAM as of tinybench "
	     "run; "
	     "floor,\n  the shortest program on KVM, and vm-bare, tinyvmm with the floor's "
	     "guests.\n"
	     "docs/exact.md tells what a count is, and what it is not.");
}

static int parse_jobs(struct exact_options *options, const char *value, struct err *err)
{
	char *end;
	unsigned long jobs = strtoul(value, &end, 10);

	if (value[0] < '0' || value[0] > '9' || *end || jobs < 1 || jobs > 64)
		return err_set(err, -EINVAL, "--jobs %s: give a number from 1 to 64", value);
	options->jobs = (unsigned int)jobs;
	return 0;
}

static int set(struct exact_options *options, int id, const char *value, struct err *err)
{
	switch (id) {
	case OPTION_LISTING:
	case OPTION_ANATOMY:
		options->listing = options->listing || id == OPTION_LISTING;
		options->anatomy = options->anatomy || id == OPTION_ANATOMY;
		options->bench = value;
		break;
	case OPTION_BENCH:
		options->bench = value;
		break;
	case OPTION_ARMS:
		options->arms = value;
		break;
	case OPTION_OUT:
		options->out = value;
		break;
	case OPTION_KERNEL_WORDS:
		options->kernel_words = value;
		break;
	case OPTION_JOBS:
		return parse_jobs(options, value, err);
	case OPTION_DIFF:
		options->diff[0] = "";
		break;
	case OPTION_BUDGET:
		options->budget = value;
		break;
	case OPTION_BUILD:
		options->build_dir = value;
		break;
	case OPTION_VERSIONS:
		options->versions = true;
		break;
	default:
		options->help = true;
		break;
	}
	return 0;
}

static int take_words(struct exact_options *options, char **words, int nr, struct err *err)
{
	if (options->diff[0] && nr != 2)
		return err_set(
			err, -EINVAL,
			"--diff needs two directories; write tinybench exact --diff DIR1 DIR2");
	if (!options->diff[0] && nr > 0)
		return err_set(err, -EINVAL, "\"%s\": exact takes options only; see exact --help",
			       words[0]);
	if (options->diff[0]) {
		options->diff[0] = words[0];
		options->diff[1] = words[1];
	}
	return 0;
}

int exact_options_parse(struct exact_options *options, int argc, char **argv, struct err *err)
{
	struct option table[NR_OF(rows) + 1] = {0};
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int ret = 0, index = 0, got;

	*options = (struct exact_options){.bench = "trap.*",
					  .arms = "native,vm,vm-bare,floor",
					  .out = "tinybench-exact",
					  .kernel_words = "",
					  .jobs = cpus > 0 && cpus < 64 ? (unsigned int)cpus : 1};
	for (size_t i = 0; i < NR_OF(rows); i++) {
		table[i].name = rows[i].name;
		table[i].has_arg = rows[i].argument ? required_argument : no_argument;
	}
	optind = 0;
	opterr = 0;
	while (!ret && (got = getopt_long(argc, argv, ":", table, &index)) != -1) {
		if (got == ':')
			ret = err_set(err, -EINVAL, "%s needs a value; see exact --help",
				      argv[optind - 1]);
		else if (got == '?')
			ret = err_set(err, -EINVAL, "%s: no such option; see exact --help",
				      argv[optind - 1]);
		else
			ret = set(options, index, optarg, err);
	}
	return ret ? ret : take_words(options, argv + optind, argc - optind, err);
}
