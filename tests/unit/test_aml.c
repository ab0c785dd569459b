/* SPDX-License-Identifier: MIT */
/* The AML assembler: bytes as ACPI 6.5 chapter 20 and section 6.4 have them, and as iasl reads
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/unit/iasl.h"
#include "vmm/core/array.h"
#include "vmm/x86/tables/aml.h"

/* `expected` as a literal, whose NUL does not count. */
#define assert_aml(aml, expected)                                                  \
	do {                                                                       \
		assert_false((aml)->overflow);                                     \
		assert_int_equal((aml)->len, sizeof(expected) - 1);                \
		assert_memory_equal((aml)->bytes, expected, sizeof(expected) - 1); \
	} while (0)

/* 20.2.3: ZeroOp, OneOp, BytePrefix 0a, WordPrefix 0b, DWordPrefix 0c, QWordPrefix 0e. */
static void integers_take_the_shortest_form(void **state)
{
	static const struct {
		uint64_t value;
		const char *bytes;
		size_t len;
	} cases[] = {
		{0, "\x00", 1},
		{1, "\x01", 1},
		{2, "\x0a\x02", 2},
		{0xff, "\x0a\xff", 2},
		{0x100, "\x0b\x00\x01", 3},
		{0xffff, "\x0b\xff\xff", 3},
		{0x10000, "\x0c\x00\x00\x01\x00", 5},
		{0xffffffff, "\x0c\xff\xff\xff\xff", 5},
		{0x100000000, "\x0e\x00\x00\x00\x00\x01\x00\x00\x00", 9},
		{UINT64_MAX, "\x0e\xff\xff\xff\xff\xff\xff\xff\xff", 9},
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		uint8_t bytes[16];
		struct aml aml;

		aml_init(&aml, bytes, sizeof(bytes));
		aml_integer(&aml, cases[i].value);
		assert_int_equal(aml.len, cases[i].len);
		assert_memory_equal(bytes, cases[i].bytes, cases[i].len);
	}
}

/* 20.2.2: RootChar, padding, DualNamePrefix 2e, MultiNamePrefix 2f, NullName. */
static void paths_are_encoded_as_name_strings(void **state)
{
	static const struct {
		const char *path, *bytes;
		size_t len;
	} cases[] = {
		{"_UID", "_UID", 4},
		{"RTC", "RTC_", 4},
		{"\\_S5", "\\_S5_", 5},
		{"\\_SB", "\\_SB_", 5},
		{"\\", "\\\0", 2},
		{"\\_SB.COM1", "\\\x2e_SB_COM1", 10},
		{"A.B.C",
		 "\x2f\x03"
		 "A___B___C___",
		 14},
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		uint8_t bytes[32];
		struct aml aml;

		aml_init(&aml, bytes, sizeof(bytes));
		aml_name_integer(&aml, cases[i].path, 0);
		assert_int_equal(aml.len, 1 + cases[i].len + 1);
		assert_int_equal(bytes[0], 0x08); /* NameOp */
		assert_memory_equal(bytes + 1, cases[i].bytes, cases[i].len);
	}
}

static void strings_and_eisa_ids(void **state)
{
	uint8_t bytes[64];
	struct aml aml;

	(void)state;
	aml_init(&aml, bytes, sizeof(bytes));
	aml_name_string(&aml, "_HID", "LNRO0005");
	assert_aml(&aml, "\x08_HID\x0dLNRO0005\0");
	/* 6.1.5: the PNP id of a serial port is 41 d0 05 01 in every DSDT. */
	aml_init(&aml, bytes, sizeof(bytes));
	aml_name_eisa_id(&aml, "_HID", "PNP0501");
	assert_aml(&aml, "\x08_HID\x0c\x41\xd0\x05\x01");
	aml_init(&aml, bytes, sizeof(bytes));
	aml_name_eisa_id(&aml, "_HID", "PNP0B0F");
	assert_aml(&aml, "\x08_HID\x0c\x41\xd0\x0b\x0f");
}

static void scopes_and_devices_nest(void **state)
{
	uint8_t bytes[64];
	struct aml aml;

	(void)state;
	aml_init(&aml, bytes, sizeof(bytes));
	aml_begin_scope(&aml, "\\_SB");
	aml_begin_device(&aml, "DEV");
	aml_name_integer(&aml, "_UID", 7);
	aml_end(&aml);
	aml_end(&aml);
	/* ScopeOp, 20 bytes: the name, and DeviceOp, 12 bytes: a name and a Name of 7. */
	assert_aml(&aml, "\x10\x14\\_SB_\x5b\x82\x0c"
			 "DEV_\x08_UID\x0a\x07");
}

static void packages_count_their_elements(void **state)
{
	uint8_t bytes[64];
	struct aml aml;

	(void)state;
	aml_init(&aml, bytes, sizeof(bytes));
	aml_begin_name_package(&aml, "\\_S5", 2);
	aml_integer(&aml, 5);
	aml_integer(&aml, 0);
	aml_end(&aml);
	assert_aml(&aml, "\x08\\_S5_\x12\x05\x02\x0a\x05\x00");
}

/* 6.4.2.5, 6.4.3.4, 6.4.3.6, 6.4.2.9. */
static void resources_are_a_buffer_of_descriptors(void **state)
{
	uint8_t bytes[64];
	struct aml aml;

	(void)state;
	aml_init(&aml, bytes, sizeof(bytes));
	aml_begin_resources(&aml, "_CRS");
	aml_io(&aml, 0x3f8, 8);
	aml_memory32(&aml, 0xd0001000, 0x1000);
	aml_interrupt(&aml, 11);
	aml_end(&aml);
	assert_aml(&aml, "\x08_CRS\x11\x22\x0a\x1f"
			 "\x47\x01\xf8\x03\xf8\x03\x01\x08"
			 "\x86\x09\x00\x01\x00\x10\x00\xd0\x00\x10\x00\x00"
			 "\x89\x06\x00\x03\x01\x0b\x00\x00\x00"
			 "\x79\x00");
}

static void an_empty_template_has_an_end_tag(void **state)
{
	uint8_t bytes[32];
	struct aml aml;

	(void)state;
	aml_init(&aml, bytes, sizeof(bytes));
	aml_begin_resources(&aml, "_CRS");
	aml_end(&aml);
	assert_aml(&aml, "\x08_CRS\x11\x05\x0a\x02\x79\x00");
}

/* What an interpreter reads at a PkgLength (20.2.4). */
static size_t read_package_length(const uint8_t *at, unsigned int *nr_bytes)
{
	unsigned int following = at[0] >> 6;
	size_t length = following == 0 ? at[0] & 0x3f : at[0] & 0xf;

	if (following > 0)
		assert_int_equal(at[0] & 0x30, 0); /* reserved */
	for (unsigned int i = 0; i < following; i++)
		length |= (size_t)at[1 + i] << (4 + 8 * i);
	*nr_bytes = 1 + following;
	return length;
}

/* Each form is used up to its last length, and the content follows it unharmed. */
static void package_lengths_take_one_to_four_bytes(void **state)
{
	static const struct {
		size_t content;
		unsigned int length_bytes;
	} cases[] = {
		{4, 1},	   {62, 1},    {63, 2},	     {64, 2},	   {4093, 2},
		{4094, 3}, {65536, 3}, {1048572, 3}, {1048573, 4}, {1100000, 4},
	};
	size_t size = 2 << 20;
	uint8_t *bytes = malloc(size);

	(void)state;
	assert_non_null(bytes);
	for (size_t i = 0; i < NR_OF(cases); i++) {
		unsigned int nr_bytes;
		struct aml aml;

		aml_init(&aml, bytes, size);
		aml_begin_scope(&aml, "FOUR");
		while (aml.len < 1 + cases[i].content)
			aml_integer(&aml, 1);
		aml_end(&aml);
		assert_false(aml.overflow);
		assert_int_equal(read_package_length(bytes + 1, &nr_bytes), aml.len - 1);
		assert_int_equal(nr_bytes, cases[i].length_bytes);
		assert_int_equal(aml.len, 1 + nr_bytes + cases[i].content);
		assert_memory_equal(bytes + 1 + nr_bytes, "FOUR", 4);
		for (size_t at = 1 + nr_bytes + 4; at < aml.len; at++)
			assert_int_equal(bytes[at], 1);
	}
	free(bytes);
}

/* 20.2.5.2: OpRegion 5b 80, Field 5b 81, Method 14, Notify 86, If a0; 20.2.5.4: Store 70. */
static void code_of_an_event_is_encoded(void **state)
{
	uint8_t bytes[128];
	struct aml aml;

	(void)state;
	aml_init(&aml, bytes, sizeof(bytes));
	aml_io_byte(&aml, "REGS", "EVTS", 0x604);
	assert_aml(&aml, "\x5b\x80REGS\x01\x0b\x04\x06\x01"
			 "\x5b\x81\x0bREGS\x41"
			 "EVTS\x08");
	aml_init(&aml, bytes, sizeof(bytes));
	aml_begin_method(&aml, "_EVT", 1);
	aml_store(&aml, "EVTS", 1);
	aml_begin_if(&aml, "EVTS");
	aml_notify(&aml, "\\_SB.PWRB", 0x80);
	aml_end(&aml);
	aml_end(&aml);
	assert_aml(&aml, "\x14\x1f_EVT\x09"
			 "\x70\x01"
			 "EVTS"
			 "\xa0\x12"
			 "EVTS\x86\\\x2e_SB_PWRB\x0a\x80");
}

static void build_sample(struct aml *aml)
{
	aml_begin_scope(aml, "\\_SB");
	aml_begin_device(aml, "DEV0");
	aml_name_eisa_id(aml, "_HID", "PNP0C02");
	aml_name_integer(aml, "_UID", 0x12345);
	aml_begin_resources(aml, "_CRS");
	aml_io(aml, 0x600, 4);
	aml_memory32(aml, 0xd0000000, 0x1000);
	aml_interrupt(aml, 300);
	aml_end(aml);
	aml_io_byte(aml, "REGS", "EVTS", 0x604);
	aml_begin_method(aml, "_EVT", 1);
	aml_begin_if(aml, "EVTS");
	aml_notify(aml, "\\_SB.DEV0", 0x80);
	aml_end(aml);
	aml_end(aml);
	aml_end(aml);
	aml_end(aml);
}

/* Every size that is too small is an error: nothing is written past the end, nothing crashes. */
static void overflow_is_latched(void **state)
{
	uint8_t whole[256], small[256];
	struct aml aml;
	size_t needed;

	(void)state;
	aml_init(&aml, whole, sizeof(whole));
	build_sample(&aml);
	assert_false(aml.overflow);
	needed = aml.len;
	for (size_t size = 0; size < needed; size++) {
		memset(small, 0xee, sizeof(small));
		aml_init(&aml, small, size);
		build_sample(&aml);
		assert_true(aml.overflow);
		assert_true(aml.len <= size);
		for (size_t i = size; i < sizeof(small); i++)
			assert_int_equal(small[i], 0xee);
		aml_integer(&aml, 0);
		assert_true(aml.overflow);
	}
	aml_init(&aml, small, needed);
	build_sample(&aml);
	assert_false(aml.overflow);
	assert_memory_equal(small, whole, needed);
}

static void iasl_reads_it(void **state)
{
	uint8_t table[512] = "DSDT";
	struct aml aml;
	uint8_t sum = 0;
	char *text;

	(void)state;
	iasl_or_skip();
	table[8] = 2;
	memcpy(table + 10, "TESTERTESTTEST\1\0\0\0TEST\1\0\0", 26);
	aml_init(&aml, table + 36, sizeof(table) - 36);
	aml_name_integer(&aml, "BIG", 0x123456789abcdef0);
	aml_name_string(&aml, "STR", "a string");
	aml_begin_name_package(&aml, "PKG", 3);
	for (uint64_t i = 0; i < 3; i++)
		aml_integer(&aml, i * 200);
	aml_end(&aml);
	build_sample(&aml);
	assert_false(aml.overflow);
	table[4] = (uint8_t)(36 + aml.len);
	assert_true(36 + aml.len < 256);
	for (size_t i = 0; i < 36 + aml.len; i++)
		sum = (uint8_t)(sum + table[i]);
	table[9] = (uint8_t)-sum;

	text = iasl_disassemble(table, 36 + aml.len);
	assert_true(iasl_says(text, "Name (BIG, 0x123456789ABCDEF0)"));
	assert_true(iasl_says(text, "Name (STR, \"a string\")"));
	assert_true(iasl_says(text, "Name (PKG, Package (0x03) { Zero, 0xC8, 0x0190 })"));
	assert_true(iasl_says(text,
			      "Scope (\\_SB) { Device (DEV0) { Name (_HID, EisaId (\"PNP0C02\")"));
	assert_true(iasl_says(text, "Name (_UID, 0x00012345)"));
	assert_true(iasl_says(text, "Memory32Fixed (ReadWrite, 0xD0000000, // Address Base\n"
				    "0x00001000, // Address Length"));
	assert_true(iasl_says(text, "Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive, ,, )"
				    " { 0x0000012C, }"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_take_the_shortest_form),
		cmocka_unit_test(paths_are_encoded_as_name_strings),
		cmocka_unit_test(strings_and_eisa_ids),
		cmocka_unit_test(scopes_and_devices_nest),
		cmocka_unit_test(packages_count_their_elements),
		cmocka_unit_test(resources_are_a_buffer_of_descriptors),
		cmocka_unit_test(an_empty_template_has_an_end_tag),
		cmocka_unit_test(package_lengths_take_one_to_four_bytes),
		cmocka_unit_test(code_of_an_event_is_encoded),
		cmocka_unit_test(overflow_is_latched),
		cmocka_unit_test(iasl_reads_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
