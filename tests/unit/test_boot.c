/* SPDX-License-Identifier: MIT */
/* What all images share: foreign files, where initrd and device tree go, what does not fit. */
#include <errno.h>
#include <stdlib.h>

#include "tests/unit/boot_fixture.h"
#include "vmm/core/array.h"

#define IMAGE_END (BZ_PREF_ADDRESS + BZ_INIT_SIZE) /* 24 MiB */

/* ---- what is no image ---- */

static void a_foreign_file_is_answered_with_what_it_is(void **state)
{
	static const struct {
		size_t offset;
		const char *magic;
		size_t len;
		const char *seen;
	} cases[] = {
		{0x38, "ARM\x64", 4, "this is an arm64 Linux Image;"},
		{0x38, "RSC\x05", 4, "this is a RISC-V Linux Image;"},
		{0, "MZ", 2, "this is a PE/COFF (EFI or Windows) program without"},
		{0, "\x1f\x8b\x08", 3, "this is a gzip-compressed file"},
		{0, "\x28\xb5\x2f\xfd", 4, "this is a zstd-compressed file"},
		{0,
		 "\xfd"
		 "7zXZ\0",
		 6, "this is an xz-compressed file"},
		{0, "070701", 6, "this is a cpio archive, which is what an initrd looks like"},
		{0, "!<arch>\n", 8, "this is an ar archive"},
		{0, "QFI\xfb", 4, "this is a qcow2 disk image"},
		{257, "ustar", 5, "this is a tar archive"},
		{0x438, "\x53\xef", 2, "this is an ext2, ext3 or ext4 file system"},
		{0x1fe, "\x55\xaa", 2, "this is a boot sector or a disk image"},
		{0, "#!/bin/sh\n", 10, "this is a script"},
		{0, "\xff\xfe", 2, "this is of no known format"},
		{0, "", 0, "this is a file of zeroes"},
	};
	struct boot_fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		memset(f->file, 0, sizeof(f->file));
		f->size = 4096;
		memcpy(f->file + cases[i].offset, cases[i].magic, cases[i].len);
		must_refuse(f, cases[i].seen);
		must_say(f, "accepted are a Linux bzImage");
	}
}

static void text_and_nothing_are_told_too(void **state)
{
	struct boot_fixture *f = *state;

	f->size = 0;
	must_refuse(f, "this is an empty file");
	f->size = 12;
	memcpy(f->file, "hello world\n", f->size);
	must_refuse(f, "this is a text file");
	f->file[3] = 7;
	must_refuse(f, "this is of no known format");
	f->size = 1;
	must_refuse(f, "this is a text file");
}

static void every_protocol_has_a_name(void **state)
{
	(void)state;
	assert_string_equal(boot_protocol_name(BOOT_LINUX64), "Linux bzImage (64-bit entry)");
	assert_string_equal(boot_protocol_name(BOOT_LINUX32), "Linux bzImage (32-bit entry)");
	assert_string_equal(boot_protocol_name(BOOT_PVH), "PVH kernel");
	assert_string_equal(boot_protocol_name(BOOT_TINYVMM), "tinyvmm payload");
	assert_string_equal(boot_protocol_name(BOOT_ELF64), "64-bit ELF");
	assert_string_equal(boot_protocol_name(BOOT_MULTIBOOT), "Multiboot image");
}

/* ---- where things go ---- */

static void the_tree_is_at_the_top_of_low_ram_and_the_initrd_below_it(void **state)
{
	static const struct {
		uint64_t ram, initrd_size, fdt_size;
		uint64_t initrd_start, fdt_start; /* 16 bytes before the tree are setup_data's */
	} cases[] = {
		{64 * MIB, 0, 0, 0, 0},
		{64 * MIB, 1, 0, 64 * MIB - 0x1000, 0},
		{64 * MIB, 0, 1, 0, 64 * MIB - 0x1000 + 16},
		{64 * MIB, 0x1000, 0x1000, 64 * MIB - 0x3000, 64 * MIB - 0x2000 + 16},
		{64 * MIB, 0x1001, 0xff0, 64 * MIB - 0x3000, 64 * MIB - 0x1000 + 16},
		{64 * MIB, 40 * MIB, 0, 24 * MIB, 0}, /* all that the image leaves */
		{64 * MIB, 40 * MIB - 0x1000, 1, 24 * MIB, 64 * MIB - 0x1000 + 16},
		{64 * MIB + 0xfff, 1, 0, 64 * MIB - 0x1000, 0},
		{3072 * MIB, 0x1000, 0x100, 0xbfffe000, 0xbffff010},
		{8192 * MIB, 0x1000, 0x100, 0xbfffe000, 0xbffff010}, /* not above the hole */
	};
	struct boot_fixture *f = *state;

	make_bzimage(f);
	must_identify(f);
	for (size_t i = 0; i < NR_OF(cases); i++) {
		fixture_board(f, cases[i].ram);
		assert_int_equal(plan(f, cases[i].initrd_size, cases[i].fdt_size), 0);
		assert_int_equal(f->plan.initrd_start, cases[i].initrd_start);
		assert_int_equal(f->plan.initrd_size, cases[i].initrd_size);
		assert_int_equal(f->plan.fdt_start, cases[i].fdt_start);
		assert_int_equal(f->plan.fdt_size, cases[i].fdt_size);
	}
}

static void the_initrd_stays_within_the_kernels_limit(void **state)
{
	static const struct {
		uint32_t max;
		uint64_t start;
	} cases[] = {
		{0x37ffffff, 0x37fff000},
		{0x37fffffe, 0x37ffe000}, /* the last byte of the last page may not be used */
		{0xffffffff, 0xbffff000},
		{IMAGE_END + 0xfff, IMAGE_END},
	};
	struct boot_fixture *f = *state;

	fixture_board(f, 4096 * MIB);
	for (size_t i = 0; i < NR_OF(cases); i++) {
		make_bzimage(f);
		put16(f->file + 0x236, 1); /* not XLF_CAN_BE_LOADED_ABOVE_4G */
		put32(f->file + 0x22c, cases[i].max);
		must_identify(f);
		assert_int_equal(plan(f, 0x1000, 0), 0);
		assert_int_equal(f->plan.initrd_start, cases[i].start);
	}
}

static void nothing_is_placed_below_1_MiB(void **state)
{
	struct boot_fixture *f = *state;

	make_elf(f, true);
	elf_set_phdr(f, 0, 1, ELF_TEXT, 0x20000, 0x800, 0x1000);
	put64(f->file + 24, 0x20000);
	must_identify(f);
	fixture_board(f, 1 * MIB + 0x2000);
	assert_int_equal(plan(f, 0x1000, 0xf00), 0);
	assert_int_equal(f->plan.initrd_start, 1 * MIB);
	assert_int_equal(plan(f, 0x1001, 0xf00), -ENOMEM);
}

/* ---- what does not fit ---- */

static void what_does_not_fit_names_option_numbers_and_remedy(void **state)
{
	static const struct {
		uint64_t ram, initrd_size, fdt_size;
		int ret;
		const char *message;
	} cases[] = {
		{16 * MIB, 0, 0, -ENOMEM,
		 "--mem 16M: this Linux bzImage (64-bit entry) needs 24 MiB; use --mem 32M or "
		 "more"},
		{24 * MIB - 1, 0, 0, -ENOMEM, "--mem 23M: this Linux bzImage"},
		{24 * MIB, 0, 1, -ENOMEM,
		 "--mem 24M: this image with its device tree needs 25 MiB"},
		{64 * MIB, 41 * MIB, 100, -ENOMEM,
		 "--mem 64M: this image with its --initrd needs 66 MiB; use --mem 128M or more"},
		{64 * MIB, 40 * MIB, 1, -ENOMEM, "use --mem 128M or more"},
		{8192 * MIB, 3000 * MIB + 49 * MIB, 0, -ENOMEM,
		 "this image with its --initrd needs 3074 MiB of RAM below 3 GiB, which no --mem"},
		{64 * MIB, 3073 * MIB, 0, -E2BIG,
		 "--initrd: 3073 MiB are more than fit below 3 GiB; use a smaller one"},
		{64 * MIB, UINT64_MAX, 0, -E2BIG, "--initrd: 17592186044416 MiB"},
	};
	struct boot_fixture *f = *state;

	make_bzimage(f);
	must_identify(f);
	for (size_t i = 0; i < NR_OF(cases); i++) {
		fixture_board(f, cases[i].ram);
		assert_int_equal(plan(f, cases[i].initrd_size, cases[i].fdt_size), cases[i].ret);
		must_say(f, cases[i].message);
	}
}

static void an_initrd_that_only_the_kernels_limit_keeps_out_says_so(void **state)
{
	struct boot_fixture *f = *state;

	make_bzimage(f);
	put16(f->file + 0x236, 1);
	put32(f->file + 0x22c, 0x1ffffff); /* 32 MiB, of which the kernel takes 24 */
	must_identify(f);
	fixture_board(f, 1024 * MIB);
	assert_int_equal(plan(f, 8 * MIB, 100), 0);
	assert_int_equal(plan(f, 8 * MIB + 1, 100), -E2BIG);
	must_say(f, "--initrd: 9 MiB do not fit between the image's end 0x1800000 and 0x2000000");
	put32(f->file + 0x22c, 0); /* below the kernel itself */
	must_identify(f);
	assert_int_equal(plan(f, 1, 100), -E2BIG);
}

static void a_board_without_ram_for_images_is_too_small(void **state)
{
	struct boot_fixture *f = *state;

	make_elf(f, true);
	must_identify(f);
	f->board.nr_ranges = 1; /* 640 KiB */
	assert_int_equal(plan(f, 0, 0), -ENOMEM);
	must_say(f, "--mem 0M: this 64-bit ELF needs 3 MiB; use --mem 4M or more");
	f->board.nr_ranges = 0;
	assert_int_equal(plan(f, 0, 0), -ENOMEM);
}

static void a_command_line_has_the_length_that_the_kernel_accepts(void **state)
{
	static char line[70000];
	static const struct {
		uint32_t cmdline_size;
		size_t len;
		int ret;
	} cases[] = {
		{255, 255, 0},
		{255, 256, -E2BIG},
		{0, 0, 0},
		{0, 1, -E2BIG},
		{1u << 20, 0xffff, 0}, /* all of the room that there is */
		{1u << 20, 0x10000, -E2BIG},
	};
	struct boot_fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		memset(line, 'x', sizeof(line));
		line[cases[i].len] = '\0';
		make_bzimage(f);
		put32(f->file + 0x238, cases[i].cmdline_size);
		must_identify(f);
		f->board.cmdline = line;
		assert_int_equal(plan(f, 0, 0), cases[i].ret);
		if (cases[i].ret)
			must_say(f, "--append: the command line has ");
	}
}

static void a_command_line_as_long_as_its_room_is_copied_whole(void **state)
{
	static char line[0x10000];
	struct boot_fixture *f = *state;

	memset(line, 'y', sizeof(line) - 1);
	f->board.cmdline = line;
	make_bzimage(f);
	put32(f->file + 0x238, 0xffff);
	must_load(f, NULL, 0, 0);
	assert_string_equal(ram_string(f, MEMMAP_CMDLINE), line);
}

static void a_board_that_promises_ram_which_is_not_there_fails_to_load(void **state)
{
	struct boot_fixture *f = *state;

	make_bzimage(f);
	must_identify(f);
	assert_int_equal(plan(f, 0, 0), 0);
	f->mem.region[0].size_bytes = BZ_PREF_ADDRESS + 0x1000; /* ends within the kernel */
	assert_int_equal(
		boot_load(&f->image, &f->board, &f->plan, NULL, &f->mem, &f->entry, &f->err),
		-EFAULT);
	must_say(f, "the Linux kernel cannot be placed at 0x1000000-0x1002000");
}

static void loading_touches_only_what_it_writes(void **state)
{
	struct boot_fixture *f = *state;
	static unsigned char resident[16384];
	unsigned int pages = 0;

	make_bzimage(f);
	must_load(f, "x", 1, 100);
	assert_int_equal(mincore(f->ram, 64 * MIB, resident), 0);
	for (size_t i = 0; i < NR_OF(resident); i++)
		pages += resident[i] & 1;
	/* GDT, zero page, six page tables, command line, reset vector, kernel, initrd */
	assert_int_equal(pages, 1 + 1 + 6 + 1 + 1 + BZ_KERNEL_BYTES / 4096 + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		boot_test(a_foreign_file_is_answered_with_what_it_is),
		boot_test(text_and_nothing_are_told_too),
		boot_test(every_protocol_has_a_name),
		boot_test(the_tree_is_at_the_top_of_low_ram_and_the_initrd_below_it),
		boot_test(the_initrd_stays_within_the_kernels_limit),
		boot_test(nothing_is_placed_below_1_MiB),
		boot_test(what_does_not_fit_names_option_numbers_and_remedy),
		boot_test(an_initrd_that_only_the_kernels_limit_keeps_out_says_so),
		boot_test(a_board_without_ram_for_images_is_too_small),
		boot_test(a_command_line_has_the_length_that_the_kernel_accepts),
		boot_test(a_command_line_as_long_as_its_room_is_copied_whole),
		boot_test(a_board_that_promises_ram_which_is_not_there_fails_to_load),
		boot_test(loading_touches_only_what_it_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
