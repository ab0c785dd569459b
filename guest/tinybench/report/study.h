/* SPDX-License-Identifier: MIT */
/*
 * The study that a user repeats with tinybench: S. Vaucher, "Comparing Virtual Machines and Linux
 * Containers" (2015). Its figures, row by row, and the benchmark here that answers each.
 */
#ifndef GUEST_TINYBENCH_REPORT_STUDY_H
#define GUEST_TINYBENCH_REPORT_STUDY_H

#include <stddef.h>

struct study_row {
	const char *name, *native, *kvm, *docker; /* as printed there */
	const char *bench;			  /* ours */
	const char *remark;			  /* how ours differs, or NULL */
};

/* Rows of its Table II and Table IV, or NULL at the end. */
const struct study_row *study_table_2(size_t i);
const struct study_row *study_table_4(size_t i);

#endif
