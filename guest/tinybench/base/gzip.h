/* SPDX-License-Identifier: MIT */
/* Compressed text (RFC 1952). */
#ifndef GUEST_TINYBENCH_BASE_GZIP_H
#define GUEST_TINYBENCH_BASE_GZIP_H

#include <stddef.h>
#include <stdio.h>

#include "vmm/core/err.h"

/* Writes the text compressed; the same text gives the same bytes. 0 or -errno. */
int gzip_write(FILE *file, const char *text, size_t length);

/*
 * The whole text of a file, terminated, whether it is compressed or not; the caller frees it. NULL
 * with *ret 0 if there is no such file, or with -errno and a reason if it cannot be read or is cut
 * off.
 */
char *gzip_read(const char *path, int *ret, struct err *err);

#endif
