/* SPDX-License-Identifier: MIT */
/* Made-up results: two benchmarks, rounds that drift, a failure, and an arm that cannot run. */
#ifndef TESTS_UNIT_TINYBENCH_ROUNDS_H
#define TESTS_UNIT_TINYBENCH_ROUNDS_H

#include "guest/tinybench/data/dataset.h"

/* Round 0 is a warm-up. */
static inline void add_rounds(struct dataset *data, const struct bench *bench, const char *arm,
			      double factor, unsigned int nr)
{
	static const double drift[] = {1, 3, 2, 5, 4, 1.5, 2.5, 3.5, 8, 6};
	struct sample sample = {.bench = bench, .arm = dataset_arm(data, arm)};
	unsigned int round;

	for (round = 0; round < nr; round++) {
		sample.round = round;
		sample.warmup = round == 0;
		sample.value = factor * (round == 0 ? 1000 : drift[round]);
		dataset_add_sample(data, &sample);
	}
}

static inline void make_data(struct dataset *data)
{
	const struct bench *loop, *copy;

	dataset_init(data);
	loop = catalog_add(&data->benches, "cpu.noploop", "ms", false, "empty loop");
	copy = catalog_add(&data->benches, "mem.stream_copy", "GB/s", true, "copy");
	add_rounds(data, loop, "native", 1, 10);
	add_rounds(data, loop, "vm", 2, 10);
	add_rounds(data, copy, "native", 40, 3);
	dataset_add_note(data, copy, dataset_arm(data, "vm"), 2, true,
			 "the payload faulted, \"vector\" 14");
	dataset_add_note(data, NULL, dataset_arm(data, "linux-vm"), 0, false, "no kernel");
	json_array_append_new(data->runs,
			      json_pack("{s:s, s:s, s:i, s:{s:s}, s:{s:s}}", "type", "run",
					"schema", DATASET_SCHEMA, "seed", 7, "host", "cpu", "a CPU",
					"bench_file", "sha256", "abcd"));
	json_array_append_new(data->series,
			      json_pack("{s:s, s:s}", "type", "series", "kind", "power"));
}

/* The rounds `first`, `first` + `step`, ... of one arm, one sample each. */
static inline void add(struct dataset *data, const struct bench *bench, const char *arm,
		       unsigned int first, unsigned int step, const double *values, size_t nr)
{
	struct sample sample = {.bench = bench, .arm = dataset_arm(data, arm), .round = first};

	for (size_t i = 0; i < nr; i++, sample.round += step) {
		sample.value = values[i];
		dataset_add_sample(data, &sample);
	}
}

#endif
