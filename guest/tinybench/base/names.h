/* SPDX-License-Identifier: MIT */
/* Names that a user types: patterns, lists, and what was probably meant. */
#ifndef GUEST_TINYBENCH_BASE_NAMES_H
#define GUEST_TINYBENCH_BASE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

struct names {
	char **at;
	size_t nr, capacity;
};

void names_add(struct names *names, const char *name); /* a copy */
bool names_have(const struct names *names, const char *name);
void names_free(struct names *names);

/* Cuts "a,b,c" at the commas; empty parts are left out. */
void names_split(struct names *names, const char *list);

/* Whether `name` fits one of the patterns of glob(7) in the comma-separated list. */
bool names_match(const char *patterns, const char *name);

/*
 * The up to `max` nearest of `known` to what was typed, best first, as "a, b or c" in `text`:
 * by edit distance, where a prefix or a part of a name counts as near.
 */
void names_nearest(const struct names *known, const char *typed, size_t max, char *text,
		   size_t text_size);

#endif
