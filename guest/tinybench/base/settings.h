/* SPDX-License-Identifier: MIT */
/* The command line: `tinybench COMMAND [OPTION]... [DIR]...`. */
#ifndef GUEST_TINYBENCH_BASE_SETTINGS_H
#define GUEST_TINYBENCH_BASE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/tinybench/base/names.h"
#include "vmm/core/err.h"

enum command {
	COMMAND_HELP,
	COMMAND_VERSION,
	COMMAND_LIST,
	COMMAND_RUN,
	COMMAND_REPORT,
	COMMAND_DIFF,
	COMMAND_AA,
};

/* What `report` prints. */
enum format {
	FORMAT_TABLE,
	FORMAT_JSON,
	FORMAT_CSV,
	FORMAT_SVG,
};

#define SETTINGS_MAX_SAMPLES   10000
#define SETTINGS_MAX_MIN_MS    60000
#define SETTINGS_MAX_CPUS      254
#define SETTINGS_MAX_ARGUMENTS 32

/* NULL, 0 or false: not said. */
struct settings {
	enum command command;
	enum format format;
	const char *arms;	  /* comma-separated */
	const char *bench;	  /* comma-separated patterns */
	const char *pin;	  /* CPU list, or NULL */
	const char *out;	  /* directory of the results */
	const char *build_dir;	  /* NULL: where tinybench is */
	const char *dirs[2];	  /* of report and diff */
	unsigned int rounds;	  /* measured ones, without the warm-up round */
	unsigned int budget_s;	  /* of all rounds together; 0: no limit */
	double until_ci;	  /* percent; 0: exactly `rounds` rounds */
	unsigned int samples;	  /* of a benchmark in a round */
	unsigned int min_ms;	  /* of a sample */
	unsigned int timeout_s;	  /* of one run of the benchmark file */
	unsigned int cpus;	  /* that multi-threaded benchmarks use */
	unsigned int comparisons; /* of aa */
	uint64_t seed;
	bool has_seed;
	bool quick, strict;
	struct names extra; /* KEY=VALUE for the benchmark file */
};

/* 0, or -EINVAL with a message. Strings point into argv. Fills in no defaults but `out` and
 * `timeout_s`. settings_free() after either. */
int settings_parse(struct settings *settings, int argc, char **argv, struct err *err);
void settings_free(struct settings *settings);

/* Adds to `extra`. 0, or -EINVAL with a message that names --arg. */
int settings_add_argument(struct settings *settings, const char *value, struct err *err);

/* A copy with a list of `extra` of its own; settings_free() after it. */
void settings_copy(struct settings *settings, const struct settings *from);

/*
 * What `run` and `aa` do where nothing is said. --quick is a set of defaults: what is said
 * explicitly stays.
 */
void settings_fill_defaults(struct settings *settings);

/* Prints what --help shows. */
void settings_help(void);

#endif
