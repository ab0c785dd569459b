/* SPDX-License-Identifier: MIT */
/* Files that are there whole or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/file.h"

/* A rename is on the disk when its directory is. */
static void sync_directory(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)fsync(fd);
	close(fd);
}

/* What has failed before may have left its reason in errno, or not. */
static int flush(FILE *file)
{
	errno = 0;
	if (fflush(file) == 0 && !ferror(file))
		return 0;
	return errno ? -errno : -EIO;
}

int file_flush(FILE *file, const char *name, struct err *err)
{
	int ret = flush(file);

	return ret ? err_set(err, ret, "%s: cannot write: %s", name, strerror(-ret)) : 0;
}

static int close_synced(FILE *file, int ret)
{
	if (!ret)
		ret = flush(file);
	if (!ret && fsync(fileno(file)) < 0)
		ret = -errno;
	if (fclose(file) != 0 && !ret)
		ret = -errno;
	return ret;
}

int file_replace(const char *dir, const char *name, int (*write)(FILE *file, const void *opaque),
		 const void *opaque, struct err *err)
{
	char *path = xasprintf("%s/%s", dir, name), *temporary = xasprintf("%s.new", path);
	FILE *file = fopen(temporary, "we");
	int ret;

	if (!file) {
		ret = err_set(err, -errno, "%s: cannot create: %s", temporary, strerror(errno));
		goto out;
	}
	ret = close_synced(file, write(file, opaque));
	if (!ret && rename(temporary, path) < 0)
		ret = -errno;
	if (ret) {
		err_set(err, ret, "%s: cannot write: %s", path, strerror(-ret));
		unlink(temporary);
		goto out;
	}
	sync_directory(dir);
out:
	free(temporary);
	free(path);
	return ret;
}

int file_make_directory(const char *path, struct err *err)
{
	char *copy = xstrdup(path), *slash;
	int ret = 0;

	for (slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(copy, 0777); /* the last one tells */
		*slash = '/';
	}
	if (mkdir(copy, 0777) < 0 && errno != EEXIST)
		ret = err_set(err, -errno, "%s: cannot make the directory: %s", path,
			      strerror(errno));
	free(copy);
	return ret;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	(void)remove(path);
	return 0;
}

void file_remove_tree(const char *path)
{
	(void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

char *file_read(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	if (!file)
		return NULL;
	if (getdelim(&text, &size, '\0', file) < 0) {
		free(text);
		text = feof(file) ? xstrdup("") : NULL;
	}
	fclose(file);
	return text;
}

char *file_read_line(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");

	text[0] = '\0';
	if (!file)
		return text;
	if (!fgets(text, (int)size, file))
		text[0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	fclose(file);
	return text;
}

bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

long long file_size(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? -1 : (long long)st.st_size;
}

bool file_find_program(const char *name, char *path, size_t size)
{
	const char *env = getenv("PATH");
	char *copy = xstrdup(env ? env : ""), *cursor = copy, *dir;
	bool found = false;

	/* An administrator's programs (runc) are not in the PATH of every user. */
	while (!found && (dir = strsep(&cursor, ":")))
		found = snprintf(path, size, "%s/%s", dir, name) < (int)size &&
			access(path, X_OK) == 0;
	free(copy);
	if (!found)
		found = snprintf(path, size, "/usr/sbin/%s", name) < (int)size &&
			access(path, X_OK) == 0;
	return found;
}
