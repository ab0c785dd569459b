/* SPDX-License-Identifier: MIT */
/* Small text files of the host's kernel, under /sys and /proc. */
#ifndef VMM_HOST_FILE_H
#define VMM_HOST_FILE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Reads the file whose path the format makes into text[0 .. size), NUL-terminated, without the
 * final newline. 0 or -errno; -E2BIG: it does not fit.
 */
int hostfile_read(char *text, size_t size, const char *path_fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same for a file that holds one decimal number. -EINVAL: it holds something else. */
int hostfile_read_u64(uint64_t *value, const char *path_fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
