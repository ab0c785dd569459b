/* SPDX-License-Identifier: MIT */
/* Compressed images: gzip (RFC 1952), one member or several, inflated by zlib. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#define ZLIB_CONST /* zlib reads its input, it does not change it */
#include <zlib.h>

#include "vmm/x86/boot/boot.h"

#define GZIP_WINDOW_BITS (16 + MAX_WBITS) /* zlib: expect a gzip header and check its CRC */
#define INPUT_STEP	 (1u << 30)	  /* zlib counts in unsigned int */
#define OUTPUT_MIN	 (1u << 20)

struct output {
	uint8_t *bytes;
	size_t capacity;
	size_t used;
	size_t max; /* one byte more may be mapped, to see that there is more */
};

static bool is_gzip(const uint8_t *bytes, size_t size)
{
	return size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

/* Anonymous pages that nothing was written to cost nothing, so growth may double. */
static int output_grow(struct output *out, struct err *err)
{
	size_t capacity = out->capacity > out->max / 2 ? out->max + 1 : out->capacity * 2;
	void *bytes;

	bytes = mremap(out->bytes, out->capacity, capacity, MREMAP_MAYMOVE);
	if (bytes == MAP_FAILED)
		return err_set(err, -errno, "gzip: no memory to inflate %zu MiB: %s",
			       capacity >> 20, strerror(errno));
	out->bytes = bytes;
	out->capacity = capacity;
	return 0;
}

static int inflate_all(z_stream *stream, const uint8_t *bytes, size_t size, struct output *out,
		       struct err *err)
{
	size_t left = size;

	stream->next_in = bytes;
	for (;;) {
		size_t room = out->capacity - out->used;
		uInt step_in = left < INPUT_STEP ? (uInt)left : INPUT_STEP;
		uInt step_out = room < INPUT_STEP ? (uInt)room : INPUT_STEP;
		int status, ret;

		stream->avail_in = step_in;
		stream->next_out = out->bytes + out->used;
		stream->avail_out = step_out;
		status = inflate(stream, Z_NO_FLUSH);
		left -= step_in - stream->avail_in;
		out->used += step_out - stream->avail_out;
		if (out->used > out->max)
			return err_set(
				err, -E2BIG,
				"gzip: inflates to more than %zu MiB; an image is not that large",
				out->max >> 20);

		if (status == Z_STREAM_END) {
			/* RFC 1952 2.2: members may follow each other; gzip(1) ignores the rest. */
			if (!is_gzip(stream->next_in, left))
				return 0;
			status = inflateReset(stream);
		}
		if (status != Z_OK && status != Z_BUF_ERROR)
			return err_set(err, -ENOEXEC, "gzip: corrupt after %zu of %zu bytes: %s",
				       size - left, size, stream->msg ? stream->msg : "bad data");
		if (out->used == out->capacity) {
			ret = output_grow(out, err);
			if (ret)
				return ret;
		} else if (left == 0) {
			return err_set(err, -ENOEXEC, "gzip: truncated after %zu bytes", size);
		}
	}
}

int boot_gunzip(const uint8_t *bytes, size_t size, size_t max_bytes, uint8_t **out,
		size_t *out_size, struct err *err)
{
	struct output output = {.max = max_bytes};
	z_stream stream = {0};
	void *shrunk;
	int ret;

	if (!is_gzip(bytes, size))
		return 0;
	output.capacity = max_bytes < OUTPUT_MIN ? max_bytes + 1 : OUTPUT_MIN;
	output.bytes = mmap(NULL, output.capacity, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (output.bytes == MAP_FAILED)
		return err_set(err, -errno, "gzip: no memory: %s", strerror(errno));
	if (inflateInit2(&stream, GZIP_WINDOW_BITS) != Z_OK) {
		ret = err_set(err, -ENOMEM, "gzip: no memory for zlib");
		goto unmap;
	}
	ret = inflate_all(&stream, bytes, size, &output, err);
	inflateEnd(&stream);
	if (ret)
		goto unmap;
	if (output.used == 0) {
		ret = err_set(err, -ENOEXEC, "gzip: holds an empty file");
		goto unmap;
	}
	/* Give back what is not used: the caller unmaps out_size bytes and nothing beyond. */
	shrunk = mremap(output.bytes, output.capacity, output.used, 0);
	if (shrunk == MAP_FAILED) {
		ret = err_set(err, -errno, "gzip: no memory: %s", strerror(errno));
		goto unmap;
	}
	*out = shrunk;
	*out_size = output.used;
	return 1;
unmap:
	munmap(output.bytes, output.capacity);
	return ret;
}
