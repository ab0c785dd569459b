/* SPDX-License-Identifier: MIT */
/*
 * What a call of `tinybench run` or `aa` works with: the benchmark file, the benchmarks and arms
 * that were asked for, a scratch directory, and the data so far.
 */
#ifndef GUEST_TINYBENCH_MEASURE_SESSION_H
#define GUEST_TINYBENCH_MEASURE_SESSION_H

#include "guest/tinybench/arms/arm.h"
#include "guest/tinybench/arms/netlab.h"
#include "guest/tinybench/base/catalog.h"
#include "guest/tinybench/base/settings.h"
#include "guest/tinybench/data/dataset.h"
#include "guest/tinybench/measure/claim.h"

/* What an arm did while the program in it slept, until both benchmarks about it have it. */
enum idle_figure {
	IDLE_CPU,
	IDLE_WAKEUPS,
	NR_IDLE_FIGURES,
};

struct idle_reading {
	unsigned int round;
	bool left[NR_IDLE_FIGURES];
	double value[NR_IDLE_FIGURES];
};

struct session {
	const struct settings *settings;
	struct claim claim; /* of the directory of results */
	char *build_dir, *bench_file;
	char *disk;	   /* the raw image for blk.*, or NULL; made when first needed */
	struct netlab net; /* for net.*; made when first needed */
	char sha256[65];
	struct catalog all; /* every benchmark there is */
	const struct bench **bench;
	size_t nr_bench; /* those that were asked for */
	struct names arm_names;
	struct idle_reading *idle; /* of each arm */
	struct arm *arms;
	unsigned int nr_cpus; /* that this run may use */
	/*
	 * By benchmark and arm: left out, because the results that are continued have this
	 * benchmark in other arms. NULL: nothing is.
	 */
	bool *left_out;
	struct arm_context context;
	struct dataset data;
	int signal_fd; /* readable when the user has had enough */
};

/*
 * Finds the benchmark file and its benchmarks, and checks the names that were typed. 0, or -errno:
 * -EINVAL for bad usage. session_close() after either.
 */
int session_open(struct session *session, const struct settings *settings, struct err *err);

/* Takes the directory of results for this process. 0, -EBUSY, or another -errno. */
int session_claim(struct session *session, const char *dir, struct err *err);

/*
 * Chooses what was not typed: what the dataset has, else the defaults. Confines the process to the
 * CPUs of --pin, and prepares the arms. Signals that end the run arrive at signal_fd from here on.
 */
int session_prepare(struct session *session, struct err *err);

/* False for what is left out. */
bool session_wants(const struct session *session, size_t bench_index, size_t arm_index);

void session_close(struct session *session);

/* Whether a signal has arrived; takes none away. */
bool session_interrupted(const struct session *session);

/*
 * Runs one benchmark in one arm once and keeps what it gave. False if the user interrupted it;
 * nothing is kept then.
 */
bool session_run_cell(struct session *session, struct arm *arm, const struct bench *bench,
		      unsigned int round, bool warmup);

/* The directory that the running program lies in; the caller frees it. */
char *session_own_directory(void);

#endif
