/* SPDX-License-Identifier: MIT */
/*
 * Small parsers for what users type. strtoul(3) is not used: it skips blanks, takes signs and
 * "0x", and needs errno; ten lines of our own accept exactly what the header says.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "vmm/core/parse.h"

/*
 * Reads the decimal number at *text and moves *text behind it. -EINVAL: no digit there; -ERANGE:
 * does not fit (*text has moved all the same).
 */
static int scan_decimal(const char **text, uint64_t *number)
{
	const char *p = *text;
	bool fits = true;
	uint64_t n = 0;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(n, 10u, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			fits = false;
	}
	*text = p;
	*number = n;
	return fits ? 0 : -ERANGE;
}

/* The power of two that a size suffix stands for, or -1. */
static int suffix_shift(char suffix)
{
	switch (suffix) {
	case 'k':
	case 'K':
		return 10;
	case 'm':
	case 'M':
		return 20;
	case 'g':
	case 'G':
		return 30;
	case 't':
	case 'T':
		return 40;
	default:
		return -1;
	}
}

int parse_size(const char *text, uint64_t *bytes)
{
	const char *end = text;
	uint64_t number;
	int shift = 0;
	int ret;

	ret = scan_decimal(&end, &number);
	if (ret == -EINVAL)
		return ret;
	if (*end != '\0') {
		shift = suffix_shift(*end);
		if (shift < 0 || end[1] != '\0')
			return -EINVAL;
	}
	if (ret != 0 || number > UINT64_MAX >> shift)
		return -ERANGE;
	*bytes = number << shift;
	return 0;
}

void format_size(char text[SIZE_TEXT], uint64_t bytes)
{
	static const char suffix[] = {'k', 'M', 'G', 'T'};
	int steps = 0;

	while (steps < 4 && bytes != 0 && bytes % 1024 == 0) {
		bytes /= 1024;
		steps++;
	}
	if (steps == 0)
		snprintf(text, SIZE_TEXT, "%" PRIu64, bytes);
	else
		snprintf(text, SIZE_TEXT, "%" PRIu64 "%c", bytes, suffix[steps - 1]);
}

int parse_uint(const char *text, unsigned int min, unsigned int max, unsigned int *value)
{
	const char *end = text;
	uint64_t number;
	int ret;

	ret = scan_decimal(&end, &number);
	if (ret == -EINVAL || *end != '\0')
		return -EINVAL;
	if (ret != 0 || number < min || number > max)
		return -ERANGE;
	*value = (unsigned int)number;
	return 0;
}

static int scan_cpu(const char **text, unsigned int *cpu)
{
	uint64_t number;

	if (scan_decimal(text, &number) != 0 || number > UINT_MAX)
		return -EINVAL;
	*cpu = (unsigned int)number;
	return 0;
}

static int append_cpu(unsigned int *cpus, unsigned int max, unsigned int *nr, unsigned int cpu)
{
	unsigned int i;

	for (i = 0; i < *nr; i++) {
		if (cpus[i] == cpu)
			return -EINVAL;
	}
	if (*nr == max)
		return -E2BIG;
	cpus[(*nr)++] = cpu;
	return 0;
}

int parse_cpu_list(const char *text, unsigned int *cpus, unsigned int max, unsigned int *nr)
{
	unsigned int first, last, cpu;
	int ret;

	*nr = 0;
	for (;;) {
		if (scan_cpu(&text, &first) != 0)
			return -EINVAL;
		last = first;
		if (*text == '-') {
			text++;
			if (scan_cpu(&text, &last) != 0 || last < first)
				return -EINVAL;
		}
		for (cpu = first;; cpu++) {
			ret = append_cpu(cpus, max, nr, cpu);
			if (ret != 0)
				return ret;
			if (cpu == last) /* not in the condition: `last` may be UINT_MAX */
				break;
		}
		if (*text == '\0')
			return 0;
		if (*text++ != ',')
			return -EINVAL;
	}
}

int parse_choice(const char *choices, const char *value)
{
	size_t len = strlen(value);
	int index = 0;

	if (len == 0 || strchr(value, '|') != NULL)
		return -1;
	for (;; index++) {
		const char *end = strchrnul(choices, '|');

		if ((size_t)(end - choices) == len && memcmp(choices, value, len) == 0)
			return index;
		if (*end == '\0')
			return -1;
		choices = end + 1;
	}
}

bool parse_part(char **cursor, char **part)
{
	char *from = *cursor;
	char *to = from;

	if (from == NULL)
		return false;
	*part = from;
	*cursor = NULL;
	for (; *from != '\0'; from++) {
		if (*from == ',' && *++from != ',') {
			*cursor = from;
			break;
		}
		*to++ = *from;
	}
	*to = '\0';
	return true;
}

bool parse_suboption(char **cursor, char **key, char **value)
{
	if (!parse_part(cursor, key))
		return false;
	*value = strchr(*key, '=');
	if (*value != NULL)
		*(*value)++ = '\0';
	return true;
}
