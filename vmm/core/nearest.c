/* SPDX-License-Identifier: MIT */
#include "vmm/core/nearest.h"

#include <string.h>

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int least = a < b ? a : b;

	return least < c ? least : c;
}

unsigned int nearest_distance(const char *typed, size_t typed_len, const char *known)
{
	unsigned int row[NEAREST_MAX_LEN + 1]; /* of the classic matrix */
	size_t known_len = strnlen(known, NEAREST_MAX_LEN);

	if (typed_len > NEAREST_MAX_LEN)
		typed_len = NEAREST_MAX_LEN;
	for (size_t j = 0; j <= known_len; j++)
		row[j] = (unsigned int)j;
	for (size_t i = 1; i <= typed_len; i++) {
		unsigned int diagonal = row[0];

		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= known_len; j++) {
			unsigned int above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1,
				      diagonal + (typed[i - 1] != known[j - 1]));
			diagonal = above;
		}
	}
	return row[known_len];
}
