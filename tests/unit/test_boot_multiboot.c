/* SPDX-License-Identifier: MIT */
/* Multiboot images, against the specification's version 0.6.96. */
#include <errno.h>

#include "tests/unit/boot_fixture.h"
#include "vmm/core/array.h"

/* A file without a format: the header at 0x100, the addresses of 3.1.3 behind it. */
#define FLAT_HEADER 0x100
#define FLAT_SIZE   0x2000
#define FLAT_LOAD   0x100000

static void make_flat(struct boot_fixture *f)
{
	memset(f->file, 0, sizeof(f->file));
	f->size = FLAT_SIZE;
	for (size_t i = 0; i < FLAT_SIZE; i++)
		f->file[i] = (uint8_t)(i * 3 + 1);
	put_multiboot(f, FLAT_HEADER, 1u << 16);
	put32(f->file + FLAT_HEADER + 12, FLAT_LOAD + FLAT_HEADER); /* header_addr */
	put32(f->file + FLAT_HEADER + 16, FLAT_LOAD);
	put32(f->file + FLAT_HEADER + 20, FLAT_LOAD + FLAT_SIZE); /* load_end_addr */
	put32(f->file + FLAT_HEADER + 24, FLAT_LOAD + 0x8000);	  /* bss_end_addr */
	put32(f->file + FLAT_HEADER + 28, FLAT_LOAD + 0x200);	  /* entry_addr */
}

static void a_header_with_addresses_needs_no_format(void **state)
{
	struct boot_fixture *f = *state;

	make_flat(f);
	must_load(f, NULL, 0, 0);
	assert_int_equal(f->image.protocol, BOOT_MULTIBOOT);
	assert_int_equal(f->image.start, FLAT_LOAD);
	assert_int_equal(f->image.end, FLAT_LOAD + 0x8000);
	assert_int_equal(f->image.entry, FLAT_LOAD + 0x200);
	assert_true(f->image.wants_irqchip);
	assert_true(f->image.wants_acpi);
	assert_false(f->image.is_linux);
	assert_memory_equal(f->ram + FLAT_LOAD, f->file, FLAT_SIZE);
	assert_int_equal(f->ram[FLAT_LOAD + FLAT_SIZE], 0);
}

static void what_stands_before_the_load_address_is_not_loaded(void **state)
{
	struct boot_fixture *f = *state;

	make_flat(f);
	put32(f->file + FLAT_HEADER + 12, FLAT_LOAD + 0x40); /* so loading begins at 0xc0 */
	put32(f->file + FLAT_HEADER + 20, FLAT_LOAD + 0x1000);
	must_load(f, NULL, 0, 0);
	assert_memory_equal(f->ram + FLAT_LOAD, f->file + FLAT_HEADER - 0x40, 0x1000);
	assert_int_equal(f->ram[FLAT_LOAD + 0x1000], 0);
}

static void load_end_0_means_the_end_of_the_file_and_bss_end_0_no_bss(void **state)
{
	struct boot_fixture *f = *state;

	make_flat(f);
	put32(f->file + FLAT_HEADER + 20, 0);
	put32(f->file + FLAT_HEADER + 24, 0);
	must_load(f, NULL, 0, 0);
	assert_int_equal(f->image.end, FLAT_LOAD + FLAT_SIZE);
	assert_memory_equal(f->ram + FLAT_LOAD, f->file, FLAT_SIZE);
}

static void an_elf_leaves_its_addresses_to_its_program_headers(void **state)
{
	struct boot_fixture *f = *state;

	/* kvm-unit-tests' .flat files are 32-bit ELF, its .elf files 64-bit */
	for (int is_64 = 0; is_64 <= 1; is_64++) {
		make_elf(f, is_64);
		put_multiboot(f, ELF_TEXT, 0);
		must_load(f, NULL, 0, 0);
		assert_int_equal(f->image.protocol, BOOT_MULTIBOOT);
		assert_int_equal(f->image.entry, ELF_PADDR + 16);
		assert_memory_equal(f->ram + ELF_PADDR, f->file + ELF_TEXT, ELF_FILESZ);
		must_enter_protected(f);
	}
}

static void addresses_in_the_header_count_even_in_an_elf(void **state)
{
	struct boot_fixture *f = *state;
	uint8_t *h = f->file + ELF_TEXT;

	make_elf(f, false);
	put_multiboot(f, ELF_TEXT, 1u << 16); /* 3.1.2: then they are used, not the ELF's */
	put32(h + 12, 0x400000);
	put32(h + 16, 0x400000);
	put32(h + 20, 0);
	put32(h + 24, 0);
	put32(h + 28, 0x400020);
	must_load(f, NULL, 0, 0);
	assert_int_equal(f->image.start, 0x400000);
	assert_memory_equal(f->ram + 0x400000, h, ELF_FILESZ);
	assert_int_equal(f->ram[ELF_PADDR], 0);
}

static void the_header_is_found_4_aligned_and_contained_in_8192_bytes(void **state)
{
	static const struct {
		size_t offset;
		bool found;
	} cases[] = {{0x200, true}, {0x202, false}, {8192 - 12, true}, {8192 - 8, false}};
	struct boot_fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		make_elf(f, false);
		f->size = 16384;
		put_multiboot(f, cases[i].offset, 0);
		if (cases[i].found)
			must_identify(f);
		else
			must_refuse(f, "neither a PVH note nor a Multiboot header");
	}
}

static void a_header_whose_checksum_is_wrong_is_none(void **state)
{
	struct boot_fixture *f = *state;

	make_flat(f);
	f->file[FLAT_HEADER + 8] ^= 1;
	must_refuse(f, "this is of no known format");
}

static void required_flags_must_be_understood(void **state)
{
	static const struct {
		uint32_t flags;
		const char *why; /* NULL: fine */
	} cases[] = {
		{0, NULL},
		{1u << 0, NULL}, /* page-aligned modules */
		{1u << 1, NULL}, /* memory information */
		{1u << 2, "requires a video mode"},
		{1u << 3, "requires unknown features (header flags 0x8)"},
		{1u << 15, "requires unknown features"},
		{1u << 17, NULL}, /* above 15: optional */
		{1u << 31, NULL},
	};
	struct boot_fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		make_elf(f, false);
		put_multiboot(f, 0x200, cases[i].flags);
		if (cases[i].why)
			must_refuse(f, cases[i].why);
		else
			must_identify(f);
	}
}

static void hostile_addresses_are_refused(void **state)
{
	static const struct {
		const char *why;
		uint32_t header, load, load_end, bss_end, entry;
	} cases[] = {
		{"corrupt Multiboot header", 0x100000, 0x100001, 0, 0, 0x100001},
		{"corrupt Multiboot header", 0x100101, 0x100000, 0, 0, 0x100000},
		{"corrupt Multiboot header", UINT32_MAX, 0, 0, 0, 0},
		{"corrupt Multiboot header", 0x100100, 0x100000, 0x100000, 0, 0x100000},
		{"corrupt Multiboot header", 0x100100, 0x100000, 0xfffff, 0, 0x100000},
		{"corrupt Multiboot header", 0x100100, 0x100000, 0x101000, 0x100fff, 0x100000},
		{"truncated Multiboot image: 0x2001 bytes", 0x100100, 0x100000, 0x102001, 0,
		 0x100000},
		{"truncated Multiboot image", 0x100100, 0x100000, UINT32_MAX, 0, 0x100000},
		{"lies on 0x0-0x1000", 0x100, 0, 0, 0, 0},
		{"lies on 0x0-0x1000", 0xffc, 0xfff - 0x100, 0, 0, 0xfff},
		{"lies on 0xa0000-0x100000", 0x9f100, 0x9f000, 0, 0, 0x9f000},
		{"lies on 0xc0000000", 0xbffff100, 0xbffff000, 0, 0, 0xbffff000},
		{"lies on 0xc0000000", 0x100100, 0x100000, 0, UINT32_MAX, 0x100000},
		{"entry 0xfffff lies outside", 0x100100, 0x100000, 0, 0, 0xfffff},
		{"entry 0x102000 lies outside", 0x100100, 0x100000, 0, 0, 0x102000},
	};
	struct boot_fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		make_flat(f);
		put32(f->file + FLAT_HEADER + 12, cases[i].header);
		put32(f->file + FLAT_HEADER + 16, cases[i].load);
		put32(f->file + FLAT_HEADER + 20, cases[i].load_end);
		put32(f->file + FLAT_HEADER + 24, cases[i].bss_end);
		put32(f->file + FLAT_HEADER + 28, cases[i].entry);
		must_refuse(f, cases[i].why);
	}
}

static void a_header_cut_off_by_the_end_of_the_file_is_refused(void **state)
{
	struct boot_fixture *f = *state;

	make_flat(f);
	for (f->size = FLAT_HEADER; f->size < FLAT_HEADER + 12; f->size++)
		must_refuse(f, "this is of no known format");
	for (; f->size < FLAT_HEADER + 32; f->size++)
		must_refuse(f, "truncated Multiboot header");
}

static void without_addresses_the_file_must_be_elf(void **state)
{
	struct boot_fixture *f = *state;

	make_flat(f);
	put_multiboot(f, FLAT_HEADER, 0);
	must_refuse(f, "not ELF and whose header has no load addresses");
}

static void the_kernel_finds_its_information_in_ebx(void **state)
{
	struct boot_fixture *f = *state;
	uint64_t info, mods, mmap;

	make_flat(f);
	f->board.cmdline = "one two";
	must_load(f, "module", 6, 0);
	must_enter_protected(f);
	assert_int_equal(f->entry.rax, 0x2badb002);
	info = f->entry.rbx;
	assert_int_equal(ram32(f, info), 0x24d); /* memory, command line, modules, map, name */
	assert_int_equal(ram32(f, info + 4), 640);
	assert_int_equal(ram32(f, info + 8), 63 * 1024);
	assert_string_equal(ram_string(f, ram32(f, info + 16)), "kernel one two");
	assert_int_equal(ram32(f, info + 20), 1);
	mods = ram32(f, info + 24);
	assert_int_equal(ram32(f, mods), f->plan.module[0].start);
	assert_int_equal(ram32(f, mods + 4), f->plan.module[0].start + 6);
	assert_int_equal(ram32(f, mods) % 4096, 0);
	assert_int_equal(ram32(f, info + 44), 24 * f->board.nr_ranges);
	mmap = ram32(f, info + 48);
	for (unsigned int i = 0; i < f->board.nr_ranges; i++) {
		assert_int_equal(ram32(f, mmap + 24 * i), 20);
		assert_int_equal(ram64(f, mmap + 24 * i + 4), f->board.range[i].start);
		assert_int_equal(ram64(f, mmap + 24 * i + 12), f->board.range[i].size_bytes);
		assert_int_equal(ram32(f, mmap + 24 * i + 20), f->board.range[i].type);
	}
	assert_string_equal(ram_string(f, ram32(f, info + 64)), "tinyvmm");
}

static void without_a_module_its_flag_is_clear(void **state)
{
	struct boot_fixture *f = *state;

	make_flat(f);
	must_load(f, NULL, 0, 0);
	assert_int_equal(ram32(f, f->entry.rbx), 0x245);
	assert_int_equal(ram32(f, f->entry.rbx + 20), 0);
}

static void each_module_has_its_place_and_its_string(void **state)
{
	struct boot_fixture *f = *state;
	uint64_t info, mods;

	make_flat(f);
	f->board.cmdline = "hello";
	add_module(f, true, "initrd", 6, NULL);
	add_module(f, false, "first", 5, "one two=3");
	add_module(f, false, "second", 6, "");
	must_load_modules(f, 0);
	info = f->entry.rbx;
	assert_int_equal(ram32(f, info + 20), 3);
	mods = ram32(f, info + 24);
	for (unsigned int i = 0; i < 3; i++) {
		uint64_t start = f->plan.module[i].start;

		assert_int_equal(ram32(f, mods + 16 * i), start);
		assert_int_equal(ram32(f, mods + 16 * i + 4), start + f->source[i].len);
		assert_int_equal(ram32(f, mods + 16 * i + 12), 0);
		assert_memory_equal(f->ram + start, f->source[i].bytes, f->source[i].len);
	}
	assert_int_equal(ram32(f, mods + 8), 0);
	assert_string_equal(ram_string(f, ram32(f, mods + 16 + 8)), "one two=3");
	assert_string_equal(ram_string(f, ram32(f, mods + 32 + 8)), "");
	assert_string_equal(ram_string(f, ram32(f, info + 16)), "kernel hello");
	assert_int_equal(ram32(f, mods + 32 + 8) + 1,
			 f->plan.handover.start + f->plan.handover.size_bytes);
}

/* kvm-unit-tests' realmode.flat, which lies where other images have their stack and page tables. */
static void an_image_in_base_memory_is_loaded_and_told_beside_it(void **state)
{
	struct boot_fixture *f = *state;
	uint8_t *h = f->file + FLAT_HEADER;

	make_flat(f);
	put32(h + 12, 0x8000 + FLAT_HEADER);
	put32(h + 16, 0x8000);
	put32(h + 20, 0x8000 + FLAT_SIZE);
	put32(h + 24, 0x9f000);
	put32(h + 28, 0x8200);
	must_load(f, "module", 6, 0);
	assert_memory_equal(f->ram + 0x8000, f->file, FLAT_SIZE);
	assert_int_equal(f->entry.rip, 0x8200);
	assert_int_equal(f->entry.rbx, 0x9f000);
	assert_string_equal(ram_string(f, ram32(f, f->entry.rbx + 16)), "kernel ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		boot_test(a_header_with_addresses_needs_no_format),
		boot_test(what_stands_before_the_load_address_is_not_loaded),
		boot_test(load_end_0_means_the_end_of_the_file_and_bss_end_0_no_bss),
		boot_test(an_elf_leaves_its_addresses_to_its_program_headers),
		boot_test(addresses_in_the_header_count_even_in_an_elf),
		boot_test(the_header_is_found_4_aligned_and_contained_in_8192_bytes),
		boot_test(a_header_whose_checksum_is_wrong_is_none),
		boot_test(required_flags_must_be_understood),
		boot_test(hostile_addresses_are_refused),
		boot_test(a_header_cut_off_by_the_end_of_the_file_is_refused),
		boot_test(without_addresses_the_file_must_be_elf),
		boot_test(the_kernel_finds_its_information_in_ebx),
		boot_test(each_module_has_its_place_and_its_string),
		boot_test(an_image_in_base_memory_is_loaded_and_told_beside_it),
		boot_test(without_a_module_its_flag_is_clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
