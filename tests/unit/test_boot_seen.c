/* SPDX-License-Identifier: MIT */
/* What a file that cannot be started is taken for, byte by byte at the edges of each rule. */
#include <errno.h>
#include <stdlib.h>

#include "tests/unit/boot_fixture.h"
#include "vmm/core/array.h"

/* A copy of its own size, so that the sanitizers see a look beyond its end. */
static void must_look_like(const void *bytes, size_t size, const char *what)
{
	uint8_t *copy = malloc(size ? size : 1);
	struct boot_image image;
	struct err err;

	assert_non_null(copy);
	memcpy(copy, bytes, size);
	assert_int_equal(boot_identify(copy, size, &image, &err), -ENOEXEC);
	free(copy);
	if (strstr(err.text, what) == NULL)
		fail_msg("%zu bytes: \"%s\" is not in \"%s\"", size, what, err.text);
}

static void short_files_are_judged_by_what_they_have(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
		const char *what;
	} cases[] = {
		{"", 0, "an empty file"},
		{"#!", 2, "a script"},
		{"#", 1, "a text file"},
		{"\0", 1, "a file of zeroes"},
		{"\0\0\0", 3, "a file of zeroes"},
		{"\0\1", 2, "of no known format"},
		{"\0\0\1", 3, "of no known format"},
		{"\1\0\0", 3, "of no known format"},
		{"PK\3", 3, "of no known format"},
		{"PK\3\4", 4, "a zip archive"},
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++)
		must_look_like(cases[i].bytes, cases[i].size, cases[i].what);
}

static void text_is_what_can_be_printed(void **state)
{
	static const struct {
		uint8_t byte;
		bool is_text;
	} cases[] = {
		{'\t' - 1, false}, {'\t', true}, {'\r', true}, {'\r' + 1, false},
		{' ' - 1, false},  {' ', true},	 {'~', true},  {0x7f, false},
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		uint8_t text[3] = {cases[i].byte, 'b', 'c'};
		const char *what = cases[i].is_text ? "a text file" : "of no known format";

		must_look_like(text, sizeof(text), what);
		text[0] = 'a';
		text[2] = cases[i].byte;
		must_look_like(text, sizeof(text), what);
	}
}

static void the_first_256_bytes_decide_what_is_text(void **state)
{
	uint8_t text[400];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[256] = 0xff;
	must_look_like(text, sizeof(text), "a text file");
	text[255] = 0xff;
	must_look_like(text, sizeof(text), "of no known format");
	must_look_like(text, 255, "a text file");
}

static void a_boot_sector_ends_in_55_aa(void **state)
{
	uint8_t sector[512] = {0xfa};

	(void)state;
	sector[510] = 0x55;
	sector[511] = 0xaa;
	must_look_like(sector, sizeof(sector), "a boot sector");
	must_look_like(sector, sizeof(sector) - 1, "of no known format");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_files_are_judged_by_what_they_have),
		cmocka_unit_test(text_is_what_can_be_printed),
		cmocka_unit_test(the_first_256_bytes_decide_what_is_text),
		cmocka_unit_test(a_boot_sector_ends_in_55_aa),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
