/* SPDX-License-Identifier: MIT */
/*
 * The bus: what a device's handlers may rely on, and what a guest finds where there is no device.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/core/array.h"
#include "vmm/core/bus.h"

/* A device that writes down what reaches it: "r3.2" is a read of two bytes at offset 3. */
struct recorder {
	char name;
	char *log;
	uint64_t answer;
};

static uint64_t recorder_read(void *device, uint64_t offset, unsigned int size)
{
	struct recorder *recorder = device;

	sprintf(recorder->log + strlen(recorder->log), "%c:r%llx.%u ", recorder->name,
		(unsigned long long)offset, size);
	return recorder->answer;
}

static void recorder_write(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	struct recorder *recorder = device;

	sprintf(recorder->log + strlen(recorder->log), "%c:w%llx.%u=%llx ", recorder->name,
		(unsigned long long)offset, size, (unsigned long long)value);
}

static const struct bus_ops recorder_ops = {recorder_read, recorder_write};

static void regions_never_overlap(void **state)
{
	static const struct {
		uint64_t base, size;
		int ret;
	} cases[] = {
		{0x100, 0x10, 0},
		{0x100, 0x10, -EEXIST}, /* the same */
		{0x10f, 1, -EEXIST},	/* its last byte */
		{0xf0, 0x11, -EEXIST},	/* reaches its first */
		{0x104, 4, -EEXIST},	/* inside */
		{0x80, 0x100, -EEXIST}, /* around */
		{0, UINT64_MAX, -EEXIST},
		{0xf0, 0x10, 0},	  /* ends where it begins */
		{0x110, 1, 0},		  /* begins where it ends */
		{0x200, 0, -EINVAL},	  /* empty */
		{UINT64_MAX, 2, -EINVAL}, /* wraps */
		{2, UINT64_MAX, -EINVAL},
		{UINT64_MAX, 1, 0}, /* ends at 2^64 */
		{UINT64_MAX - 1, 2, -EEXIST},
		{0, 1, 0},
	};
	struct bus bus = {0};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++)
		assert_int_equal(
			bus_add(&bus, cases[i].base, cases[i].size, &recorder_ops, NULL, "x"),
			cases[i].ret);
	assert_int_equal(bus.nr_regions, 5);
	for (unsigned int i = 1; i < bus.nr_regions; i++)
		assert_true(bus.region[i - 1].base < bus.region[i].base);
}

static void regions_past_the_table_are_refused(void **state)
{
	struct bus bus = {0};

	(void)state;
	for (uint64_t i = 0; i < BUS_MAX_REGIONS; i++)
		assert_int_equal(bus_add(&bus, 2 * i, 1, &recorder_ops, NULL, "x"), 0);
	assert_int_equal(bus_add(&bus, 1, 1, &recorder_ops, NULL, "x"), -ENOSPC);
	assert_int_equal(bus.nr_regions, BUS_MAX_REGIONS);
}

/* The search agrees with looking at every region, for any number of them and added in any order. */
static void find_agrees_with_a_linear_search(void **state)
{
	(void)state;
	for (unsigned int nr = 0; nr <= BUS_MAX_REGIONS; nr++) {
		struct bus bus = {0};

		for (uint64_t i = 0; i < nr; i++) {
			uint64_t place = (i * 37) % BUS_MAX_REGIONS; /* 37 is coprime to 64 */

			assert_int_equal(
				bus_add(&bus, 4 + 4 * place, 1 + i % 4, &recorder_ops, NULL, "x"),
				0);
		}
		for (uint64_t addr = 0; addr < 4 * BUS_MAX_REGIONS + 8; addr++) {
			const struct bus_region *expected = NULL;

			for (unsigned int i = 0; i < bus.nr_regions; i++)
				if (addr >= bus.region[i].base &&
				    addr < bus.region[i].base + bus.region[i].size)
					expected = &bus.region[i];
			assert_ptr_equal(bus_find(&bus, addr), expected);
		}
	}
}

/* Two adjacent devices: a at 0x10..0x17, b at 0x18..0x1b; nothing around them. */
static const struct {
	uint64_t addr;
	unsigned int size;
	uint32_t count;
	const char *reads, *writes; /* what reaches the devices */
	const char *data;	    /* what a read gives */
} accesses[] = {
	/* whole inside a region: one call, of every size that a handler knows */
	{0x10, 1, 1, "a:r0.1 ", "a:w0.1=1 ", "\xa0"},
	{0x13, 2, 1, "a:r3.2 ", "a:w3.2=201 ", "\xa0\xa1"},
	{0x14, 4, 1, "a:r4.4 ", "a:w4.4=4030201 ", "\xa0\xa1\xa2\xa3"},
	{0x10, 8, 1, "a:r0.8 ", "a:w0.8=807060504030201 ", "\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7"},
	{0x18, 4, 1, "b:r0.4 ", "b:w0.4=4030201 ", "\xb0\xb1\xb2\xb3"},
	/* repetition advances the data, not the port */
	{0x12, 1, 3, "a:r2.1 a:r2.1 a:r2.1 ", "a:w2.1=1 a:w2.1=2 a:w2.1=3 ", "\xa0\xa0\xa0"},
	{0x12, 2, 2, "a:r2.2 a:r2.2 ", "a:w2.2=201 a:w2.2=403 ", "\xa0\xa1\xa0\xa1"},
	{0x12, 4, 0, "", "", ""},
	/* nothing there */
	{0x0f, 1, 1, "", "", "\xff"},
	{0x1c, 4, 2, "", "", "\xff\xff\xff\xff\xff\xff\xff\xff"},
	/* across an edge: bytes, as on an ISA bus */
	{0x0f, 2, 1, "a:r0.1 ", "a:w0.1=2 ", "\xff\xa0"},
	{0x17, 2, 1, "a:r7.1 b:r0.1 ", "a:w7.1=1 b:w0.1=2 ", "\xa0\xb0"},
	{0x1a, 4, 1, "b:r2.1 b:r3.1 ", "b:w2.1=1 b:w3.1=2 ", "\xb0\xb0\xff\xff"},
	{0x0e, 4, 2, "a:r0.1 a:r1.1 a:r0.1 a:r1.1 ", "a:w0.1=3 a:w1.1=4 a:w0.1=7 a:w1.1=8 ",
	 "\xff\xff\xa0\xa0\xff\xff\xa0\xa0"},
	/* KVM cuts an access at a page's edge, so three bytes can come (and handlers know no such
	   size) */
	{0x11, 3, 1, "a:r1.1 a:r2.1 a:r3.1 ", "a:w1.1=1 a:w2.1=2 a:w3.1=3 ", "\xa0\xa0\xa0"},
	/* the last address is not followed by the first */
	{UINT64_MAX, 2, 1, "", "", "\xff\xff"},
};

static void handlers_see_only_what_lies_in_their_region(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_OF(accesses); i++) {
		static const uint8_t in[8] = {1, 2, 3, 4, 5, 6, 7, 8};
		size_t bytes = (size_t)accesses[i].size * accesses[i].count;
		uint8_t out[9];
		char log[256] = "";
		struct recorder a = {'a', log, 0xa7a6a5a4a3a2a1a0};
		struct recorder b = {'b', log, 0xb7b6b5b4b3b2b1b0};
		struct bus bus = {0};

		assert_int_equal(bus_add(&bus, 0x18, 4, &recorder_ops, &b, "b"), 0);
		assert_int_equal(bus_add(&bus, 0x10, 8, &recorder_ops, &a, "a"), 0);

		memset(out, 0x77, sizeof(out));
		bus_read(&bus, accesses[i].addr, out, accesses[i].size, accesses[i].count);
		assert_string_equal(log, accesses[i].reads);
		assert_memory_equal(out, accesses[i].data, bytes);
		assert_int_equal(out[bytes], 0x77);

		log[0] = '\0';
		bus_write(&bus, accesses[i].addr, in, accesses[i].size, accesses[i].count);
		assert_string_equal(log, accesses[i].writes);
	}
}

static void an_empty_bus_reads_all_ones(void **state)
{
	struct bus bus = {0};
	uint32_t value = 0;

	(void)state;
	bus_write(&bus, 0xcf8, &value, 4, 1);
	bus_read(&bus, 0xcf8, &value, 4, 1);
	assert_int_equal(value, 0xffffffff);
	assert_null(bus_find(&bus, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(regions_never_overlap),
		cmocka_unit_test(regions_past_the_table_are_refused),
		cmocka_unit_test(find_agrees_with_a_linear_search),
		cmocka_unit_test(handlers_see_only_what_lies_in_their_region),
		cmocka_unit_test(an_empty_bus_reads_all_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
