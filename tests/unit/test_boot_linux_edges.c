/* SPDX-License-Identifier: MIT */
/* bzImages at the edges of what their header promises (Documentation/arch/x86/boot.rst). */
#include <errno.h>

#include "tests/unit/boot_fixture.h"
#include "vmm/core/array.h"

#define HEADER_END (0x202u + 0x6a)

static void no_setup_sectors_are_four(void **state)
{
	static const struct {
		uint8_t setup_sects;
		size_t setup_bytes;
	} cases[] = {{0, 5 * 512}, {1, 2 * 512}, {4, 5 * 512}, {5, 6 * 512}};
	struct boot_fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		char needed[64];

		make_bzimage(f);
		f->file[0x1f1] = cases[i].setup_sects;
		put32(f->file + 0x1f4, 0x100);
		/* Of the last paragraph one byte is enough. */
		f->size = cases[i].setup_bytes + 0xff * 16 + 1;
		must_identify(f);
		snprintf(needed, sizeof(needed), "at least %zu bytes, the file has %zu", f->size,
			 f->size - 1);
		f->size--;
		must_refuse(f, needed);
	}
}

static void setup_code_alone_is_no_kernel(void **state)
{
	static const size_t behind[] = {0, 1, 0x200};
	struct boot_fixture *f = *state;

	for (size_t i = 0; i < NR_OF(behind); i++) {
		make_bzimage(f);
		put32(f->file + 0x1f4, 0); /* promises nothing */
		f->size = BZ_SETUP_BYTES + behind[i];
		must_refuse(f, "Linux setup code without a kernel behind it");
	}
	f->size = BZ_SETUP_BYTES + 0x201; /* the 64-bit entry is at 0x200 */
	must_identify(f);
}

static void a_file_that_ends_in_its_header_says_where(void **state)
{
	struct boot_fixture *f = *state;

	make_bzimage(f);
	f->size = HEADER_END - 1;
	must_refuse(f, "its header ends at 620, the file has 619 bytes");
	f->size = HEADER_END;
	must_refuse(f, "its header promises");
}

static void protocol_2_10_is_the_oldest(void **state)
{
	struct boot_fixture *f = *state;

	make_bzimage(f);
	put16(f->file + 0x206, 0x020a);
	must_identify(f);
	assert_int_equal(f->image.protocol, BOOT_LINUX32); /* xloadflags came with 2.12 */
	put16(f->file + 0x206, 0x0209);
	must_refuse(f, "boot protocol 2.09");
}

static void alignments_are_powers_of_two(void **state)
{
	static const struct {
		uint32_t alignment;
		bool good;
	} cases[] = {{0, false}, {1, true},  {2, true},		{3, false},
		     {4, true},	 {6, false}, {0x1000000, true}, {0x1800000, false}};
	struct boot_fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		make_bzimage(f);
		put32(f->file + 0x230, cases[i].alignment);
		if (cases[i].good)
			must_identify(f);
		else
			must_refuse(f, "is not a power of two");
	}
}

/* Where there is no tree, a word that asks for one changes nothing. */
static void no_device_tree_is_given_where_there_is_none(void **state)
{
	struct boot_fixture *f = *state;

	make_bzimage(f);
	f->board.cmdline = "acpi=off";
	must_load(f, NULL, 0, 0);
	assert_int_equal(ram64(f, f->entry.rsi + 0x250), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		boot_test(no_setup_sectors_are_four),
		boot_test(setup_code_alone_is_no_kernel),
		boot_test(a_file_that_ends_in_its_header_says_where),
		boot_test(protocol_2_10_is_the_oldest),
		boot_test(alignments_are_powers_of_two),
		boot_test(no_device_tree_is_given_where_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
