/* SPDX-License-Identifier: MIT */
/* Compressed text, by zlib. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ZLIB_CONST /* the input is not written to */
#include <zlib.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/gzip.h"

#define GZIP_WINDOW (15 + 16) /* the largest, with gzip's header and trailer around it */
#define CHUNK	    (1 << 16)

int gzip_write(FILE *file, const char *text, size_t length)
{
	unsigned char out[CHUNK];
	z_stream stream = {0};
	size_t part = 0;
	int ret = 0, more = 0;

	if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	do {
		if (stream.avail_in == 0) {
			part = length < CHUNK ? length : CHUNK;
			stream.next_in = (const unsigned char *)text;
			stream.avail_in = (unsigned int)part;
			text += part;
			length -= part;
		}
		stream.next_out = out;
		stream.avail_out = sizeof(out);
		more = deflate(&stream, length ? Z_NO_FLUSH : Z_FINISH) != Z_STREAM_END;
		ret = fwrite(out, 1, sizeof(out) - stream.avail_out, file) ==
				      sizeof(out) - stream.avail_out
			      ? 0
			      : -EIO;
	} while (!ret && more);
	deflateEnd(&stream);
	return ret;
}

/* The rest of the file. NULL if zlib has an error, or it is no text. */
static char *read_all(gzFile file)
{
	size_t size = CHUNK, length = 0;
	char *text = xcalloc(1, size);
	int got;

	while ((got = gzread(file, text + length, (unsigned int)(size - length - 1))) > 0) {
		length += (size_t)got;
		if (size - length - 1 < CHUNK / 2)
			text = xresize(text, size *= 2);
	}
	text[length] = '\0';
	if (got == 0 && strlen(text) == length) /* a zero would hide what is behind it */
		return text;
	free(text);
	return NULL;
}

char *gzip_read(const char *path, int *ret, struct err *err)
{
	gzFile file = gzopen(path, "re");
	char *text;

	*ret = 0;
	if (!file) {
		if (errno != ENOENT)
			*ret = err_set(err, errno ? -errno : -ENOMEM, "%s: cannot open: %s", path,
				       strerror(errno));
		return NULL;
	}
	text = read_all(file);
	/* Z_BUF_ERROR: it ended in the middle of its data. */
	if (gzclose_r(file) != Z_OK || !text) {
		free(text);
		*ret = err_set(err, -EIO, "%s: cannot be read: it is damaged or cut off", path);
		return NULL;
	}
	return text;
}
