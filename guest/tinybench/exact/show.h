/* SPDX-License-Identifier: MIT */
/* Results as text: accounts side by side, and the functions of one. */
#ifndef GUEST_TINYBENCH_EXACT_SHOW_H
#define GUEST_TINYBENCH_EXACT_SHOW_H

#include <jansson.h>
#include <stdio.h>

/* A block for each benchmark, a row for each arm, and under it what was left out. */
void show_accounts(FILE *file, const json_t *results);

/* The functions of a result: instructions, calls, and whose. */
void show_functions(FILE *file, const json_t *result);

/* What flamegraph.pl and speedscope read: "a;b;c 47". */
void show_folded(FILE *file, const json_t *result);

/* A count as people write it: "3,270", "23.4". `text` has 32 bytes, and is returned. */
char *show_count(char *text, const json_t *count);

#endif
