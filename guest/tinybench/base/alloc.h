/* SPDX-License-Identifier: MIT */
/*
 * Memory for a command-line tool: an allocation that fails ends the program with a message, as in
 * any tool that could do nothing better. The result files of the last round are on the disk by
 * then, so nothing that was measured before it is lost.
 */
#ifndef GUEST_TINYBENCH_BASE_ALLOC_H
#define GUEST_TINYBENCH_BASE_ALLOC_H

#include <stddef.h>

void *xcalloc(size_t nr, size_t size);
void *xresize(void *memory, size_t size);
char *xstrdup(const char *text);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Makes room for one more entry behind `nr` of them; *capacity is what the array has room for. */
void *xgrow(void *array, size_t nr, size_t *capacity, size_t entry_size);

#endif
