/* SPDX-License-Identifier: MIT */
/* Compressed images: RFC 1952, and what a hostile or damaged file can do. */
#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#include "tests/unit/boot_fixture.h"
#include "vmm/core/array.h"

#define PLAIN_BYTES (3u << 20) /* more than the first guess of the output's size */

struct gzip_fixture {
	uint8_t *plain;
	uint8_t *packed;
	size_t packed_size;
	uint8_t *out;
	size_t out_size;
	struct err err;
};

/* Appends a gzip member that inflates to `size` bytes of `plain`. */
static void pack(struct gzip_fixture *g, size_t size)
{
	z_stream z = {0};

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
			 Z_OK);
	z.next_in = g->plain;
	z.avail_in = (uInt)size;
	z.next_out = g->packed + g->packed_size;
	z.avail_out = (uInt)(2 * PLAIN_BYTES - g->packed_size);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	g->packed_size += z.total_out;
	deflateEnd(&z);
}

static int setup(void **state)
{
	static struct gzip_fixture fixture;
	uint32_t noise = 1;

	memset(&fixture, 0, sizeof(fixture));
	fixture.plain = malloc(PLAIN_BYTES);
	fixture.packed = malloc(2 * PLAIN_BYTES);
	assert_non_null(fixture.plain);
	assert_non_null(fixture.packed);
	for (size_t i = 0; i < PLAIN_BYTES; i++) {
		noise = noise * 1664525 + 1013904223;
		fixture.plain[i] = (uint8_t)(noise >> 28);
	}
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct gzip_fixture *g = *state;

	free(g->plain);
	free(g->packed);
	return 0;
}

static int gunzip(struct gzip_fixture *g, size_t max_bytes)
{
	g->err.text[0] = '\0';
	return boot_gunzip(g->packed, g->packed_size, max_bytes, &g->out, &g->out_size, &g->err);
}

static void must_fail(struct gzip_fixture *g, size_t max_bytes, int code, const char *why)
{
	assert_int_equal(gunzip(g, max_bytes), code);
	if (!strstr(g->err.text, why))
		fail_msg("\"%s\" is not in \"%s\"", why, g->err.text);
}

static void what_is_not_gzip_is_left_alone(void **state)
{
	struct gzip_fixture *g = *state;

	memcpy(g->packed, "\x1f\x8c\x08", 3);
	for (g->packed_size = 0; g->packed_size <= 3; g->packed_size++)
		assert_int_equal(gunzip(g, MIB), 0);
}

static void an_image_inflates_to_what_it_was(void **state)
{
	static const size_t sizes[] = {1, 4096, 1 << 20, (1 << 20) + 1, PLAIN_BYTES};
	struct gzip_fixture *g = *state;

	for (size_t i = 0; i < NR_OF(sizes); i++) {
		g->packed_size = 0;
		pack(g, sizes[i]);
		assert_int_equal(gunzip(g, 16 * MIB), 1);
		assert_int_equal(g->out_size, sizes[i]);
		assert_memory_equal(g->out, g->plain, sizes[i]);
		assert_int_equal(munmap(g->out, g->out_size), 0);
	}
}

static void several_members_make_one_image_and_what_follows_them_is_ignored(void **state)
{
	struct gzip_fixture *g = *state;

	pack(g, 5000);
	pack(g, 7000);
	memset(g->packed + g->packed_size, 0, 512); /* a tape's padding */
	g->packed_size += 512;
	assert_int_equal(gunzip(g, MIB), 1);
	assert_int_equal(g->out_size, 12000);
	assert_memory_equal(g->out, g->plain, 5000);
	assert_memory_equal(g->out + 5000, g->plain, 7000);
	munmap(g->out, g->out_size);
}

static void output_is_bounded(void **state)
{
	struct gzip_fixture *g = *state;

	pack(g, PLAIN_BYTES);
	assert_int_equal(gunzip(g, PLAIN_BYTES), 1);
	munmap(g->out, g->out_size);
	must_fail(g, PLAIN_BYTES - 1, -E2BIG, "inflates to more than 2 MiB");
	must_fail(g, MIB, -E2BIG, "inflates to more than 1 MiB");
	must_fail(g, 4096, -E2BIG, "inflates to more than 0 MiB");
}

static void a_file_truncated_anywhere_says_so(void **state)
{
	struct gzip_fixture *g = *state;
	size_t whole;

	pack(g, 300);
	whole = g->packed_size;
	for (g->packed_size = 2; g->packed_size < whole; g->packed_size++)
		must_fail(g, MIB, -ENOEXEC, "gzip: truncated after ");
}

static void a_corrupt_file_says_so(void **state)
{
	static const struct {
		long at; /* negative: from the end */
		const char *why;
	} cases[] = {
		{2, "unknown compression method"}, {3, "unknown header flags set"},
		{-1, "incorrect length check"},	   {-5, "incorrect data check"},
		{10, "gzip: corrupt after "},
	};
	struct gzip_fixture *g = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		g->packed_size = 0;
		pack(g, 300);
		g->packed[cases[i].at < 0 ? (long)g->packed_size + cases[i].at : cases[i].at] ^=
			0xe7;
		must_fail(g, MIB, -ENOEXEC, cases[i].why);
	}
}

static void an_empty_file_in_gzip_is_no_image(void **state)
{
	struct gzip_fixture *g = *state;

	pack(g, 0);
	must_fail(g, MIB, -ENOEXEC, "gzip: holds an empty file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_not_gzip_is_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(an_image_inflates_to_what_it_was, setup, teardown),
		cmocka_unit_test_setup_teardown(
			several_members_make_one_image_and_what_follows_them_is_ignored, setup,
			teardown),
		cmocka_unit_test_setup_teardown(output_is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_truncated_anywhere_says_so, setup, teardown),
		cmocka_unit_test_setup_teardown(a_corrupt_file_says_so, setup, teardown),
		cmocka_unit_test_setup_teardown(an_empty_file_in_gzip_is_no_image, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
