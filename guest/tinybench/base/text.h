/* SPDX-License-Identifier: MIT */
/*
 * Text from elsewhere: an arm's words, a firmware's names, a file of results. It goes into JSON,
 * which is UTF-8, and to terminals, which obey control characters.
 */
#ifndef GUEST_TINYBENCH_BASE_TEXT_H
#define GUEST_TINYBENCH_BASE_TEXT_H

#include <jansson.h>
#include <stdbool.h>

/* Whether it is UTF-8 without control characters, and so can be kept and shown as it is. */
bool text_is_plain(const char *text);

/* A copy with '?' for each byte that is not printable ASCII; the caller frees it. */
char *text_printable(const char *text);

/* The same if it is not plain, else itself: in any case a copy. */
char *text_shown(const char *text);

/*
 * A path as a part of an option's value, for tinyvmm and for QEMU: each comma twice. The caller
 * frees it.
 */
char *text_option_path(const char *path);

/* A JSON string of it, made printable where it is not plain; a new reference. */
json_t *text_json(const char *text);

#endif
