/* SPDX-License-Identifier: MIT */
/* Kernel and initrd files: what is refused, what is read, and what may happen to one meanwhile. */
#include <errno.h>
#include <fcntl.h>
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

#define FILE_BYTES (3 * 4096)

struct place {
	struct tempdir dir;
	char path[128]; /* of the file under test */
	char other[128];
};

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	tempdir_create(&place->dir);
	snprintf(place->path, sizeof(place->path), "%s/file", place->dir.path);
	snprintf(place->other, sizeof(place->other), "%s/other", place->dir.path);
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

static void a_file_is_read_whole_from_its_descriptor(void **state)
{
	struct place *place = *state;
	struct image_file image;
	struct err err;
	char copy[6] = "-----";

	write_file(place, "hello", 5);
	assert_int_equal(image_open(&image, "--kernel", place->path, &err), 0);
	assert_null(image.bytes);
	assert_int_equal(rename(place->path, place->other), 0); /* the descriptor is what counts */
	for (int life = 0; life < 2; life++) {
		assert_int_equal(image_read(&image, &err), 0);
		assert_int_equal(image.len, 5);
		assert_memory_equal(image.bytes, "hello", 5);
		image_drop(&image);
		assert_null(image.bytes);
		assert_int_equal(image.len, 0);
		assert_int_equal(image_read_to(&image, copy, &err), 0);
		assert_string_equal(copy, "hello");
	}
	image_close(&image);
	assert_int_equal(image.fd, -1);
}

static void what_was_read_cannot_change_any_more(void **state)
{
	static const char big[3 << 20] = "big";
	struct place *place = *state;
	struct image_file image;
	struct err err;

	write_file(place, big, sizeof(big));
	assert_int_equal(image_open(&image, "--kernel", place->path, &err), 0);
	assert_int_equal(image_read(&image, &err), 0);
	write_file(place, "BIG", 3); /* truncates it: pages of a mapping would be SIGBUS now */
	assert_int_equal(image.len, sizeof(big));
	assert_memory_equal(image.bytes, big, sizeof(big));
	image_close(&image);
}

static void gzip_is_inflated_where_the_file_is_read_to_be_judged(void **state)
{
	struct place *place = *state;
	struct image_file image;
	uint8_t copy[sizeof(hello_gz)];
	struct err err;

	write_file(place, hello_gz, sizeof(hello_gz));
	assert_int_equal(image_open(&image, "--kernel", place->path, &err), 0);
	assert_int_equal(image_read(&image, &err), 0);
	assert_int_equal(image.len, 5);
	assert_memory_equal(image.bytes, "hello", 5);
	assert_int_equal(image_read_to(&image, copy, &err), 0); /* an initrd goes as it is */
	assert_memory_equal(copy, hello_gz, sizeof(hello_gz));
	image_close(&image);
	write_file(place, hello_gz, sizeof(hello_gz) - 9);
	assert_int_equal(image_open(&image, "--kernel", place->path, &err), 0);
	assert_int_equal(image_read(&image, &err), -ENOEXEC);
	assert_non_null(strstr(err.text, "--kernel /"));
	assert_non_null(strstr(err.text, "/file: gzip: "));
	assert_null(image.bytes);
	image_close(&image);
}

/* What another process may do to the file between its opening and its reading. */
static void truncate_it(const struct place *place)
{
	assert_int_equal(truncate(place->path, 5), 0);
}

static void extend_it(const struct place *place)
{
	assert_int_equal(truncate(place->path, 2 * FILE_BYTES), 0);
}

static void empty_it(const struct place *place)
{
	assert_int_equal(truncate(place->path, 0), 0);
}

static void rewrite_it(const struct place *place)
{
	static const char other[FILE_BYTES] = "other";
	const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1000000000}};

	write_file(place, other, sizeof(other));
	assert_int_equal(utimensat(AT_FDCWD, place->path, times, 0), 0);
}

/* Later by less than a second. */
static void rewrite_it_at_once(const struct place *place)
{
	struct stat st;
	struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, {0}};

	assert_int_equal(stat(place->path, &st), 0);
	times[1] = st.st_mtim;
	times[1].tv_nsec ^= 1;
	assert_int_equal(utimensat(AT_FDCWD, place->path, times, 0), 0);
}

static void a_file_that_has_changed_is_an_error_and_no_crash(void **state)
{
	static void (*const changes[])(const struct place *place) = {
		truncate_it, extend_it, empty_it, rewrite_it, rewrite_it_at_once};
	static const char first[FILE_BYTES] = "first";
	struct place *place = *state;
	char copy[FILE_BYTES];
	struct image_file image;
	struct err err;

	for (size_t i = 0; i < NR_OF(changes); i++) {
		write_file(place, first, sizeof(first));
		assert_int_equal(image_open(&image, "--initrd", place->path, &err), 0);
		assert_int_equal(image_read_to(&image, copy, &err), 0);
		changes[i](place);
		assert_int_equal(image_read_to(&image, copy, &err), -ESTALE);
		assert_memory_equal(err.text, "--initrd /", strlen("--initrd /"));
		assert_non_null(strstr(err.text, "/file: the file has changed since"));
		assert_int_equal(image_read(&image, &err), -ESTALE);
		assert_null(image.bytes);
		assert_int_equal(image.len, 0);
		image_close(&image);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_no_image_is_refused_by_name),
		TEST(a_file_is_read_whole_from_its_descriptor),
		TEST(what_was_read_cannot_change_any_more),
		TEST(gzip_is_inflated_where_the_file_is_read_to_be_judged),
		TEST(a_file_that_has_changed_is_an_error_and_no_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
