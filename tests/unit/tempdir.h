/* SPDX-License-Identifier: MIT */
/* A directory for one test, and files in it. */
#ifndef TESTS_UNIT_TEMPDIR_H
#define TESTS_UNIT_TEMPDIR_H

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

struct tempdir {
	char path[64];
};

static inline void tempdir_create(struct tempdir *dir)
{
	snprintf(dir->path, sizeof(dir->path), "/tmp/tinyvmm-test-XXXXXX");
	assert_non_null(mkdtemp(dir->path));
}

/* Writes `text` to `name` below the directory, with the directories on the way to it. */
static inline void tempdir_write(const struct tempdir *dir, const char *name, const char *text)
{
	char path[512];
	char *slash;
	FILE *file;

	assert_true(snprintf(path, sizeof(path), "%s/%s", dir->path, name) < (int)sizeof(path));
	for (slash = path + 1; *slash != '\0'; slash++) {
		if (*slash != '/')
			continue;
		*slash = '\0';
		(void)mkdir(path, 0700); /* most of them exist; fopen() below tells */
		*slash = '/';
	}
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static inline int tempdir_remove_entry(const char *path, const struct stat *st, int type,
				       struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void tempdir_remove(const struct tempdir *dir)
{
	assert_int_equal(nftw(dir->path, tempdir_remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

#endif
