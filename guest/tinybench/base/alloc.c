/* SPDX-License-Identifier: MIT */
/* Memory for a command-line tool. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/base/alloc.h"

static void *check(void *memory)
{
	if (!memory) {
		fputs("tinybench: out of memory\n", stderr);
		abort();
	}
	return memory;
}

void *xcalloc(size_t nr, size_t size)
{
	return check(calloc(nr, size));
}

void *xresize(void *memory, size_t size)
{
	return check(realloc(memory, size));
}

char *xstrdup(const char *text)
{
	return check(strdup(text));
}

char *xasprintf(const char *format, ...)
{
	va_list ap;
	char *text;
	int length;

	va_start(ap, format);
	length = vasprintf(&text, format, ap);
	va_end(ap);
	return check(length < 0 ? NULL : text);
}

void *xgrow(void *array, size_t nr, size_t *capacity, size_t entry_size)
{
	if (nr < *capacity)
		return array;
	*capacity = *capacity ? 2 * *capacity : 16;
	return check(reallocarray(array, *capacity, entry_size));
}
