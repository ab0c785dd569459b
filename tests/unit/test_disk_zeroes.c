/* SPDX-License-Identifier: MIT */
/* Discarding and zeroing: which way is asked of the host, and what its answers come to. */
#include "tests/unit/disk_host.h"

#define ONE_WRITE (16 * PAGE_BYTES) /* of zeroes, at most */

static void a_device_discards_the_range_or_says_why_not(void **state)
{
	const struct answer works[] = {{BLKDISCARD, 0, 0}, {0}};
	const struct answer fails[] = {{BLKDISCARD, EIO, 0}, {0}};
	struct disk disk = {.is_block_device = true, .size_bytes = 1 << 20};

	(void)state;
	host.on = true;
	host.answer = works;
	assert_int_equal(disk_discard(&disk, 512, 4096), 0);
	assert_int_equal(host.discarded[0], 512);
	assert_int_equal(host.discarded[1], 4096);
	host.answer = fails;
	assert_int_equal(disk_discard(&disk, 512, 4096), -EIO);
	assert_int_equal(disk_discard(&disk, 512, 0), 0);
	host.on = false;
}

#define HOLE   (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define ZERO   (FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE)
#define CANNOT (-EOPNOTSUPP)

static void zeroes_are_made_the_shortest_way_that_works(void **state)
{
	static const struct {
		bool may_unmap;
		int allocate[3];
		int mode[3];
		unsigned int nr_allocates, nr_writes;
		int ret;
	} cases[] = {
		{true, {0}, {HOLE}, 1, 0, 0},
		{true, {-EINTR, 0}, {HOLE, HOLE}, 2, 0, 0},
		{true, {-EIO}, {HOLE}, 1, 0, -EIO},
		{true, {CANNOT, 0}, {HOLE, ZERO}, 2, 0, 0},
		{true, {CANNOT, -ENOSPC}, {HOLE, ZERO}, 2, 0, -ENOSPC},
		{true, {CANNOT, CANNOT}, {HOLE, ZERO}, 2, 1, 0},
		{false, {0}, {ZERO}, 1, 0, 0},
		{false, {-EIO}, {ZERO}, 1, 0, -EIO},
		{false, {CANNOT}, {ZERO}, 1, 1, 0},
	};
	struct disk disk = {.size_bytes = 1 << 20};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		host.nr_allocates = host.nr_writes = 0;
		host.write[0] = INT64_MAX;
		memcpy(host.allocate, cases[i].allocate, sizeof(cases[i].allocate));
		assert_int_equal(disk_write_zeroes(&disk, 0, 512, cases[i].may_unmap),
				 cases[i].ret);
		assert_int_equal(host.nr_allocates, cases[i].nr_allocates);
		assert_int_equal(host.nr_writes, cases[i].nr_writes);
		for (unsigned int k = 0; k < cases[i].nr_allocates; k++)
			assert_int_equal(host.mode[k], cases[i].mode[k]);
	}
}

static void zeroes_are_written_until_all_are_there(void **state)
{
	static const struct {
		uint64_t len;
		ssize_t write[4];
		uint64_t offset[4], asked[4];
		unsigned int nr;
		int ret;
	} cases[] = {
		{512, {INT64_MAX}, {1000}, {512}, 1, 0},
		{PAGE_BYTES + 1, {INT64_MAX}, {1000}, {PAGE_BYTES + 1}, 1, 0},
		{ONE_WRITE, {INT64_MAX}, {1000}, {ONE_WRITE}, 1, 0},
		{ONE_WRITE + 1,
		 {INT64_MAX, INT64_MAX},
		 {1000, 1000 + ONE_WRITE},
		 {ONE_WRITE, 1},
		 2,
		 0},
		/* short, and interrupted */
		{1024, {100, -EINTR, INT64_MAX}, {1000, 1100, 1100}, {1024, 924, 924}, 3, 0},
		{1024, {100, -ENOSPC}, {1000, 1100}, {1024, 924}, 2, -ENOSPC},
		{1024, {100, 0}, {1000, 1100}, {1024, 924}, 2, -EIO},
	};
	struct disk disk = {.size_bytes = 1 << 20};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		host.nr_allocates = host.nr_writes = 0;
		host.allocate[0] = CANNOT;
		errno = EINTR; /* of before: it says nothing about a write that works */
		memcpy(host.write, cases[i].write, sizeof(cases[i].write));
		assert_int_equal(disk_write_zeroes(&disk, 1000, cases[i].len, false), cases[i].ret);
		assert_int_equal(host.nr_writes, cases[i].nr);
		for (unsigned int k = 0; k < cases[i].nr; k++) {
			assert_int_equal(host.offset[k], cases[i].offset[k]);
			assert_int_equal(host.len[k], cases[i].asked[k]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		disk_test(a_device_discards_the_range_or_says_why_not),
		disk_test(zeroes_are_made_the_shortest_way_that_works),
		disk_test(zeroes_are_written_until_all_are_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
