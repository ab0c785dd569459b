/* SPDX-License-Identifier: MIT */
/* What a disk makes of the host's answers when it is opened and closed. */
#include "tests/unit/disk_host.h"

/* ---- opening ---- */

static void what_open_says_becomes_a_remedy(void **state)
{
	static const struct {
		int error;
		bool read_only;
		enum disk_cache cache;
		const char *says;
	} cases[] = {
		{EACCES, false, DISK_CACHE_NONE, "make it writable or add \",ro\""},
		{EROFS, false, DISK_CACHE_NONE, "make it writable or add \",ro\""},
		{EPERM, true, DISK_CACHE_NONE, "Operation not permitted; make it readable"},
		{EBUSY, false, DISK_CACHE_NONE, "in use by this host"},
		{EINVAL, false, DISK_CACHE_NONE, "does not support O_DIRECT"},
		{EINVAL, false, DISK_CACHE_WRITEBACK, "cannot open: Invalid argument"},
		{EIO, false, DISK_CACHE_NONE, "cannot open: Input/output error"},
	};
	struct disk disk;

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		host.open_error = cases[i].error;
		assert_int_equal(open_disk(&disk, cases[i].read_only, cases[i].cache),
				 -cases[i].error);
		assert_int_equal(disk.fd, -1);
		assert_non_null(strstr(err.text, cases[i].says));
	}
}

static void the_alignments_of_o_direct_are_asked_for_or_found_out(void **state)
{
	static const struct {
		bool statx_fails, has_dioalign;
		uint32_t mem, offset;
		size_t direct_from;
		uint32_t align, logical; /* 0: refused */
	} cases[] = {
		{false, true, 512, 512, 0, 512, 512},
		{false, true, 4, 512, 0, 512, 512},
		{false, true, 1, 512, 0, 512, 512},
		{false, true, 4096, 512, 0, 4096, 512},
		{false, true, 512, 4096, 0, 4096, 4096},
		/* no answer, or one that is none: it is tried */
		{true, false, 512, 512, 2048, 2048, 2048},
		{false, false, 512, 512, 1024, 1024, 1024},
		{false, true, 0, 512, 512, 512, 512},
		{false, true, 512, 0, 512, 512, 512},
		{false, true, 3, 512, 4096, 4096, 4096},
		{false, true, 512, 513, 4096, 4096, 4096},
		{true, false, 0, 0, 4096, 4096, 4096},
		{true, false, 0, 0, 4097, 0, 0},
		{true, false, 0, 0, 0, 0, 0},
	};
	struct disk disk;

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		int ret;

		host.statx_fails = cases[i].statx_fails;
		host.has_dioalign = cases[i].has_dioalign;
		host.mem_align = cases[i].mem;
		host.offset_align = cases[i].offset;
		host.direct_from = cases[i].direct_from;
		host.nr_allocates = 0;
		ret = open_disk(&disk, false, DISK_CACHE_NONE);
		if (cases[i].align == 0) {
			assert_int_equal(ret, -EINVAL);
			assert_non_null(strstr(err.text, "O_DIRECT does not work here"));
			continue;
		}
		assert_int_equal(ret, 0);
		assert_int_equal(disk.align_bytes, cases[i].align);
		assert_int_equal(disk.logical_bytes, cases[i].logical);
		close_disk(&disk);
	}
}

/* ---- block devices ---- */

#define FACTS(size, logical, physical)                                      \
	{BLKROGET, 0, 0}, {BLKGETSIZE64, 0, size}, {BLKSSZGET, 0, logical}, \
	{                                                                   \
		BLKPBSZGET, 0, physical                                     \
	}

static void block_sizes_come_into_an_order_that_can_be_reported(void **state)
{
	static const struct {
		uint32_t logical, physical, reported;
	} cases[] = {
		{512, 512, 512},     {512, 4096, 4096},	   {4096, 4096, 4096},
		{4096, 512, 4096},   {512, 0, 512},	   {512, 3000, 512},
		{512, 65536, 65536}, {512, 1u << 25, 512}, {512, 1u << 31, 512},
	};
	struct disk disk;

	(void)state;
	host.is_block = true;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		const struct answer answer[] = {FACTS(1 << 20, cases[i].logical, cases[i].physical),
						{0}};

		host.answer = answer;
		assert_int_equal(open_disk(&disk, false, DISK_CACHE_WRITEBACK), 0);
		assert_true(disk.is_block_device);
		assert_int_equal(disk.size_bytes, 1 << 20);
		assert_int_equal(disk.logical_bytes, cases[i].logical);
		assert_int_equal(disk.physical_bytes, cases[i].reported);
		assert_int_equal(disk.align_bytes, 1);
		close_disk(&disk);
	}
}

static void a_device_that_does_not_say_what_it_is_is_refused(void **state)
{
	static const struct {
		struct answer answer[5];
		int ret;
		const char *says;
	} cases[] = {
		{{{BLKROGET, EIO, 0}}, -EIO, "cannot find out whether the device is read-only"},
		{{{BLKROGET, 0, 1}}, -EROFS, "the device is read-only"},
		{{{BLKROGET, 0, 0}, {BLKGETSIZE64, EIO, 0}}, -EIO, "cannot read the size"},
		{{{BLKROGET, 0, 0}, {BLKGETSIZE64, 0, 512}, {BLKSSZGET, EPERM, 0}},
		 -EPERM,
		 "cannot read the size"},
		{{{BLKROGET, 0, 0},
		  {BLKGETSIZE64, 0, 512},
		  {BLKSSZGET, 0, 512},
		  {BLKPBSZGET, EIO, 0}},
		 -EIO,
		 "cannot read the size"},
	};
	struct disk disk;

	(void)state;
	host.is_block = true;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		host.answer = cases[i].answer;
		assert_int_equal(open_disk(&disk, false, DISK_CACHE_WRITEBACK), cases[i].ret);
		assert_int_equal(disk.fd, -1);
		assert_non_null(strstr(err.text, cases[i].says));
	}
}

static void only_what_the_host_can_discard_is_offered(void **state)
{
	static const struct {
		bool read_only;
		int error;
		bool can_discard;
	} cases[] = {
		{false, EINVAL, true}, /* what one byte is refused with */
		{false, EOPNOTSUPP, false},
		{false, 0, false}, /* nothing refuses one byte but a device that can */
		{true, EINVAL, false},
	};
	struct disk disk;

	(void)state;
	host.is_block = true;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		const struct answer answer[] = {
			FACTS(1 << 20, 512, 512), {BLKDISCARD, cases[i].error, 0}, {0}};

		host.answer = answer;
		assert_int_equal(open_disk(&disk, cases[i].read_only, DISK_CACHE_WRITEBACK), 0);
		assert_int_equal(disk.can_discard, cases[i].can_discard);
		assert_int_equal(disk.can_write_zeroes, !cases[i].read_only);
		close_disk(&disk);
	}
	host.is_block = false;
	for (int fails = 0; fails < 2; fails++) {
		host.allocate[0] = fails ? -EOPNOTSUPP : 0;
		host.nr_allocates = 0;
		assert_int_equal(open_disk(&disk, false, DISK_CACHE_WRITEBACK), 0);
		assert_int_equal(disk.can_discard, !fails);
		assert_int_equal(host.mode[0], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
		close_disk(&disk);
	}
	host.nr_allocates = 0;
	assert_int_equal(open_disk(&disk, true, DISK_CACHE_WRITEBACK), 0);
	assert_false(disk.can_discard);
	assert_int_equal(host.nr_allocates, 0); /* nothing is tried on a file that is only read */
	close_disk(&disk);
}

/* ---- end and name ---- */

static void an_end_without_a_flush_is_an_error(void **state)
{
	struct disk disk;

	(void)state;
	assert_int_equal(open_disk(&disk, false, DISK_CACHE_WRITEBACK), 0);
	host.sync_error = EIO;
	assert_int_equal(disk_close(&disk), -EIO);
	assert_int_equal(disk.fd, -1);
	assert_int_equal(open_disk(&disk, true, DISK_CACHE_WRITEBACK), 0);
	host.nr_syncs = 0;
	assert_int_equal(disk_close(&disk), 0);
	assert_int_equal(host.nr_syncs, 0); /* nothing was written */
}

/* FNV-1a, 32 bits, of the path: the vectors are Noll's. */
static void an_id_ends_in_a_hash_of_the_path(void **state)
{
	struct disk disk;
	int ret;

	(void)state;
	assert_int_equal(open_disk(&disk, true, DISK_CACHE_WRITEBACK), 0);
	assert_string_equal(disk.id, "disk.img-076e3535");
	close_disk(&disk);
	host.on = true;
	ret = disk_open(
		&disk,
		&(struct disk_options){.path = image.path, .read_only = true, .id = "~! \x7f\x1f"},
		&err);
	host.on = false;
	assert_int_equal(ret, 0);
	assert_string_equal(disk.id, "~!___"); /* printable ASCII without blanks */
	close_disk(&disk);
	host.no_realpath = true;
	assert_int_equal(chdir(image.dir.path), 0);
	assert_int_equal(rename("disk.img", "foobar"), 0);
	host.on = true;
	ret = disk_open(&disk,
			&(struct disk_options){.path = (char[]){"foobar"},
					       .read_only = true,
					       .cache = DISK_CACHE_WRITEBACK},
			&err);
	host.on = false;
	assert_int_equal(ret, 0);
	assert_string_equal(disk.id, "foobar-bf9cf968");
	close_disk(&disk);
	assert_int_equal(rename("foobar", "disk.img"), 0);
	assert_int_equal(chdir("/"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		disk_test(what_open_says_becomes_a_remedy),
		disk_test(the_alignments_of_o_direct_are_asked_for_or_found_out),
		disk_test(block_sizes_come_into_an_order_that_can_be_reported),
		disk_test(a_device_that_does_not_say_what_it_is_is_refused),
		disk_test(only_what_the_host_can_discard_is_offered),
		disk_test(an_end_without_a_flush_is_an_error),
		disk_test(an_id_ends_in_a_hash_of_the_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
