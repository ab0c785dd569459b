/* SPDX-License-Identifier: MIT */
/* What all images share: foreign files, and what is written whatever the format. */
#include <errno.h>
#include <stdlib.h>

#include "tests/unit/boot_fixture.h"
#include "vmm/core/array.h"

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

/* ---- loading ---- */

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
		boot_load(&f->image, &f->board, &f->modules, &f->plan, &f->mem, &f->entry, &f->err),
		-EFAULT);
	must_say(f, "the Linux kernel cannot be placed at 0x1000000-0x1002000");
}

/* Kernels that expect a PC: Linux, PVH, Multiboot. */
static void make_pc_kernel(struct boot_fixture *f, int kind)
{
	if (kind == 0)
		make_bzimage(f);
	else
		make_elf(f, false);
	if (kind == 1)
		elf_add_pvh_note(f, ELF_PADDR);
	if (kind == 2)
		put_multiboot(f, ELF_TEXT, 0);
	fixture_ram(f, 64 * MIB);
}

/* What real-mode trampolines look for: Xen's finds no room if base memory is 0 KiB. */
static void the_bios_data_area_tells_kernels_the_size_of_base_memory(void **state)
{
	struct boot_fixture *f = *state;

	for (int kind = 0; kind < 3; kind++) {
		make_pc_kernel(f, kind);
		must_load(f, NULL, 0, 0);
		assert_int_equal(ram16(f, 0x413), 640);
		assert_int_equal(ram16(f, 0x40e), 0); /* no EBDA */
		f->board.range[0].size_bytes = 0x9fc00;
		must_load(f, NULL, 0, 0);
		assert_int_equal(ram16(f, 0x413), 639);
	}
}

/* Xen's trampoline asks for disks and video modes; with vectors of zero it runs into zeroes. */
static void a_bios_service_returns_with_the_carry_flag_set(void **state)
{
	static const uint8_t code[] = {
		0x55,			/* push %bp: flags are now at sp + 6 */
		0x89, 0xe5,		/* mov %sp, %bp */
		0x80, 0x4e, 0x06, 0x01, /* orb $1, 6(%bp) */
		0x5d,			/* pop %bp */
		0xcf,			/* iret */
	};
	struct boot_fixture *f = *state;

	for (int kind = 0; kind < 3; kind++) {
		make_pc_kernel(f, kind);
		must_load(f, NULL, 0, 0);
		for (unsigned int vector = 0; vector < 256; vector++) {
			uint64_t at = ram16(f, 4 * vector) + 16ull * ram16(f, 4 * vector + 2);

			if (vector < 0x10 || vector > 0x1f)
				assert_int_equal(at, 0);
			else
				assert_memory_equal(f->ram + at, code, sizeof(code));
		}
	}
}

static void a_payload_finds_nothing_of_a_bios(void **state)
{
	static const uint8_t nothing[0x1000];
	struct boot_fixture *f = *state;

	make_elf(f, true);
	must_load(f, NULL, 0, 0);
	assert_memory_equal(f->ram, nothing, 0x500);
	assert_memory_equal(f->ram + 0xff000, nothing, 0x1000);
}

static int refuse_to_read(void *ctx, void *to, struct err *err)
{
	(void)ctx, (void)to;
	return err_set(err, -ESTALE, "changed");
}

static void a_module_that_cannot_be_read_fails_the_load(void **state)
{
	struct boot_fixture *f = *state;

	make_bzimage(f);
	must_identify(f);
	add_module(f, true, "x", 1, NULL);
	f->module[0].read = refuse_to_read;
	assert_int_equal(plan_modules(f, 0), 0);
	assert_int_equal(
		boot_load(&f->image, &f->board, &f->modules, &f->plan, &f->mem, &f->entry, &f->err),
		-ESTALE);
	must_say(f, "changed");
}

static void a_module_where_no_ram_is_fails_the_load(void **state)
{
	struct boot_fixture *f = *state;

	make_bzimage(f);
	must_identify(f);
	assert_int_equal(plan(f, 0x2000, 0), 0);
	f->mem.region[0].size_bytes -= 0x1000;
	assert_int_equal(
		boot_load(&f->image, &f->board, &f->modules, &f->plan, &f->mem, &f->entry, &f->err),
		-EFAULT);
	must_say(f, "--initrd file cannot be placed at 0x3ffe000: not guest RAM; use more --mem");
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
	/* GDT and BIOS, zero page, six page tables, command line, BIOS code, kernel, initrd */
	assert_int_equal(pages, 1 + 1 + 6 + 1 + 1 + BZ_KERNEL_BYTES / 4096 + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		boot_test(a_foreign_file_is_answered_with_what_it_is),
		boot_test(text_and_nothing_are_told_too),
		boot_test(every_protocol_has_a_name),
		boot_test(a_command_line_as_long_as_its_room_is_copied_whole),
		boot_test(a_board_that_promises_ram_which_is_not_there_fails_to_load),
		boot_test(the_bios_data_area_tells_kernels_the_size_of_base_memory),
		boot_test(a_bios_service_returns_with_the_carry_flag_set),
		boot_test(a_payload_finds_nothing_of_a_bios),
		boot_test(a_module_that_cannot_be_read_fails_the_load),
		boot_test(a_module_where_no_ram_is_fails_the_load),
		boot_test(loading_touches_only_what_it_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
