/* SPDX-License-Identifier: MIT */
/* A flame graph of a result: one SVG without scripts, which shows a function's figures in a
 * tooltip. */
#ifndef GUEST_TINYBENCH_EXACT_FLAME_H
#define GUEST_TINYBENCH_EXACT_FLAME_H

#include <jansson.h>
#include <stdio.h>

/* Callers are below; each box is as wide as its instructions are many, and coloured by whose it is.
 */
void flame_write(FILE *file, const json_t *result);

#endif
