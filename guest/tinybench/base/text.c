/* SPDX-License-Identifier: MIT */
/* Text from elsewhere. */
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/text.h"

/* C0, DEL, and C1, which UTF-8 writes as c2 80 to c2 9f. */
static bool has_control(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	for (; *at; at++)
		if (*at < ' ' || *at == 0x7f || (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0))
			return true;
	return false;
}

bool text_is_plain(const char *text)
{
	json_t *string = json_string(text); /* NULL if it is not UTF-8 */
	bool plain = string && !has_control(text);

	json_decref(string);
	return plain;
}

char *text_printable(const char *text)
{
	char *copy = xstrdup(text);

	for (char *at = copy; *at; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
	return copy;
}

char *text_shown(const char *text)
{
	return text_is_plain(text) ? xstrdup(text) : text_printable(text);
}

char *text_option_path(const char *path)
{
	char *part = xcalloc(2 * strlen(path) + 1, 1), *to = part;

	for (; *path; path++) {
		if (*path == ',')
			*to++ = ',';
		*to++ = *path;
	}
	return part;
}

json_t *text_json(const char *text)
{
	char *shown = text_shown(text);
	json_t *string = json_string(shown);

	free(shown);
	return string;
}
