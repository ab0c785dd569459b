/* SPDX-License-Identifier: MIT */
/*
 * Compares commands on a machine that is never quite quiet: runs them in rounds, in random order
 * within each, so that a disturbance hits all alike, and reports medians and ratios to the first.
 *
 *	interleave [-n ROUNDS] [-v] [-u UNIT] [-o FILE.json] LABEL[/STATUS]=COMMAND...
 *
 * What is compared is the wall time of the whole process from posix_spawn(3) to wait4(2), in
 * microseconds, with its CPU time beside it; with -v the number that the command prints. The
 * interval of a ratio is the 95% percentile bootstrap over rounds (Efron, Tibshirani: An
 * Introduction to the Bootstrap, 13.3). COMMAND is split at blanks. A command that ends with
 * another STATUS than its own (0 by default) ends the comparison.
 */
#include <err.h>
#include <fcntl.h>
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

#define MAX_COMMANDS 16
#define MAX_WORDS    64
#define RESAMPLES    2000
#define WARM_UP	     3

struct command {
	const char *label;
	int status;
	char *argv[MAX_WORDS + 1];
	double *sample; /* one a round */
	double *cpu_us; /* user and system time of the process, one a round */
	double cpu_median_us;
	double median, low, high;	     /* quartiles */
	double ratio, ratio_low, ratio_high; /* to the first command */
};

struct interleave {
	unsigned int rounds, nr;
	bool printed_value;
	const char *unit, *json;
	struct command command[MAX_COMMANDS];
	uint64_t random;
};

/* xorshift64 (Marsaglia, 2003): any fair shuffle will do, and runs are to be repeatable. */
static unsigned int random_below(struct interleave *il, unsigned int n)
{
	il->random ^= il->random << 13;
	il->random ^= il->random >> 7;
	il->random ^= il->random << 17;
	return (unsigned int)(il->random % n);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of `n` sorted values. */
static double quantile(const double *sorted, unsigned int n, double q)
{
	double at = q * (n - 1);
	unsigned int i = (unsigned int)at;

	return i + 1 < n ? sorted[i] + (at - i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

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
	double start, end;
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
	if (ret != 0 || wait4(pid, &status, 0, &usage) < 0)
		errx(1, "%s: %s", command->argv[0], strerror(ret));
	end = now_us();
	*cpu_us = timeval_us(usage.ru_utime) + timeval_us(usage.ru_stime);
	posix_spawn_file_actions_destroy(&actions);
	close(out[1]);
	if (il->printed_value && read(out[0], text, sizeof(text) - 1) <= 0)
		errx(1, "%s: printed nothing", command->label);
	close(out[0]);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != command->status)
		errx(1, "%s: ended with wait status 0x%x", command->label, (unsigned int)status);
	return il->printed_value ? atof(text) : end - start;
}

static void run_rounds(struct interleave *il)
{
	unsigned int order[MAX_COMMANDS];
	double cpu_us;

	for (unsigned int i = 0; i < il->nr * WARM_UP; i++)
		measure(il, &il->command[i % il->nr], &cpu_us);
	for (unsigned int round = 0; round < il->rounds; round++) {
		for (unsigned int i = 0; i < il->nr; i++) { /* Fisher-Yates, inside out */
			unsigned int k = random_below(il, i + 1);

			order[i] = order[k];
			order[k] = i;
		}
		for (unsigned int i = 0; i < il->nr; i++) {
			struct command *command = &il->command[order[i]];

			command->sample[round] = measure(il, command, &command->cpu_us[round]);
		}
	}
}

static double *sorted_copy(const double *values, unsigned int n)
{
	double *copy = malloc(n * sizeof(*copy));

	if (copy == NULL)
		err(1, "malloc");
	memcpy(copy, values, n * sizeof(*copy));
	qsort(copy, n, sizeof(*copy), compare);
	return copy;
}

/* The ratio of medians over rounds drawn with replacement, the same rounds for both. */
static double resample(struct interleave *il, const struct command *command, double *scratch)
{
	double *a = scratch, *b = scratch + il->rounds;

	for (unsigned int i = 0; i < il->rounds; i++) {
		unsigned int round = random_below(il, il->rounds);

		a[i] = il->command[0].sample[round];
		b[i] = command->sample[round];
	}
	qsort(a, il->rounds, sizeof(*a), compare);
	qsort(b, il->rounds, sizeof(*b), compare);
	return quantile(b, il->rounds, 0.5) / quantile(a, il->rounds, 0.5);
}

static void summarise(struct interleave *il)
{
	double *scratch = malloc(2 * il->rounds * sizeof(*scratch));
	double *ratio = malloc(RESAMPLES * sizeof(*ratio));

	if (scratch == NULL || ratio == NULL)
		err(1, "malloc");
	for (unsigned int i = 0; i < il->nr; i++) {
		struct command *command = &il->command[i];
		double *sorted = sorted_copy(command->sample, il->rounds);
		double *sorted_cpu = sorted_copy(command->cpu_us, il->rounds);

		command->median = quantile(sorted, il->rounds, 0.5);
		command->low = quantile(sorted, il->rounds, 0.25);
		command->high = quantile(sorted, il->rounds, 0.75);
		command->cpu_median_us = quantile(sorted_cpu, il->rounds, 0.5);
		free(sorted);
		free(sorted_cpu);
		for (unsigned int k = 0; k < RESAMPLES; k++)
			ratio[k] = resample(il, command, scratch);
		qsort(ratio, RESAMPLES, sizeof(*ratio), compare);
		command->ratio = command->median / il->command[0].median;
		command->ratio_low = quantile(ratio, RESAMPLES, 0.025);
		command->ratio_high = quantile(ratio, RESAMPLES, 0.975);
	}
	free(scratch);
	free(ratio);
}

static void report(const struct interleave *il)
{
	FILE *json = il->json != NULL ? fopen(il->json, "w") : NULL;

	if (il->json != NULL && json == NULL)
		err(1, "%s", il->json);
	printf("%-28s %10s %21s %7s %15s %9s\n", "", "median", "quartiles", "ratio", "95% interval",
	       il->printed_value ? "" : "CPU time");
	if (json != NULL)
		fprintf(json, "{\"unit\": \"%s\", \"rounds\": %u, \"rows\": [", il->unit,
			il->rounds);
	for (unsigned int i = 0; i < il->nr; i++) {
		const struct command *c = &il->command[i];

		printf("%-28s %10.0f %10.0f %10.0f %7.3f %7.3f %7.3f", c->label, c->median, c->low,
		       c->high, c->ratio, c->ratio_low, c->ratio_high);
		if (!il->printed_value)
			printf(" %9.0f", c->cpu_median_us);
		printf("\n");
		if (json != NULL)
			fprintf(json,
				"%s\n  {\"label\": \"%s\", \"median\": %.3f, \"q1\": %.3f, \"q3\": "
				"%.3f, \"ratio\": %.4f, \"ratio_low\": %.4f, \"ratio_high\": %.4f, "
				"\"cpu_us\": %.0f}",
				i > 0 ? "," : "", c->label, c->median, c->low, c->high, c->ratio,
				c->ratio_low, c->ratio_high, c->cpu_median_us);
	}
	printf("(%s; %u rounds, interleaved in random order)\n", il->unit, il->rounds);
	if (json != NULL) {
		fprintf(json, "\n]}\n");
		fclose(json);
	}
}

static void parse_command(struct interleave *il, char *text)
{
	struct command *command;
	char *equals = strchr(text, '='), *slash;
	unsigned int words = 0;

	if (equals == NULL || il->nr == MAX_COMMANDS)
		errx(2, "%s: not LABEL=COMMAND, or too many", text);
	command = &il->command[il->nr++];
	*equals = '\0';
	command->label = text;
	slash = strrchr(text, '/');
	if (slash != NULL) {
		*slash = '\0';
		command->status = atoi(slash + 1);
	}
	for (char *word = strtok(equals + 1, " "); word != NULL; word = strtok(NULL, " ")) {
		if (words == MAX_WORDS)
			errx(2, "%s: too many words", command->label);
		command->argv[words++] = word;
	}
	command->sample = malloc(il->rounds * sizeof(*command->sample));
	command->cpu_us = malloc(il->rounds * sizeof(*command->cpu_us));
	if (words == 0 || command->sample == NULL || command->cpu_us == NULL)
		errx(2, "%s: no command", command->label);
}

int main(int argc, char **argv)
{
	struct interleave il = {.rounds = 100, .unit = "us", .random = 88172645463325252ull};
	int c;

	while ((c = getopt(argc, argv, "n:vu:o:")) != -1) {
		if (c == 'n')
			il.rounds = (unsigned int)atoi(optarg);
		else if (c == 'v')
			il.printed_value = true;
		else if (c == 'u')
			il.unit = optarg;
		else if (c == 'o')
			il.json = optarg;
		else
			optind = argc;
	}
	if (optind >= argc || il.rounds < 2)
		errx(2, "usage: interleave [-n ROUNDS] [-v] [-u UNIT] [-o FILE.json] "
			"LABEL[/STATUS]=COMMAND...");
	for (int i = optind; i < argc; i++)
		parse_command(&il, argv[i]);
	run_rounds(&il);
	summarise(&il);
	report(&il);
	return 0;
}
