/* SPDX-License-Identifier: MIT */
/*
 * Results as they are kept, in exact.json:
 *
 *	{"type": "tinybench-exact-1", "versions": {...}, "kernel_words": "...", "results": [
 *	  {"arm": "vm", "bench": "trap.pio_out", "operations": 99, "equal": 99, "repeated": true,
 *	   "total": 3270, "columns": {"guest": 5, ...}, "events": {"vmrun": 1, ...},
 *	   "syscalls": {"ioctl": 1}, "left_out": [{"why": ..., "operations": 1, "instructions": 9}],
 *	   "functions": [["kvm!kvm_fast_pio", "kvm", 47, 1], ...],
 *	   "stacks": [["tinyvmm!run;libc.so.6!ioctl;...", 47, 1], ...]},
 *	  {"arm": "vm", "bench": "cpu.hash", "reason": "has no meaning ..."}]}
 *
 * functions: label, column, instructions of its own, calls, by instructions. stacks: of those
 * functions, callers first; the order is that of the calls. Figures are of one operation.
 */
#ifndef GUEST_TINYBENCH_EXACT_RESULT_H
#define GUEST_TINYBENCH_EXACT_RESULT_H

#include <jansson.h>

#include "guest/tinybench/exact/account.h"
#include "guest/tinybench/exact/plan.h"

#define RESULT_TYPE "tinybench-exact-1"
#define RESULT_FILE "exact.json"

/* "module!name", or "name" of the kernel's own; the caller frees it. */
char *result_label(const struct function *function);

/* `again` is the account of the pass before, or NULL. */
json_t *result_from_account(const struct plan_job *job, const struct account *account,
			    const struct account *again);
json_t *result_from_reason(const struct plan_job *job, const char *reason);

/* NULL, with a reason, if the directory has no results. */
json_t *results_load(const char *dir, struct err *err);
int results_save(const char *dir, const json_t *results, struct err *err);

/* The one of the arm and the benchmark, or NULL. */
json_t *results_find(const json_t *results, const char *arm, const char *bench);

#endif
