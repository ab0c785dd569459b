/* SPDX-License-Identifier: MIT */
/* Guest RAM: what is reachable through the one door to it, and what is not. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/core/array.h"
#include "vmm/core/gmem.h"

#define PAGE 4096ull

/*
 * Three regions as a machine might have them: low RAM at 0, RAM directly after it (adjacent), and
 * one page that ends exactly at 2^64. A hole lies between the second and the third.
 */
#define LOW_BYTES  (2 * PAGE)
#define NEXT_BYTES PAGE
#define TOP_START  (0 - PAGE)

struct ram {
	struct gmem mem;
	_Alignas(16) uint8_t low[LOW_BYTES];
	_Alignas(16) uint8_t next[NEXT_BYTES];
	_Alignas(16) uint8_t top[PAGE];
};

static struct ram *ram_of(void **state)
{
	return *state;
}

static int make_ram(void **state)
{
	static struct ram ram;

	memset(&ram, 0, sizeof(ram));
	assert_int_equal(gmem_add(&ram.mem, gpa(0), LOW_BYTES, ram.low), 0);
	assert_int_equal(gmem_add(&ram.mem, gpa(LOW_BYTES), NEXT_BYTES, ram.next), 0);
	assert_int_equal(gmem_add(&ram.mem, gpa(TOP_START), PAGE, ram.top), 0);
	*state = &ram;
	return 0;
}

static void regions_come_ascending_disjoint_and_in_64_bits(void **state)
{
	static const struct {
		uint64_t start, size_bytes;
		int ret;
	} cases[] = {
		{0x10000, 0, -EINVAL},		  /* empty */
		{UINT64_MAX, 0, -EINVAL},	  /* empty, at the end */
		{UINT64_MAX, 2, -EINVAL},	  /* wraps */
		{0x10000, UINT64_MAX, -EINVAL},	  /* wraps */
		{0x0, PAGE, -EINVAL},		  /* before the first */
		{0x1000, PAGE, -EINVAL},	  /* the same */
		{0x1fff, PAGE, -EINVAL},	  /* the last byte of the first */
		{0x2000, PAGE, 0},		  /* adjacent */
		{UINT64_MAX - PAGE + 1, PAGE, 0}, /* ends at 2^64 */
		{UINT64_MAX, 1, -EINVAL},	  /* overlaps it */
	};
	static uint8_t byte;
	struct gmem mem = {0}, smallest = {0};

	(void)state;
	assert_int_equal(gmem_add(&smallest, gpa(0), 0, &byte), -EINVAL);
	assert_int_equal(gmem_add(&smallest, gpa(0), 1, &byte), 0);
	assert_int_equal(gmem_add(&mem, gpa(0x1000), PAGE, &byte), 0);
	for (size_t i = 0; i < NR_OF(cases); i++)
		assert_int_equal(gmem_add(&mem, gpa(cases[i].start), cases[i].size_bytes, &byte),
				 cases[i].ret);
	assert_int_equal(mem.nr_regions, 3);
	assert_int_equal(gmem_total_bytes(&mem), 3 * PAGE);
}

static void regions_past_the_table_are_refused(void **state)
{
	static uint8_t byte;
	struct gmem mem = {0};

	(void)state;
	for (uint64_t i = 0; i < GMEM_MAX_REGIONS; i++)
		assert_int_equal(gmem_add(&mem, gpa(i * PAGE), PAGE, &byte), 0);
	assert_int_equal(gmem_add(&mem, gpa(GMEM_MAX_REGIONS * PAGE), PAGE, &byte), -ENOSPC);
	assert_int_equal(mem.nr_regions, GMEM_MAX_REGIONS);
	/* a full table is read to its end, and no further */
	assert_int_equal(gmem_total_bytes(&mem), GMEM_MAX_REGIONS * PAGE);
	assert_null(gmem_ptr(&mem, gpa(GMEM_MAX_REGIONS * PAGE), 1));
}

/* One table for all accessors: which ranges are RAM, and which of those lie in one region. */
static const struct {
	uint64_t addr;
	size_t len;
	int ret;	 /* of gmem_read, gmem_write and gmem_fill */
	bool one_region; /* gmem_ptr gives an address */
} ranges[] = {
	{0, 0, 0, false},
	{0, 1, 0, true},
	{0, LOW_BYTES, 0, true},
	{1, LOW_BYTES - 1, 0, true},
	{LOW_BYTES - 1, 1, 0, true},
	/* across the seam of two adjacent regions */
	{LOW_BYTES - 1, 2, 0, false},
	{0, LOW_BYTES + NEXT_BYTES, 0, false},
	/* into the hole */
	{0, LOW_BYTES + NEXT_BYTES + 1, -EFAULT, false},
	{LOW_BYTES + NEXT_BYTES - 1, 2, -EFAULT, false},
	{LOW_BYTES + NEXT_BYTES, 1, -EFAULT, false},
	{0x8000000000000000, 1, -EFAULT, false},
	{TOP_START - 1, 1, -EFAULT, false},
	{TOP_START - 1, 2, -EFAULT, false},
	/* the last page of the address space is RAM, and is not followed by the first */
	{TOP_START, PAGE, 0, true},
	{UINT64_MAX, 1, 0, true},
	{UINT64_MAX, 2, -EFAULT, false},
	{TOP_START, PAGE + 1, -EFAULT, false},
	{TOP_START, PAGE + LOW_BYTES, -EFAULT, false},
	/* address + length wraps */
	{1, SIZE_MAX, -EFAULT, false},
	{PAGE, SIZE_MAX - PAGE + 2, -EFAULT, false},
	{UINT64_MAX, SIZE_MAX, -EFAULT, false},
	/* no RAM is needed for nothing */
	{0x8000000000000000, 0, 0, false},
};

static void ranges_are_checked_without_wrapping(void **state)
{
	static uint8_t buffer[LOW_BYTES + NEXT_BYTES];
	struct ram *ram = ram_of(state);

	for (size_t i = 0; i < NR_OF(ranges); i++) {
		gpa_t at = gpa(ranges[i].addr);
		size_t len = ranges[i].len;

		assert_int_equal(gmem_read(&ram->mem, at, buffer, len), ranges[i].ret);
		assert_int_equal(gmem_write(&ram->mem, at, buffer, len), ranges[i].ret);
		assert_int_equal(gmem_fill(&ram->mem, at, 0, len), ranges[i].ret);
		assert_int_equal(gmem_ptr(&ram->mem, at, len) != NULL, ranges[i].one_region);
	}
}

static void a_copy_may_span_adjacent_regions(void **state)
{
	struct ram *ram = ram_of(state);
	uint8_t in[6] = {1, 2, 3, 4, 5, 6}, out[6] = {0};

	assert_int_equal(gmem_write(&ram->mem, gpa(LOW_BYTES - 2), in, sizeof(in)), 0);
	assert_memory_equal(&ram->low[LOW_BYTES - 2], in, 2);
	assert_memory_equal(ram->next, in + 2, 4);
	assert_int_equal(gmem_read(&ram->mem, gpa(LOW_BYTES - 2), out, sizeof(out)), 0);
	assert_memory_equal(out, in, sizeof(in));
	assert_int_equal(gmem_fill(&ram->mem, gpa(LOW_BYTES - 1), 0xee, 2), 0);
	assert_int_equal(ram->low[LOW_BYTES - 2], 1);
	assert_int_equal(ram->low[LOW_BYTES - 1], 0xee);
	assert_int_equal(ram->next[0], 0xee);
	assert_int_equal(ram->next[1], 4);
}

static void a_refused_copy_leaves_no_trace(void **state)
{
	struct ram *ram = ram_of(state);
	uint8_t in[4] = {1, 2, 3, 4}, out[4] = {9, 9, 9, 9};
	static const uint8_t nines[4] = {9, 9, 9, 9}, zeroes[2];
	gpa_t edge = gpa(LOW_BYTES + NEXT_BYTES - 2);

	assert_int_equal(gmem_write(&ram->mem, edge, in, sizeof(in)), -EFAULT);
	assert_memory_equal(&ram->next[NEXT_BYTES - 2], zeroes, 2);
	assert_int_equal(gmem_fill(&ram->mem, edge, 7, sizeof(in)), -EFAULT);
	assert_memory_equal(&ram->next[NEXT_BYTES - 2], zeroes, 2);
	assert_int_equal(gmem_read(&ram->mem, edge, out, sizeof(out)), -EFAULT);
	assert_memory_equal(out, nines, sizeof(out));
}

static void pointers_are_into_the_region(void **state)
{
	struct ram *ram = ram_of(state);

	assert_ptr_equal(gmem_ptr(&ram->mem, gpa(5), 1), &ram->low[5]);
	assert_ptr_equal(gmem_ptr(&ram->mem, gpa(LOW_BYTES), NEXT_BYTES), ram->next);
	assert_ptr_equal(gmem_ptr(&ram->mem, gpa(UINT64_MAX), 1), &ram->top[PAGE - 1]);
}

/* virtio 1.2, 2.7: the rings' indices are 16 bits, little-endian, naturally aligned. */
static void ring_indices_are_two_aligned_bytes_of_ram(void **state)
{
	static const struct {
		uint64_t addr;
		int ret;
	} cases[] = {
		{0, 0},
		{LOW_BYTES - 2, 0},
		{LOW_BYTES, 0},
		{UINT64_MAX - 1, 0},
		{1, -EINVAL},
		{LOW_BYTES - 1, -EINVAL}, /* so none ever spans two regions */
		{UINT64_MAX, -EINVAL},
		{LOW_BYTES + NEXT_BYTES, -EFAULT},
		{0x8000000000000000, -EFAULT},
	};
	struct ram *ram = ram_of(state);

	for (size_t i = 0; i < NR_OF(cases); i++) {
		gpa_t at = gpa(cases[i].addr);
		uint16_t value = 0x5555;

		assert_int_equal(gmem_store_release16(&ram->mem, at, 0x1234), cases[i].ret);
		assert_int_equal(gmem_load_acquire16(&ram->mem, at, &value), cases[i].ret);
		assert_int_equal(value, cases[i].ret == 0 ? 0x1234 : 0x5555);
	}
	assert_int_equal(ram->low[0], 0x34);
	assert_int_equal(ram->low[1], 0x12);
}

#define ROUNDS 2000

/* On one CPU each round would last until the end of a time slice. */
static void yield_unless(bool there)
{
	if (!there)
		sched_yield();
}

static void *publish(void *arg)
{
	struct gmem *mem = arg;

	for (uint16_t i = 1; i <= ROUNDS; i++) {
		uint16_t seen = 0;

		gmem_write(mem, gpa(0x100), &i, sizeof(i));
		gmem_store_release16(mem, gpa(0x200), i);
		while (seen != i) {
			gmem_load_acquire16(mem, gpa(0x300), &seen);
			yield_unless(seen == i);
		}
	}
	return NULL;
}

static void what_is_stored_before_the_index_is_seen_after_it(void **state)
{
	struct ram *ram = ram_of(state);
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, publish, &ram->mem), 0);
	for (uint16_t i = 1; i <= ROUNDS; i++) {
		uint16_t index = 0, entry = 0;

		while (index != i) {
			assert_int_equal(gmem_load_acquire16(&ram->mem, gpa(0x200), &index), 0);
			yield_unless(index == i);
		}
		assert_int_equal(gmem_read(&ram->mem, gpa(0x100), &entry, sizeof(entry)), 0);
		assert_int_equal(entry, i);
		assert_int_equal(gmem_store_release16(&ram->mem, gpa(0x300), i), 0);
	}
	pthread_join(thread, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(regions_come_ascending_disjoint_and_in_64_bits),
		cmocka_unit_test(regions_past_the_table_are_refused),
		cmocka_unit_test_setup(ranges_are_checked_without_wrapping, make_ram),
		cmocka_unit_test_setup(a_copy_may_span_adjacent_regions, make_ram),
		cmocka_unit_test_setup(a_refused_copy_leaves_no_trace, make_ram),
		cmocka_unit_test_setup(pointers_are_into_the_region, make_ram),
		cmocka_unit_test_setup(ring_indices_are_two_aligned_bytes_of_ram, make_ram),
		cmocka_unit_test_setup(what_is_stored_before_the_index_is_seen_after_it, make_ram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
