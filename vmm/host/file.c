/* SPDX-License-Identifier: MIT */
/* Small text files of the host's kernel, under /sys and /proc. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "vmm/core/parse.h"
#include "vmm/host/file.h"

static int read_whole(char *text, size_t size, const char *path)
{
	size_t len = 0;
	ssize_t n;
	int fd, ret;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	do {
		n = read(fd, text + len, size - len);
		if (n > 0)
			len += (size_t)n;
	} while ((n > 0 && len < size) || (n < 0 && errno == EINTR));
	ret = n < 0 ? -errno : len == size ? -E2BIG : 0;
	close(fd);
	if (ret != 0)
		return ret;
	if (len > 0 && text[len - 1] == '\n')
		len--;
	text[len] = '\0';
	return 0;
}

static int read_format(char *text, size_t size, const char *path_fmt, va_list args)
{
	char path[PATH_MAX];
	int len = vsnprintf(path, sizeof(path), path_fmt, args);

	if (len < 0 || (size_t)len >= sizeof(path))
		return -ENAMETOOLONG;
	return read_whole(text, size, path);
}

int hostfile_read(char *text, size_t size, const char *path_fmt, ...)
{
	va_list args;
	int ret;

	va_start(args, path_fmt);
	ret = read_format(text, size, path_fmt, args);
	va_end(args);
	return ret;
}

int hostfile_read_u64(uint64_t *value, const char *path_fmt, ...)
{
	char text[32];
	va_list args;
	int ret;

	va_start(args, path_fmt);
	ret = read_format(text, sizeof(text), path_fmt, args);
	va_end(args);
	if (ret != 0)
		return ret;
	/* A plain decimal number is also a size without a suffix. */
	return parse_size(text, value) == 0 ? 0 : -EINVAL;
}
