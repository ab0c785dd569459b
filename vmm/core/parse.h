/* SPDX-License-Identifier: MIT */
/*
 * Small parsers for what users type. All of them accept the whole text or nothing: no leading
 * blanks, no trailing rubbish, no silent overflow.
 */
#ifndef CORE_PARSE_H
#define CORE_PARSE_H

#include <stdbool.h>
#include <stdint.h>

/* "512M", "4k", "2G", "1T", "4096": bytes. 0, -EINVAL (not a size) or -ERANGE (too large). */
int parse_size(const char *text, uint64_t *bytes);

/* The way back: 4096 -> "4k", 3 GiB -> "3G", the shortest exact text that parse_size() takes. */
#define SIZE_TEXT 24
void format_size(char text[SIZE_TEXT], uint64_t bytes);

/* A decimal number between `min` and `max`. 0, -EINVAL or -ERANGE. */
int parse_uint(const char *text, unsigned int min, unsigned int max, unsigned int *value);

/*
 * "0,2-5": CPU numbers in the order given. Stores up to `max` of them and their count in *nr.
 * 0, -EINVAL (not a list, or a CPU named twice), -E2BIG (more than `max`).
 */
int parse_cpu_list(const char *text, unsigned int *cpus, unsigned int max, unsigned int *nr);

/* Which of the words in "a|b|c" is `value`? Its index, or -1. */
int parse_choice(const char *choices, const char *value);

/*
 * Walks "FILE,ro,cache=none": each call cuts the next comma-separated part from *cursor (which it
 * writes into). Two commas stand for one that belongs to the part, as in "my,,file,ro". False at
 * the end. An empty part ("a,", "") is handed over like any other, for the caller to refuse.
 */
bool parse_part(char **cursor, char **part);

/*
 * The same for a part that may be KEY=VALUE, split at the first '='; *value is NULL where there is
 * none. A caller that wants a part whole puts the '=' back at (*value)[-1].
 */
bool parse_suboption(char **cursor, char **key, char **value);

#endif
