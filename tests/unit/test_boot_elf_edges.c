/* SPDX-License-Identifier: MIT */
/* ELF files at the edges: just long enough, just too short, of every machine, full of headers. */
#include <errno.h>

#include "tests/unit/boot_fixture.h"
#include "vmm/core/array.h"

static void a_file_has_to_be_as_long_as_its_header(void **state)
{
	static const struct {
		bool is_64;
		size_t size;
		const char *what;
	} cases[] = {
		{true, 15, "truncated ELF: the file has 15 bytes"},
		{true, 16, "truncated ELF: the file has 16 bytes"},
		{true, 63, "truncated ELF: the file has 63 bytes"},
		{true, 64, "truncated ELF: 2 program headers at 0x40, the file has 64 bytes"},
		{true, 64 + 2 * 56 - 1, "truncated ELF: 2 program headers"},
		{true, 64 + 2 * 56, "truncated ELF: notes of 0x0 bytes"},
		{false, 15, "truncated ELF: the file has 15 bytes"},
		{false, 51, "truncated ELF: the file has 51 bytes"},
		{false, 52, "truncated ELF: 2 program headers at 0x40, the file has 52 bytes"},
		{false, 64 + 2 * 32 - 1, "truncated ELF: 2 program headers"},
	};
	struct boot_fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		make_elf(f, cases[i].is_64);
		f->size = cases[i].size;
		must_refuse(f, cases[i].what);
	}
	/* With the class unknown nothing beyond the first 16 bytes is looked at. */
	make_elf(f, true);
	f->file[4] = 3;
	f->size = 16;
	must_refuse(f, "corrupt ELF: class 3");
	f->size = 15;
	must_refuse(f, "the file has 15 bytes");
}

static void each_other_machine_is_named(void **state)
{
	static const struct {
		uint16_t machine;
		const char *name;
	} cases[] = {
		{183, "AArch64"}, {40, "Arm"}, {243, "RISC-V"},	   {21, "64-bit PowerPC"},
		{22, "s390"},	  {8, "MIPS"}, {258, "LoongArch"}, {77, "machine 77"},
	};
	struct boot_fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		for (int is_64 = 0; is_64 < 2; is_64++) {
			make_elf(f, is_64);
			put16(f->file + 18, cases[i].machine);
			must_refuse(f, cases[i].name);
			must_say(f, "one for x86");
		}
	}
}

static void both_classes_have_to_be_executables(void **state)
{
	static const struct {
		uint16_t type;
		const char *what;
	} cases[] = {
		{1, "object file"}, {3, "position-independent"}, {4, "core dump"}, {9, "type 9"}};
	struct boot_fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		for (int is_64 = 0; is_64 < 2; is_64++) {
			make_elf(f, is_64);
			put16(f->file + 16, cases[i].type);
			must_refuse(f, cases[i].what);
		}
	}
}

static void both_classes_have_headers_of_their_size(void **state)
{
	struct boot_fixture *f = *state;

	make_elf(f, false);
	put16(f->file + 42, 56);
	must_refuse(f, "program headers of 56 bytes instead of 32");
	make_elf(f, true);
	put16(f->file + 54, 32);
	must_refuse(f, "program headers of 32 bytes instead of 56");
}

/* The table goes behind everything else, with nothing but unused entries after the first. */
static void make_elf_with_headers(struct boot_fixture *f, unsigned int nr)
{
	size_t table = ELF_TEXT + ELF_FILESZ;

	make_elf(f, true);
	memcpy(f->file + table, f->file + ELF_PHDRS, 56);
	put64(f->file + 32, table);
	put16(f->file + 56, (uint16_t)nr);
	elf_add_tinyvmm_note(f, 1, 0);
	memcpy(f->file + table + 56, f->file + ELF_PHDRS + 56, 56);
	f->size = table + nr * 56;
}

static void up_to_128_program_headers_are_accepted(void **state)
{
	struct boot_fixture *f = *state;

	make_elf_with_headers(f, 128);
	must_identify(f);
	make_elf_with_headers(f, 129);
	must_refuse(f, "129 program headers; at most 128 are accepted");
}

static void what_lies_behind_the_table_is_no_header(void **state)
{
	struct boot_fixture *f = *state;

	make_elf(f, true);
	elf_add_tinyvmm_note(f, 1, 0);
	elf_set_phdr(f, 2, 1, ELF_TEXT, ELF_PADDR + 0x100000, 16, 16);
	f->modules.nr = 0;
	must_load(f, NULL, 0, 0);
	assert_int_equal(f->image.end, ELF_PADDR + ELF_MEMSZ);
	assert_int_equal(ram32(f, ELF_PADDR + 0x100000), 0);
}

static void the_image_reaches_from_the_lowest_to_the_highest_byte(void **state)
{
	static const struct {
		uint64_t paddr, memsz, start, end;
	} cases[] = {
		{ELF_PADDR + ELF_MEMSZ, 0x1000, ELF_PADDR, ELF_PADDR + ELF_MEMSZ + 0x1000},
		{ELF_PADDR + 0x1000, 0x1000, ELF_PADDR, ELF_PADDR + ELF_MEMSZ},
		{ELF_PADDR - 0x2000, 0x1000, ELF_PADDR - 0x2000, ELF_PADDR + ELF_MEMSZ},
		{ELF_PADDR - 0x2000, 0x8000, ELF_PADDR - 0x2000, ELF_PADDR + 0x6000},
	};
	struct boot_fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		make_elf(f, true);
		elf_add_tinyvmm_note(f, 1, 0);
		put16(f->file + 56, 3);
		elf_set_phdr(f, 2, 1, ELF_TEXT, cases[i].paddr, 16, cases[i].memsz);
		must_identify(f);
		assert_int_equal(f->image.start, cases[i].start);
		assert_int_equal(f->image.end, cases[i].end);
	}
}

static void a_segment_that_does_not_fit_is_named(void **state)
{
	struct boot_fixture *f = *state;

	make_elf(f, true);
	elf_add_tinyvmm_note(f, 1, 0);
	put16(f->file + 56, 3);
	elf_set_phdr(f, 2, 1, ELF_TEXT, UINT64_MAX - 8, 16, 16);
	must_refuse(f, "ELF segment 2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		boot_test(a_file_has_to_be_as_long_as_its_header),
		boot_test(each_other_machine_is_named),
		boot_test(both_classes_have_to_be_executables),
		boot_test(both_classes_have_headers_of_their_size),
		boot_test(up_to_128_program_headers_are_accepted),
		boot_test(what_lies_behind_the_table_is_no_header),
		boot_test(the_image_reaches_from_the_lowest_to_the_highest_byte),
		boot_test(a_segment_that_does_not_fit_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
