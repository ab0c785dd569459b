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

int file_replace(const char *dir, const char *name, void (*write)(FILE *file, const void *opaque),
		 const void *opaque, struct reason *reason)
{
	char *path = xasprintf("%s/%s", dir, name), *temporary = xasprintf("%s.new", path);
	FILE *file = fopen(temporary, "we");
	int error = 0;

	if (!file) {
		error = reason_set(reason, -errno, "%s: cannot create: %s", temporary,
				   strerror(errno));
		goto out;
	}
	write(file, opaque);
	if (fflush(file) != 0 || ferror(file) || fsync(fileno(file)) < 0)
		error = -(errno ? errno : EIO);
	if (fclose(file) != 0 && !error)
		error = -errno;
	if (!error && rename(temporary, path) < 0)
		error = -errno;
	if (error) {
		reason_set(reason, error, "%s: cannot write: %s", path, strerror(-error));
		unlink(temporary);
		goto out;
	}
	sync_directory(dir);
out:
	free(temporary);
	free(path);
	return error;
}

int file_make_directory(const char *path, struct reason *reason)
{
	char *copy = xstrdup(path), *slash;
	int error = 0;

	for (slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(copy, 0777); /* the last one tells */
		*slash = '/';
	}
	if (mkdir(copy, 0777) < 0 && errno != EEXIST)
		error = reason_set(reason, -errno, "%s: cannot make the directory: %s", path,
				   strerror(errno));
	free(copy);
	return error;
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

	/* An administrator's programs (runc) are not in everyone's PATH. */
	while (!found && (dir = strsep(&cursor, ":")))
		found = snprintf(path, size, "%s/%s", dir, name) < (int)size &&
			access(path, X_OK) == 0;
	free(copy);
	if (!found)
		found = snprintf(path, size, "/usr/sbin/%s", name) < (int)size &&
			access(path, X_OK) == 0;
	return found;
}
