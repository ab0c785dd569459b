/* SPDX-License-Identifier: MIT */
/* Patterns, lists, and what was probably meant. */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/names.h"
#include "vmm/core/nearest.h"

void names_add(struct names *names, const char *name)
{
	names->at = xgrow(names->at, names->nr, &names->capacity, sizeof(*names->at));
	names->at[names->nr++] = xstrdup(name);
}

bool names_have(const struct names *names, const char *name)
{
	size_t i;

	for (i = 0; i < names->nr; i++)
		if (strcmp(names->at[i], name) == 0)
			return true;
	return false;
}

void names_free(struct names *names)
{
	size_t i;

	for (i = 0; i < names->nr; i++)
		free(names->at[i]);
	free(names->at);
	memset(names, 0, sizeof(*names));
}

void names_split(struct names *names, const char *list)
{
	char *copy = xstrdup(list), *cursor = copy, *part;

	while ((part = strsep(&cursor, ",")))
		if (*part != '\0')
			names_add(names, part);
	free(copy);
}

bool names_match(const char *patterns, const char *name)
{
	struct names list = {0};
	bool match = false;
	size_t i;

	names_split(&list, patterns);
	for (i = 0; i < list.nr && !match; i++)
		match = fnmatch(list.at[i], name, 0) == 0;
	names_free(&list);
	return match;
}

/* "noploop" is as near to "cpu.noploop" as one wrong letter. */
static unsigned int distance(const char *typed, const char *known)
{
	return *typed != '\0' && strstr(known, typed)
		       ? 1
		       : nearest_distance(typed, strlen(typed), known);
}

void names_nearest(const struct names *known, const char *typed, size_t max, char *text,
		   size_t text_size)
{
	bool *taken = xcalloc(known->nr + 1, sizeof(*taken));
	size_t nr = max < known->nr ? max : known->nr, i, j, best, length = 0;

	text[0] = '\0';
	for (i = 0; i < nr; i++) {
		best = known->nr;
		for (j = 0; j < known->nr; j++)
			if (!taken[j] &&
			    (best == known->nr ||
			     distance(typed, known->at[j]) < distance(typed, known->at[best])))
				best = j;
		taken[best] = true;
		if (length >= text_size)
			break;
		length += (size_t)snprintf(text + length, text_size - length, "%s%s",
					   i == 0	 ? ""
					   : i == nr - 1 ? " or "
							 : ", ",
					   known->at[best]);
	}
	free(taken);
}
