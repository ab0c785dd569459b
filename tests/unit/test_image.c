/* SPDX-License-Identifier: MIT */
/* Kernel and initrd files: what is refused, what is mapped, and what may happen to one meanwhile.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/tempdir.h"
#include "vmm/core/array.h"
#include "vmm/image.h"

/* printf hello | gzip -n */
static const uint8_t hello_gz[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
				   0x03, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x86,
				   0xa6, 0x10, 0x36, 0x05, 0x00, 0x00, 0x00};

struct place {
	struct tempdir dir;
	char path[128]; /* of the file under test */
};

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	tempdir_create(&place->dir);
	snprintf(place->path, sizeof(place->path), "%s/file", place->dir.path);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;

	tempdir_remove(&place->dir);
	free(place);
	return 0;
}

static void write_file(const struct place *place, const void *bytes, size_t len)
{
	FILE *file = fopen(place->path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void what_is_no_image_is_refused_by_name(void **state)
{
	static const struct {
		const char *name, *says;
	} cases[] = {
		{"nowhere", "No such file"},
		{"directory", "not a regular file"},
		{"fifo", "not a regular file"}, /* and it does not wait for a writer */
		{"empty", "is empty"},
	};
	struct place *place = *state;
	struct image_file image;
	char path[160];
	struct err err;

	snprintf(path, sizeof(path), "%s/fifo", place->dir.path);
	assert_int_equal(mkfifo(path, 0600), 0);
	tempdir_write(&place->dir, "directory/file", "");
	tempdir_write(&place->dir, "empty", "");
	for (size_t i = 0; i < NR_OF(cases); i++) {
		snprintf(path, sizeof(path), "%s/%s", place->dir.path, cases[i].name);
		assert_true(image_open(&image, "--initrd", path, &err) < 0);
		assert_memory_equal(err.text, "--initrd /", strlen("--initrd /"));
		assert_non_null(strstr(err.text, cases[i].says));
		image_close(&image);
	}
}

static void a_file_can_be_mapped_again_and_again(void **state)
{
	struct place *place = *state;
	struct image_file image;
	struct err err;

	write_file(place, "hello", 5);
	assert_int_equal(image_open(&image, "--kernel", place->path, &err), 0);
	assert_int_equal(unlink(place->path), 0); /* the descriptor is what counts */
	for (int life = 0; life < 2; life++) {
		assert_int_equal(image_map(&image, true, &err), 0);
		assert_int_equal(image_map(&image, true, &err), 0); /* is mapped already */
		assert_int_equal(image.len, 5);
		assert_memory_equal(image.bytes, "hello", 5);
		image_unmap(&image);
		assert_null(image.bytes);
	}
	image_close(&image);
}

static void gzip_is_inflated_only_where_it_is_asked_for(void **state)
{
	struct place *place = *state;
	struct image_file image;
	struct err err;

	write_file(place, hello_gz, sizeof(hello_gz));
	assert_int_equal(image_open(&image, "--kernel", place->path, &err), 0);
	assert_int_equal(image_map(&image, true, &err), 0);
	assert_int_equal(image.len, 5);
	assert_memory_equal(image.bytes, "hello", 5);
	image_unmap(&image);
	assert_int_equal(image_map(&image, false, &err), 0);
	assert_int_equal(image.len, sizeof(hello_gz));
	assert_memory_equal(image.bytes, hello_gz, sizeof(hello_gz));
	image_close(&image);
}

/* A kernel that is built anew while its guest reboots: pages past the new end would be SIGBUS. */
static void a_file_that_has_changed_its_size_is_an_error_and_no_crash(void **state)
{
	static const char big[3 * 4096] = "big";
	struct place *place = *state;
	struct image_file image;
	struct err err;

	write_file(place, big, sizeof(big));
	assert_int_equal(image_open(&image, "--kernel", place->path, &err), 0);
	assert_int_equal(image_map(&image, true, &err), 0);
	image_unmap(&image);
	write_file(place, "small", 5);
	assert_int_equal(image_map(&image, true, &err), -ESTALE);
	assert_non_null(strstr(err.text, "--kernel "));
	assert_non_null(strstr(err.text, "12288 bytes"));
	assert_non_null(strstr(err.text, "5 bytes"));
	assert_null(image.bytes);
	image_close(&image);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_no_image_is_refused_by_name),
		TEST(a_file_can_be_mapped_again_and_again),
		TEST(gzip_is_inflated_only_where_it_is_asked_for),
		TEST(a_file_that_has_changed_its_size_is_an_error_and_no_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
