/* SPDX-License-Identifier: MIT */
/* Files that are there whole or not at all, and files that are read whole. */
#ifndef GUEST_TINYBENCH_BASE_FILE_H
#define GUEST_TINYBENCH_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "vmm/core/err.h"

/*
 * Replaces DIR/NAME by what `write` prints: into a temporary file beside it, fsync(2), rename(2),
 * so that neither a full disk nor a crash leaves half a file. `write` returns 0 or -errno, for what
 * it cannot express; that the disk took it is seen here. 0, or -errno with a reason; the old file
 * is untouched then.
 */
int file_replace(const char *dir, const char *name, int (*write)(FILE *file, const void *opaque),
		 const void *opaque, struct err *err);

/* Whether all that was printed so far has arrived. 0, or -errno with a reason that has `name`. */
int file_flush(FILE *file, const char *name, struct err *err);

/* Makes the directory and those above it. 0, or -errno with a reason. */
int file_make_directory(const char *path, struct err *err);

/* Removes a directory with all that is in it; never follows links or other file systems. */
void file_remove_tree(const char *path);

/* The whole text file, terminated; the caller frees it. NULL if it cannot be read. */
char *file_read(const char *path);

/* The same, up to the first line's end; "" if it cannot be read. `text` is also returned. */
char *file_read_line(const char *path, char *text, size_t size);

bool file_exists(const char *path);

/* Size in bytes, or -1. */
long long file_size(const char *path);

/* Looks a program up in PATH; false if there is none. */
bool file_find_program(const char *name, char *path, size_t size);

#endif
