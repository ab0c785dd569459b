/* SPDX-License-Identifier: MIT */
/* What the user probably meant: how far a word that was typed is from a word that is known. */
#ifndef CORE_NEAREST_H
#define CORE_NEAREST_H

#include <stddef.h>

#define NEAREST_MAX_LEN 63 /* bytes of each word that count */

/*
 * Levenshtein's distance between the first `typed_len` bytes of `typed` and `known`: how many
 * letters to insert, delete or replace. Bytes behind NEAREST_MAX_LEN are left out.
 */
unsigned int nearest_distance(const char *typed, size_t typed_len, const char *known);

#endif
