/* SPDX-License-Identifier: MIT */
/*
 * Compares commands on a machine that is never quite quiet: runs them in rounds, in random order
 * within each, so that a disturbance hits all alike, and reports medians and ratios to the first.
 *
 *	interleave [-n ROUNDS] [-v] [-u UNIT] [-p "LABEL to LABEL"]... [-o FILE.json]
 *		LABEL[/STATUS]=COMMAND...
 *
 * What is compared is the wall time of the whole process from posix_spawn(3) to wait4(2), in
 * microseconds, with its CPU time beside it; with -v the number that the command prints. A ratio is
 * what tinybench calls one: the median over rounds of the ratio of two runs of the same round, with
 * its 95 % interval (guest/tinybench/data/stats.h). -p adds the ratio of two that are not the
 * first. COMMAND is split at blanks. A command that ends with another STATUS than its own (0 by
 * default) ends the comparison.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/prng.h"
#include "guest/tinybench/data/stats.h"
#include "vmm/core/parse.h"

#define MAX_COMMANDS 16
#define MAX_WORDS    64
#define MAX_ROUNDS   100000
#define WARM_UP	     3
#define SEED	     1 /* of the order and of the intervals: runs are to be repeatable */

struct command {
	const char *label;
	unsigned int status;
	char *argv[MAX_WORDS + 1];
	double *sample; /* one a round */
	double *cpu_us; /* user and system time of the process, one a round */
};

/* A ratio that was asked for besides those to the first. */
struct pair {
	const char *label; /* as it was typed */
	const struct command *of, *to;
};

struct interleave {
	unsigned int rounds, nr, nr_pairs;
	bool printed_value;
	const char *unit, *json;
	struct command command[MAX_COMMANDS];
	struct pair pair[MAX_COMMANDS];
	struct prng prng;
};

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double timeval_us(struct timeval t)
{
	return (double)t.tv_sec * 1e6 + (double)t.tv_usec;
}

/* Runs the command once and returns what is compared, and its CPU time. */
static double measure(const struct interleave *il, const struct command *command, double *cpu_us)
{
	extern char **environ;
	posix_spawn_file_actions_t actions;
	struct rusage usage;
	char text[64] = "";
	int out[2], status, ret;
	double start, end, value;
	char *rest;
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) < 0)
		err(1, "pipe");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (il->printed_value)
		posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
	else
		posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	start = now_us();
	ret = posix_spawn(&pid, command->argv[0], &actions, NULL, command->argv, environ);
	if (ret != 0)
		errx(1, "%s: cannot start: %s", command->argv[0], strerror(ret));
	if (wait4(pid, &status, 0, &usage) < 0)
		err(1, "%s: wait4", command->argv[0]);
	end = now_us();
	*cpu_us = timeval_us(usage.ru_utime) + timeval_us(usage.ru_stime);
	posix_spawn_file_actions_destroy(&actions);
	close(out[1]);
	if (il->printed_value && read(out[0], text, sizeof(text) - 1) <= 0)
		errx(1, "%s: printed nothing", command->label);
	close(out[0]);
	if (!WIFEXITED(status) || (unsigned int)WEXITSTATUS(status) != command->status)
		errx(1, "%s: ended with wait status 0x%x", command->label, (unsigned int)status);
	if (!il->printed_value)
		return end - start;
	value = strtod(text, &rest);
	if (rest == text || !isfinite(value) || value < 0)
		errx(1, "%s: printed \"%s\" in place of a number", command->label, text);
	return value;
}

static void run_rounds(struct interleave *il)
{
	size_t order[MAX_COMMANDS];
	double cpu_us;

	for (unsigned int i = 0; i < il->nr * WARM_UP; i++)
		measure(il, &il->command[i % il->nr], &cpu_us);
	for (unsigned int round = 0; round < il->rounds; round++) {
		prng_shuffle(&il->prng, order, il->nr);
		for (unsigned int i = 0; i < il->nr; i++) {
			struct command *command = &il->command[order[i]];

			command->sample[round] = measure(il, command, &command->cpu_us[round]);
		}
	}
}

static void estimate_ratio(const struct interleave *il, const struct command *of,
			   const struct command *to, struct estimate *ratio)
{
	stats_estimate_ratio(of->sample, to->sample, il->rounds, SEED, ratio);
}

/* ---- what is said ---- */

static void print_table(const struct interleave *il)
{
	struct estimate ratio;

	printf("%-28s %10s %21s %7s %15s %9s\n", "", "median", "quartiles", "ratio", "95% interval",
	       il->printed_value ? "" : "CPU time");
	for (unsigned int i = 0; i < il->nr; i++) {
		const struct command *c = &il->command[i];

		estimate_ratio(il, c, &il->command[0], &ratio);
		printf("%-28s %10.0f %10.0f %10.0f %7.3f %7.3f %7.3f", c->label,
		       stats_median(c->sample, il->rounds),
		       stats_quantile(c->sample, il->rounds, 0.25),
		       stats_quantile(c->sample, il->rounds, 0.75), ratio.median, ratio.lo,
		       ratio.hi);
		if (!il->printed_value)
			printf(" %9.0f", stats_median(c->cpu_us, il->rounds));
		printf("\n");
	}
	for (unsigned int i = 0; i < il->nr_pairs; i++) {
		estimate_ratio(il, il->pair[i].of, il->pair[i].to, &ratio);
		printf("%-61s %7.3f %7.3f %7.3f\n", il->pair[i].label, ratio.median, ratio.lo,
		       ratio.hi);
	}
	printf("(%s; %u rounds, interleaved in random order)\n", il->unit, il->rounds);
}

static void write_ratio(FILE *json, const struct estimate *ratio)
{
	fprintf(json, "\"ratio\": %.4f, \"ratio_low\": %.4f, \"ratio_high\": %.4f", ratio->median,
		ratio->lo, ratio->hi);
}

static void write_json(FILE *json, const struct interleave *il)
{
	struct estimate ratio;

	fprintf(json, "{\"unit\": \"%s\", \"rounds\": %u, \"rows\": [", il->unit, il->rounds);
	for (unsigned int i = 0; i < il->nr; i++) {
		const struct command *c = &il->command[i];

		fprintf(json,
			"%s\n  {\"label\": \"%s\", \"median\": %.3f, \"q1\": %.3f, \"q3\": %.3f, "
			"\"cpu_us\": %.0f, ",
			i > 0 ? "," : "", c->label, stats_median(c->sample, il->rounds),
			stats_quantile(c->sample, il->rounds, 0.25),
			stats_quantile(c->sample, il->rounds, 0.75),
			stats_median(c->cpu_us, il->rounds));
		estimate_ratio(il, c, &il->command[0], &ratio);
		write_ratio(json, &ratio);
		fprintf(json, "}");
	}
	fprintf(json, "\n], \"pairs\": [");
	for (unsigned int i = 0; i < il->nr_pairs; i++) {
		fprintf(json, "%s\n  {\"label\": \"%s\", ", i > 0 ? "," : "", il->pair[i].label);
		estimate_ratio(il, il->pair[i].of, il->pair[i].to, &ratio);
		write_ratio(json, &ratio);
		fprintf(json, "}");
	}
	fprintf(json, "\n]}\n");
}

static void save_json(const struct interleave *il)
{
	FILE *json = fopen(il->json, "w");
	bool failed;

	if (json == NULL)
		err(1, "%s", il->json);
	write_json(json, il);
	failed = fflush(json) != 0 || ferror(json) != 0;
	if (fclose(json) != 0 || failed)
		err(1, "%s: cannot write", il->json);
}

/* ---- what is asked ---- */

/* It goes into JSON as it is. */
static void check_label(const char *label)
{
	for (const char *at = label; *at != '\0'; at++)
		if (*at == '"' || *at == '\\' || *at < ' ' || *at > '~')
			errx(2, "%s: a label has printable ASCII without \" and \\", label);
}

static void parse_command(struct interleave *il, char *text)
{
	struct command *command;
	char *equals = strchr(text, '='), *slash;
	unsigned int words = 0;

	if (equals == NULL || il->nr == MAX_COMMANDS)
		errx(2, "%s: not LABEL=COMMAND, or more than %d of them", text, MAX_COMMANDS);
	command = &il->command[il->nr++];
	*equals = '\0';
	command->label = text;
	slash = strrchr(text, '/');
	if (slash != NULL) {
		*slash = '\0';
		if (parse_uint(slash + 1, 0, 255, &command->status) != 0)
			errx(2, "%s/%s: give an exit status from 0 to 255", text, slash + 1);
	}
	check_label(command->label);
	for (char *word = strtok(equals + 1, " "); word != NULL; word = strtok(NULL, " ")) {
		if (words == MAX_WORDS)
			errx(2, "%s: more than %d words", command->label, MAX_WORDS);
		command->argv[words++] = word;
	}
	if (words == 0)
		errx(2, "%s: no command", command->label);
	command->sample = xcalloc(il->rounds, sizeof(*command->sample));
	command->cpu_us = xcalloc(il->rounds, sizeof(*command->cpu_us));
}

static const struct command *find_command(const struct interleave *il, const char *label,
					  size_t length)
{
	for (unsigned int i = 0; i < il->nr; i++)
		if (strlen(il->command[i].label) == length &&
		    memcmp(il->command[i].label, label, length) == 0)
			return &il->command[i];
	errx(2, "-p: no command has the label \"%.*s\"", (int)length, label);
}

static void find_pairs(struct interleave *il)
{
	for (unsigned int i = 0; i < il->nr_pairs; i++) {
		struct pair *pair = &il->pair[i];
		const char *to = strstr(pair->label, " to ");

		if (to == NULL)
			errx(2, "-p \"%s\": give \"LABEL to LABEL\"", pair->label);
		pair->of = find_command(il, pair->label, (size_t)(to - pair->label));
		pair->to = find_command(il, to + 4, strlen(to + 4));
	}
}

static void parse_options(struct interleave *il, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "n:vu:p:o:")) != -1) {
		if (c == 'n' && parse_uint(optarg, 2, MAX_ROUNDS, &il->rounds) != 0)
			errx(2, "-n %s: give a number from 2 to %d", optarg, MAX_ROUNDS);
		else if (c == 'v')
			il->printed_value = true;
		else if (c == 'u')
			il->unit = optarg;
		else if (c == 'o')
			il->json = optarg;
		else if (c == 'p' && il->nr_pairs < MAX_COMMANDS)
			il->pair[il->nr_pairs++].label = optarg;
		else if (c != 'n')
			optind = argc;
	}
	if (optind >= argc)
		errx(2, "usage: interleave [-n ROUNDS] [-v] [-u UNIT] [-p \"LABEL to LABEL\"]... "
			"[-o FILE.json] LABEL[/STATUS]=COMMAND...");
	check_label(il->unit);
}

int main(int argc, char **argv)
{
	static struct interleave il = {.rounds = 100, .unit = "us", .prng = {SEED}};

	parse_options(&il, argc, argv);
	for (int i = optind; i < argc; i++)
		parse_command(&il, argv[i]);
	find_pairs(&il);
	run_rounds(&il);
	print_table(&il);
	if (fflush(stdout) != 0)
		err(1, "standard output");
	if (il.json != NULL)
		save_json(&il);
	return 0;
}
