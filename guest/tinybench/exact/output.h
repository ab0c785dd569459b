/* SPDX-License-Identifier: MIT */
/* The files of one result: OUT/ARM/BENCH.functions, .folded, .svg and, where asked for, .listing.
 */
#ifndef GUEST_TINYBENCH_EXACT_OUTPUT_H
#define GUEST_TINYBENCH_EXACT_OUTPUT_H

#include <jansson.h>

/* The directory is made. The caller frees it. */
char *output_path(const char *out, const char *arm, const char *bench, const char *suffix);

/* All of them; of a result without figures, none. What cannot be written is complained about. */
void output_write(const char *out, const json_t *result);

#endif
