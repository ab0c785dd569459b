/* SPDX-License-Identifier: MIT */
/* Lines of JSON, without a library: one struct out a line, sent at its end in one piece. */
#ifndef BENCH_OUT_H
#define BENCH_OUT_H

#include "guest/bench/env.h"

struct out {
	struct env *env;
	size_t len;
	char text[1024];
};

/* Begins an object with its first member, "event". */
void out_begin(struct out *out, struct env *env, const char *event);
void out_string(struct out *out, const char *key, const char *value);
void out_integer(struct out *out, const char *key, uint64_t value);
void out_bool(struct out *out, const char *key, bool value);
/* With nine significant digits. */
void out_number(struct out *out, const char *key, double value);
void out_end(struct out *out);

/* Writes `value` in decimal at `to`, and a NUL; returns where that is. */
char *out_decimal(char *to, uint64_t value);
/* The same with a fraction: nine significant digits. */
char *out_decimal_fraction(char *to, double value);
/* Copies `text` to `to`, and a NUL; returns where that is. */
char *out_text(char *to, const char *text);

#endif
