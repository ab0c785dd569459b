/* SPDX-License-Identifier: MIT */
/* How much memory inflating takes, where it stops, and that it gives all back: mmap(2) is wrapped.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zlib.h>

#include "tests/unit/boot_fixture.h"
#include "vmm/core/array.h"

/* What the code under test has mapped now, and each size that it has asked for. */
static struct {
	bool on;
	size_t mapped, asked[8];
	unsigned int nr_asked, refuse_at; /* 1: the first is refused */
} memory;

static bool ask(size_t size)
{
	assert_true(memory.nr_asked < NR_OF(memory.asked));
	memory.asked[memory.nr_asked++] = size;
	if (memory.nr_asked != memory.refuse_at)
		return true;
	errno = ENOMEM;
	return false;
}

void *mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset)
{
	if (memory.on && !ask(size))
		return MAP_FAILED;
	if (memory.on)
		memory.mapped += size;
	return (void *)syscall(SYS_mmap, addr, size, prot, flags, fd, offset);
}

void *mremap(void *at, size_t size, size_t new_size, int flags, ...)
{
	if (memory.on && !ask(new_size))
		return MAP_FAILED;
	if (memory.on)
		memory.mapped += new_size - size;
	return (void *)syscall(SYS_mremap, at, size, new_size, flags);
}

int munmap(void *at, size_t size)
{
	if (memory.on)
		memory.mapped -= size;
	return (int)syscall(SYS_munmap, at, size);
}

/* zlib's own memory comes from here, so that it is not counted. */
static uint8_t *packed;
static size_t packed_size;

static void pack(void *bytes, size_t size)
{
	z_stream z = {0};

	memory.on = false;
	free(packed);
	packed = malloc(size + 4096);
	assert_non_null(packed);
	assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
			 Z_OK);
	z.next_in = bytes;
	z.avail_in = (uInt)size;
	z.next_out = packed;
	z.avail_out = (uInt)size + 4096;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	packed_size = z.total_out;
	deflateEnd(&z);
}

static int gunzip(size_t max, uint8_t **out, size_t *size, struct err *err)
{
	int ret;

	memory.mapped = 0;
	memory.nr_asked = 0;
	memory.on = true;
	ret = boot_gunzip(packed, packed_size, max, out, size, err);
	memory.on = false;
	return ret;
}

static void memory_doubles_up_to_a_byte_beyond_the_limit(void **state)
{
	static const struct {
		size_t plain, max, asked[5];
		int ret;
	} cases[] = {
		{1, 16 * MIB, {MIB, 1}, 1},
		{MIB - 1, 16 * MIB, {MIB, MIB - 1}, 1},
		{3 * MIB, 16 * MIB, {MIB, 2 * MIB, 4 * MIB, 3 * MIB}, 1},
		{3 * MIB, 2 * MIB, {MIB, 2 * MIB, 2 * MIB + 1}, -E2BIG},
		{3 * MIB, 2 * MIB - 2, {MIB, 2 * MIB - 1}, -E2BIG},
		{3 * MIB, 5 * MIB, {MIB, 2 * MIB, 4 * MIB, 3 * MIB}, 1},
		{2 * MIB, MIB, {MIB, MIB + 1}, -E2BIG},
		{2 * MIB, MIB - 1, {MIB}, -E2BIG},
		{2 * MIB, 100, {101}, -E2BIG},
		{100, 100, {101, 100}, 1},
		{101, 100, {101}, -E2BIG},
	};
	uint8_t *plain = calloc(3, MIB);

	(void)state;
	assert_non_null(plain);
	for (size_t i = 0; i < NR_OF(cases); i++) {
		size_t size = 0, nr = 0;
		struct err err = {0};
		uint8_t *out;

		pack(plain, cases[i].plain);
		assert_int_equal(gunzip(cases[i].max, &out, &size, &err), cases[i].ret);
		while (nr < NR_OF(cases[i].asked) && cases[i].asked[nr] != 0)
			nr++;
		for (size_t k = 0; k < nr && k < memory.nr_asked; k++)
			assert_int_equal(memory.asked[k], cases[i].asked[k]);
		assert_int_equal(memory.nr_asked, nr);
		assert_int_equal(memory.mapped, size);
		if (cases[i].ret > 0) {
			assert_int_equal(size, cases[i].plain);
			munmap(out, size);
		}
	}
	free(plain);
}

static void refused_memory_is_the_error_and_nothing_stays(void **state)
{
	static const char *const says[] = {
		"gzip: no memory: ", "gzip: no memory to inflate 2 MiB: ",
		"gzip: no memory to inflate 4 MiB: ", "gzip: no memory: "};
	uint8_t *plain = calloc(3, MIB);

	(void)state;
	assert_non_null(plain);
	pack(plain, 3 * MIB);
	for (unsigned int n = 0; n < NR_OF(says); n++) {
		struct err err = {0};
		uint8_t *out;
		size_t size;

		memory.refuse_at = n + 1;
		assert_int_equal(gunzip(16 * MIB, &out, &size, &err), -ENOMEM);
		assert_memory_equal(err.text, says[n], strlen(says[n]));
		assert_int_equal(memory.nr_asked, n + 1);
		assert_int_equal(memory.mapped, 0);
	}
	memory.refuse_at = 0;
	free(plain);
}

static void an_empty_file_is_refused_and_nothing_stays(void **state)
{
	struct err err = {0};
	uint8_t *out;
	size_t size;

	(void)state;
	pack(&(char){0}, 0);
	assert_int_equal(gunzip(MIB, &out, &size, &err), -ENOEXEC);
	assert_int_equal(memory.mapped, 0);
}

/* Two bytes are the mark, and one of them is not. */
static void the_mark_is_two_bytes(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
	} cases[] = {{"\x1f", 1}, {"\x8b", 1}, {"\0\x8b\x08", 3}, {"\x1f\0\x08", 3}};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct err err = {0};
		uint8_t *out;
		size_t size;

		memory.on = false;
		free(packed);
		packed = malloc(cases[i].size); /* of its own size, for the sanitizers */
		assert_non_null(packed);
		memcpy(packed, cases[i].bytes, cases[i].size);
		packed_size = cases[i].size;
		assert_int_equal(gunzip(MIB, &out, &size, &err), 0);
		assert_int_equal(memory.nr_asked, 0);
	}
}

static void a_damaged_file_says_where(void **state)
{
	uint8_t noise[4096];
	unsigned int after, of;
	struct err err = {0};
	uint8_t *out;
	size_t size;

	(void)state;
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(i * i >> 3);
	pack(noise, sizeof(noise));
	memset(packed + packed_size / 2, 0xff, 16);
	assert_int_equal(gunzip(MIB, &out, &size, &err), -ENOEXEC);
	assert_int_equal(sscanf(err.text, "gzip: corrupt after %u of %u bytes", &after, &of), 2);
	assert_int_equal(of, packed_size);
	assert_in_range(after, packed_size / 4, packed_size);
	assert_int_equal(memory.mapped, 0);
}

static int forget(void **state)
{
	(void)state;
	free(packed);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_doubles_up_to_a_byte_beyond_the_limit),
		cmocka_unit_test(refused_memory_is_the_error_and_nothing_stays),
		cmocka_unit_test(an_empty_file_is_refused_and_nothing_stays),
		cmocka_unit_test(the_mark_is_two_bytes),
		cmocka_unit_test(a_damaged_file_says_where),
	};

	return cmocka_run_group_tests(tests, NULL, forget);
}
