/* SPDX-License-Identifier: MIT */
/* --disk: its options, what opening and locking refuse and say, and what a range loses. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "tests/unit/image.h"
#include "virtio/disk.h"
#include "vmm/core/array.h"

#define SECTORS 256u /* of the test image: 128 KiB */

#define assert_says(err, part) assert_non_null(strstr((err)->text, part))

/* ---- options ---- */

static void parses_what_the_user_asks_for(void **state)
{
	static const struct {
		const char *value, *path;
		bool read_only;
		enum disk_cache cache;
		const char *id;
	} cases[] = {
		{"a.img", "a.img", false, DISK_CACHE_WRITEBACK, ""},
		{"a.img,ro", "a.img", true, DISK_CACHE_WRITEBACK, ""},
		{"/dev/sdb,cache=none", "/dev/sdb", false, DISK_CACHE_NONE, ""},
		{"a.img,cache=none,cache=writeback", "a.img", false, DISK_CACHE_WRITEBACK, ""},
		{"a.img,id=root,ro", "a.img", true, DISK_CACHE_WRITEBACK, "root"},
		{"a.img,id=exactly-20-character", "a.img", false, DISK_CACHE_WRITEBACK,
		 "exactly-20-character"},
		{"a.img,id=x=y", "a.img", false, DISK_CACHE_WRITEBACK, "x=y"},
		{"size=big.img,ro", "size=big.img", true, DISK_CACHE_WRITEBACK, ""},
		{"my disk.img", "my disk.img", false, DISK_CACHE_WRITEBACK, ""},
		{"a,,b=1.img,,,ro", "a,b=1.img,", true, DISK_CACHE_WRITEBACK, ""},
		{"a.img,id=x,,y,ro", "a.img", true, DISK_CACHE_WRITEBACK, "x,y"},
		{"ro", "ro", false, DISK_CACHE_WRITEBACK, ""},
	};
	struct disk_options options;
	struct err err;

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		assert_int_equal(disk_parse_options(cases[i].value, &options, &err), 0);
		assert_string_equal(options.path, cases[i].path);
		assert_int_equal(options.read_only, cases[i].read_only);
		assert_int_equal(options.cache, cases[i].cache);
		assert_string_equal(options.id, cases[i].id);
		assert_false(options.format_raw);
		assert_false(options.lock_off);
		disk_free_options(&options);
	}
}

static void ways_round_are_taken_only_when_asked_for(void **state)
{
	static const struct {
		const char *value;
		bool format_raw, lock_off;
	} cases[] = {
		{"a.img", false, false},
		{"a.img,format=raw", true, false},
		{"a.img,lock=off", false, true},
		{"a.img,lock=off,ro,format=raw", true, true},
	};
	struct disk_options options;
	struct err err;

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		assert_int_equal(disk_parse_options(cases[i].value, &options, &err), 0);
		assert_int_equal(options.format_raw, cases[i].format_raw);
		assert_int_equal(options.lock_off, cases[i].lock_off);
		disk_free_options(&options);
	}
}

static void refuses_what_it_does_not_understand(void **state)
{
	static const struct {
		const char *value, *says;
	} cases[] = {
		{"", "no file"},
		{",ro", "no file"},
		{"a.img,", "unknown \"\""},
		{"a.img,rw", "unknown \"rw\"; after the file come ro,"},
		{"a.img,ro=yes", "unknown \"ro=yes\""},
		{"a.img,cache", "unknown \"cache\""},
		{"a.img,cache=", "unknown \"cache=\""},
		{"a.img,cache=unsafe", "unknown \"cache=unsafe\""},
		{"a,b.img", "unknown \"b.img\"; after the file come ro, cache=none, "
			    "cache=writeback, id=NAME, format=raw or lock=off, and a comma in its "
			    "name is written twice"},
		{"a.img,format=qcow2", "unknown \"format=qcow2\""},
		{"a.img,format", "unknown \"format\""},
		{"a.img,lock=on", "unknown \"lock=on\""},
		{"a.img,RO", "unknown \"RO\""},
		{"a.img,id", "1 to 20 characters"},
		{"a.img,id=", "1 to 20 characters"},
		{"a.img,id=one-more-than-20-chars", "1 to 20 characters"},
		{"a.img,id=a b", "printable ASCII"},
		{"a.img,id=\303\244", "printable ASCII"},
	};
	struct disk_options options;
	struct err err;

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		assert_int_equal(disk_parse_options(cases[i].value, &options, &err), -EINVAL);
		assert_int_equal(strncmp(err.text, "--disk ", 7), 0);
		assert_says(&err, cases[i].says);
		assert_null(options.path);
	}
}

/* ---- opening ---- */

static int create_image(void **state)
{
	struct image *image = malloc(sizeof(*image));

	assert_non_null(image);
	image_create(image, SECTORS);
	*state = image;
	return 0;
}

static int remove_image(void **state)
{
	image_remove(*state);
	free(*state);
	return 0;
}

static int open_path(struct disk *disk, char *path, bool read_only, enum disk_cache cache,
		     struct err *err)
{
	struct disk_options options = {.path = path, .read_only = read_only, .cache = cache};

	return disk_open(disk, &options, err);
}

static void measures_an_image(void **state)
{
	struct image *image = *state;
	struct disk disk;
	struct err err;

	assert_int_equal(open_path(&disk, image->path, false, DISK_CACHE_WRITEBACK, &err), 0);
	assert_false(disk.read_only);
	assert_false(disk.direct);
	assert_false(disk.is_block_device);
	assert_int_equal(disk.size_bytes, SECTORS * IMAGE_SECTOR);
	assert_int_equal(disk.logical_bytes, 512);
	assert_true(disk.physical_bytes >= 512);
	assert_int_equal(disk.physical_bytes & (disk.physical_bytes - 1), 0);
	assert_int_equal(disk.align_bytes, 1);
	assert_true(disk.can_write_zeroes);
	assert_int_equal(disk_close(&disk), 0);
	assert_int_equal(disk.fd, -1);
	image_assert_untouched(image->path, 0, SECTORS); /* the probing left it alone */
}

static void a_read_only_disk_can_only_be_read(void **state)
{
	struct image *image = *state;
	struct disk disk;
	struct err err;

	assert_int_equal(open_path(&disk, image->path, true, DISK_CACHE_WRITEBACK, &err), 0);
	assert_true(disk.read_only);
	assert_false(disk.can_discard);
	assert_false(disk.can_write_zeroes);
	assert_int_equal(fcntl(disk.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(disk_close(&disk), 0);
}

static void refuses_what_cannot_be_a_disk(void **state)
{
	static const struct {
		const char *file; /* below the directory, or absolute */
		off_t size;
		int error;
		const char *says;
	} cases[] = {
		{"missing.img", -1, -ENOENT,
		 "no such file; create it, for example with \"truncate"},
		{"disk.img/x", -1, -ENOTDIR, "no such file"},
		{"", -1, -EINVAL, "neither a file nor a block device"}, /* the directory */
		{"/dev/null", -1, -EINVAL, "neither a file nor a block device"},
		{"fifo", -1, -EINVAL, "neither a file nor a block device"},
		{"empty.img", 0, -EINVAL, "empty; give it a size"},
		{"short.img", 511, -EINVAL, "511 bytes, is not a multiple of 512; extend"},
		{"odd.img", 5000, -EINVAL, "\"truncate -s %512 "},
	};
	struct image *image = *state;
	char path[160];
	struct disk disk;
	struct err err;

	snprintf(path, sizeof(path), "%s/fifo", image->dir.path);
	assert_int_equal(mkfifo(path, 0600), 0);
	for (size_t i = 0; i < NR_OF(cases); i++) {
		snprintf(path, sizeof(path), "%s/%s", image->dir.path, cases[i].file);
		if (cases[i].file[0] == '/')
			strcpy(path, cases[i].file);
		if (cases[i].size >= 0) {
			int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);

			assert_int_equal(ftruncate(fd, cases[i].size), 0);
			close(fd);
		}
		assert_int_equal(open_path(&disk, path, true, DISK_CACHE_WRITEBACK, &err),
				 cases[i].error);
		assert_int_equal(strncmp(err.text, "--disk ", 7), 0);
		assert_says(&err, path);
		assert_says(&err, cases[i].says);
		assert_int_equal(disk.fd, -1);
	}
}

static void says_how_to_open_what_may_not_be_written(void **state)
{
	struct image *image = *state;
	uid_t me = geteuid();
	struct disk disk;
	struct err err;
	int writing, reading;

	assert_int_equal(chmod(image->dir.path, 0755), 0);
	assert_int_equal(chmod(image->path, 0444), 0);
	/* Root may write anything. */
	if (me == 0)
		assert_int_equal(seteuid(65534), 0);
	writing = open_path(&disk, image->path, false, DISK_CACHE_WRITEBACK, &err);
	reading = open_path(&disk, image->path, true, DISK_CACHE_WRITEBACK, &err);
	if (me == 0)
		assert_int_equal(seteuid(me), 0);
	assert_int_equal(reading, 0);
	disk_close(&disk);
	assert_int_equal(writing, -EACCES);
	assert_says(&err, "Permission denied; make it writable or add \",ro\"");
}

static void does_not_pretend_o_direct(void **state)
{
	char path[] = "/proc/version";
	struct disk disk;
	struct err err;

	(void)state;
	assert_int_equal(open_path(&disk, path, true, DISK_CACHE_NONE, &err), -EINVAL);
	assert_says(&err, "does not support O_DIRECT; use cache=writeback");
}

static void o_direct_says_what_it_needs(void **state)
{
	struct image *image = *state;
	struct disk disk;
	struct err err;
	void *buffer;

	if (open_path(&disk, image->path, false, DISK_CACHE_NONE, &err) == -EINVAL) {
		print_message("%s\n", err.text);
		skip();
	}
	assert_true(disk.direct);
	assert_int_equal(disk.align_bytes & (disk.align_bytes - 1), 0);
	assert_true(disk.align_bytes >= 512);
	assert_true(disk.logical_bytes <= disk.align_bytes);
	buffer = aligned_alloc(disk.align_bytes, disk.align_bytes);
	assert_non_null(buffer);
	assert_int_equal(pread(disk.fd, buffer, disk.align_bytes, disk.align_bytes),
			 disk.align_bytes);
	free(buffer);
	disk_close(&disk);
}

/* ---- locks ---- */

static void a_writer_excludes_all_others_and_readers_writers(void **state)
{
	static const struct {
		bool first_ro, second_ro, both;
	} cases[] = {
		{false, false, false},
		{false, true, false},
		{true, false, false},
		{true, true, true},
	};
	struct image *image = *state;
	struct disk first, second;
	struct err err;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		assert_int_equal(open_path(&first, image->path, cases[i].first_ro,
					   DISK_CACHE_WRITEBACK, &err),
				 0);
		if (cases[i].both) {
			assert_int_equal(open_path(&second, image->path, cases[i].second_ro,
						   DISK_CACHE_WRITEBACK, &err),
					 0);
			disk_close(&second);
		} else {
			assert_int_equal(open_path(&second, image->path, cases[i].second_ro,
						   DISK_CACHE_WRITEBACK, &err),
					 -EAGAIN);
			assert_says(&err, "locked by another tinyvmm");
			assert_says(&err, "\",ro\" on both sides");
			assert_int_equal(second.fd, -1);
		}
		disk_close(&first);
		/* The lock went with the descriptor. */
		assert_int_equal(open_path(&second, image->path, false, DISK_CACHE_WRITEBACK, &err),
				 0);
		disk_close(&second);
	}
}

/* ---- deallocation ---- */

static blkcnt_t allocated(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_blocks;
}

static void a_discarded_range_gives_its_space_back(void **state)
{
	struct image *image = *state;
	blkcnt_t before;
	struct disk disk;
	struct err err;

	assert_int_equal(open_path(&disk, image->path, false, DISK_CACHE_WRITEBACK, &err), 0);
	if (!disk.can_discard) {
		print_message("the file system of %s punches no holes\n", image->path);
		disk_close(&disk);
		skip();
	}
	before = allocated(disk.fd);
	assert_int_equal(disk_discard(&disk, 64 * IMAGE_SECTOR, 128 * IMAGE_SECTOR), 0);
	assert_int_equal(disk_discard(&disk, 0, 0), 0);
	assert_true(allocated(disk.fd) < before);
	disk_close(&disk);
	image_assert_untouched(image->path, 0, 64);
	image_assert_zero(image->path, 64, 128);
	image_assert_untouched(image->path, 192, SECTORS - 192);
}

/* Zeroes [from, from + nr) of the image at `path` and looks at it and around it. */
static void assert_zeroes(char *path, uint64_t from, uint64_t nr, bool may_unmap)
{
	struct disk disk;
	struct err err;

	assert_int_equal(open_path(&disk, path, false, DISK_CACHE_WRITEBACK, &err), 0);
	assert_true(disk.can_write_zeroes);
	assert_int_equal(
		disk_write_zeroes(&disk, from * IMAGE_SECTOR, nr * IMAGE_SECTOR, may_unmap), 0);
	assert_int_equal(disk_close(&disk), 0);
	image_assert_untouched(path, 0, from);
	image_assert_zero(path, from, nr);
	image_assert_untouched(path, from + nr, SECTORS - from - nr);
}

static void a_zeroed_range_reads_as_zeroes(void **state)
{
	struct image *image = *state;

	assert_zeroes(image->path, 1, 0, false);
	assert_zeroes(image->path, 3, 5, false);
	assert_zeroes(image->path, 2, 200, true);
	assert_zeroes(image->path, 0, SECTORS, false);
}

/* A file in memory: holes can be punched, but ranges not be zeroed. */
static void zeroes_are_written_where_they_cannot_be_asked_for(void **state)
{
	uint8_t sector[IMAGE_SECTOR];
	char path[32];
	int fd = memfd_create("disk", MFD_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	for (uint64_t i = 0; i < SECTORS; i++) {
		image_pattern(i, sector);
		assert_int_equal(write(fd, sector, sizeof(sector)), sizeof(sector));
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_zeroes(path, 9, 241, false);
	assert_zeroes(path, 8, 244, true);
	close(fd);
}

static void zeroes_without_unmap_keep_their_space(void **state)
{
	struct image *image = *state;
	blkcnt_t before;
	struct disk disk;
	struct err err;

	assert_int_equal(open_path(&disk, image->path, false, DISK_CACHE_WRITEBACK, &err), 0);
	assert_int_equal(fdatasync(disk.fd), 0); /* blocks are counted when they are allocated */
	before = allocated(disk.fd);
	assert_int_equal(disk_write_zeroes(&disk, 0, disk.size_bytes, false), 0);
	assert_true(allocated(disk.fd) >= before);
	disk_close(&disk);
}

/* ---- block devices ---- */

static void serves_a_block_device(void **state)
{
	static const uint32_t block_bytes[] = {512, 4096};
	struct image *image = *state;
	struct disk disk, second;
	struct loop loop;
	struct err err;

	for (size_t i = 0; i < 2; i++) {
		if (!loop_attach(&loop, image, block_bytes[i]))
			skip();
		assert_int_equal(open_path(&disk, loop.path, false, DISK_CACHE_NONE, &err), 0);
		assert_true(disk.is_block_device);
		assert_int_equal(disk.size_bytes, SECTORS * IMAGE_SECTOR);
		assert_int_equal(disk.logical_bytes, block_bytes[i]);
		assert_true(disk.align_bytes >= block_bytes[i]);
		assert_true(disk.physical_bytes >= block_bytes[i]);
		/* Claimed as mount(8) would claim it, which excludes mount(8) as well. */
		assert_int_equal(open_path(&second, loop.path, false, DISK_CACHE_NONE, &err),
				 -EBUSY);
		assert_says(&err, "in use by this host");
		if (disk.can_discard)
			assert_int_equal(disk_discard(&disk, 0, 4096), 0);
		assert_int_equal(disk_write_zeroes(&disk, 4096, 4096, false), 0);
		assert_int_equal(disk_write_zeroes(&disk, 8192, 4096, true), 0);
		assert_int_equal(disk_close(&disk), 0);
		image_assert_zero(loop.path, 8, 16);
		image_assert_untouched(loop.path, 24, SECTORS - 24);
		loop_detach(&loop);
	}
}

#define image_test(f) cmocka_unit_test_setup_teardown(f, create_image, remove_image)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_what_the_user_asks_for),
		cmocka_unit_test(ways_round_are_taken_only_when_asked_for),
		cmocka_unit_test(refuses_what_it_does_not_understand),
		image_test(measures_an_image),
		image_test(a_read_only_disk_can_only_be_read),
		image_test(refuses_what_cannot_be_a_disk),
		image_test(says_how_to_open_what_may_not_be_written),
		cmocka_unit_test(does_not_pretend_o_direct),
		image_test(o_direct_says_what_it_needs),
		image_test(a_writer_excludes_all_others_and_readers_writers),
		image_test(a_discarded_range_gives_its_space_back),
		image_test(a_zeroed_range_reads_as_zeroes),
		cmocka_unit_test(zeroes_are_written_where_they_cannot_be_asked_for),
		image_test(zeroes_without_unmap_keep_their_space),
		image_test(serves_a_block_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
