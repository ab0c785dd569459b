/* SPDX-License-Identifier: MIT */
/* Where image, modules, device tree and start information go, and what does not fit. */
#include <errno.h>

#include "tests/unit/boot_fixture.h"
#include "vmm/core/array.h"

#define IMAGE_END (BZ_PREF_ADDRESS + BZ_INIT_SIZE) /* 24 MiB */

/* An image of each protocol whose one segment is at `paddr`; false if the loader refuses it there.
 */
static bool put_image(struct boot_fixture *f, enum boot_protocol protocol, uint64_t paddr,
		      uint64_t memsz)
{
	make_elf(f, protocol != BOOT_MULTIBOOT);
	elf_set_phdr(f, 0, 1, ELF_TEXT, paddr, 1, memsz);
	if (protocol == BOOT_MULTIBOOT)
		put32(f->file + 24, (uint32_t)paddr);
	else
		put64(f->file + 24, paddr);
	if (protocol == BOOT_MULTIBOOT)
		put_multiboot(f, 0x800, 0);
	if (protocol == BOOT_PVH)
		elf_add_pvh_note(f, paddr);
	if (protocol == BOOT_TINYVMM)
		elf_add_tinyvmm_note(f, 1, 0);
	return identify(f) == 0 && f->image.protocol == protocol;
}

/* ---- what is reserved ---- */

static void each_protocol_reserves_what_it_needs_and_no_more(void **state)
{
	static const struct {
		uint64_t paddr, memsz;
		/* may the image lie there? of a protocol without page tables, and of one with */
		bool told, entered_long;
	} cases[] = {
		{0, 1, false, false},
		{0xfff, 1, false, false},
		{0x1000, 0x7000, true, true},
		{0x1000, 0x7001, true, false}, /* the stack */
		{0x8000, 0x4000, true, false}, /* kvm-unit-tests' realmode.flat */
		{0xefff, 1, true, false},      /* the last page table */
		{0xf000, 0x91000, true, true}, /* to the end of base memory */
		{0x1000, 0x9f000, true, false},
		{0xf000, 0x91001, false, false}, /* the ACPI tables */
		{0xfffff, 1, false, false},
		{0x100000, 1, true, true},
		{0xbfffffff, 1, true, true},
		{0xbfffffff, 2, false, false},
	};
	struct boot_fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		assert_int_equal(put_image(f, BOOT_MULTIBOOT, cases[i].paddr, cases[i].memsz),
				 cases[i].told);
		assert_int_equal(put_image(f, BOOT_PVH, cases[i].paddr, cases[i].memsz),
				 cases[i].told);
		assert_int_equal(put_image(f, BOOT_TINYVMM, cases[i].paddr, cases[i].memsz),
				 cases[i].entered_long);
		assert_int_equal(put_image(f, BOOT_ELF64, cases[i].paddr, cases[i].memsz),
				 cases[i].entered_long);
	}
}

/* ---- the start information ---- */

static void the_start_information_keeps_off_the_image(void **state)
{
	static const struct {
		uint64_t start, end;
		uint64_t at;
	} cases[] = {
		{0x100000, 0x200000, 0x10000},
		{0x8000, 0xdc00, 0x10000},  /* kvm-unit-tests' realmode.flat */
		{0x9000, 0x1375fc, 0x1000}, /* GRUB for coreboot, around all above it */
		{0x1000, 0x10000, 0x10000},
		{0x1000, 0x10001, 0x11000},
		{0x10000, 0x20000, 0x20000},
		{0x10800, 0x20000, 0x10000}, /* it fits below */
		{0x10100, 0x20000, 0x20000}, /* it does not */
		{0x10800, 0xa0000, 0x10000},
		{0x10100, 0xa0000, 0x1000},
		{0x1000, 0xa0000, 0x100000}, /* no room at all below 1 MiB */
		{0x1000, 0x300001, 0x301000},
		{0x1800, 0x300000, 0x1000},
	};
	struct boot_fixture *f = *state;

	for (int i = 0; i < 2 * (int)NR_OF(cases); i++) {
		uint64_t start = cases[i / 2].start, end = cases[i / 2].end;

		assert_true(put_image(f, i % 2 ? BOOT_PVH : BOOT_MULTIBOOT, ELF_PADDR, 1));
		f->image.start = start;
		f->image.end = end;
		assert_int_equal(plan(f, 1, 0), 0);
		assert_in_range(f->plan.handover.size_bytes, 200, 0x800);
		assert_int_equal(f->plan.handover.start, cases[i / 2].at);
	}
}

static void the_start_information_may_fill_its_room_to_the_last_byte(void **state)
{
	static char line[65536];
	struct boot_fixture *f = *state;
	uint64_t fixed;

	assert_true(put_image(f, BOOT_PVH, 0x20000, 0x80000));
	assert_int_equal(plan(f, 0, 0), 0);
	fixed = f->plan.handover.size_bytes;
	memset(line, 'x', sizeof(line) - 1);
	f->board.cmdline = line;
	line[0x10000 - fixed] = '\0';
	assert_int_equal(plan(f, 0, 0), 0);
	assert_int_equal(f->plan.handover.start, 0x10000);
	assert_int_equal(f->plan.handover.size_bytes, 0x10000);
	f->image.start--;
	assert_int_equal(plan(f, 0, 0), 0);
	assert_int_equal(f->plan.handover.start, 0x100000);
	f->image.start = 0x1000; /* between the image and the end of base memory */
	f->image.end = 0x90000;
	assert_int_equal(plan(f, 0, 0), 0);
	assert_int_equal(f->plan.handover.start, 0x90000);
	f->image.end++;
	assert_int_equal(plan(f, 0, 0), 0);
	assert_int_equal(f->plan.handover.start, 0x100000);
	f->image.start = 0x10000; /* between the free low memory's edge and the image */
	f->image.end = 0x9f000;
	line[0xf000 - fixed] = '\0';
	assert_int_equal(plan(f, 0, 0), 0);
	assert_int_equal(f->plan.handover.start, 0x1000);
	assert_int_equal(f->plan.handover.size_bytes, 0xf000);
	f->image.start--;
	assert_int_equal(plan(f, 0, 0), 0);
	assert_int_equal(f->plan.handover.start, 0x100000);
}

/* Behind an image without room below 1 MiB it is part of what the modules stay above. */
static void modules_stay_above_start_information_behind_the_image(void **state)
{
	struct boot_fixture *f = *state;

	assert_true(put_image(f, BOOT_MULTIBOOT, 0x1000, 0x9f000));
	fixture_board(f, 1 * MIB + 0x2000);
	assert_int_equal(plan(f, 0x1000, 0), 0);
	assert_int_equal(f->plan.handover.start, 0x100000);
	assert_int_equal(f->plan.module[0].start, 0x101000);
	assert_int_equal(plan(f, 0x1001, 0), -ENOMEM);
}

static void other_images_are_told_nothing(void **state)
{
	struct boot_fixture *f = *state;

	assert_true(put_image(f, BOOT_ELF64, ELF_PADDR, 1));
	assert_int_equal(plan(f, 1, 1), 0);
	assert_int_equal(f->plan.handover.size_bytes, 0);
	make_bzimage(f);
	must_identify(f);
	assert_int_equal(plan(f, 1, 1), 0);
	assert_int_equal(f->plan.handover.size_bytes, 0);
}

/* ---- modules ---- */

static void modules_lie_in_their_order_on_pages_of_their_own(void **state)
{
	struct boot_fixture *f = *state;

	assert_true(put_image(f, BOOT_MULTIBOOT, ELF_PADDR, 1));
	add_module(f, true, NULL, 1, NULL);
	add_module(f, false, NULL, 0x1001, "a");
	add_module(f, false, NULL, 0x1000, NULL);
	assert_int_equal(plan_modules(f, 0), 0);
	assert_int_equal(f->plan.module[2].start, 64 * MIB - 0x1000);
	assert_int_equal(f->plan.module[2].size_bytes, 0x1000);
	assert_int_equal(f->plan.module[1].start, 64 * MIB - 0x3000);
	assert_int_equal(f->plan.module[1].size_bytes, 0x1001);
	assert_int_equal(f->plan.module[0].start, 64 * MIB - 0x4000);
	assert_int_equal(f->plan.module[0].size_bytes, 1);
	assert_int_equal(f->plan.module[3].size_bytes, 0);
}

static void modules_that_do_not_fit_together_say_so(void **state)
{
	struct boot_fixture *f = *state;

	assert_true(put_image(f, BOOT_MULTIBOOT, ELF_PADDR, 1)); /* at 2 MiB */
	add_module(f, false, NULL, 40 * MIB, NULL);
	add_module(f, false, NULL, 22 * MIB - 0x1000, NULL);
	assert_int_equal(plan_modules(f, 0), 0);
	f->module[1].size_bytes++;
	assert_int_equal(plan_modules(f, 0), -ENOMEM);
	must_say(f, "--mem 64M: this image with its modules needs 65 MiB; use --mem 128M or more");
	f->module[2].size_bytes = 1024 * MIB; /* behind the last one */
	assert_int_equal(plan_modules(f, 0), -ENOMEM);
	must_say(f, "needs 65 MiB");
	f->modules.nr = 1;
	f->module[0].size_bytes = 63 * MIB;
	assert_int_equal(plan_modules(f, 0), -ENOMEM);
	must_say(f, "this image with its modules needs 66 MiB");
	f->module[0].is_initrd = true;
	assert_int_equal(plan_modules(f, 0), -ENOMEM);
	must_say(f, "this image with its --initrd needs 66 MiB");
	f->modules.nr = 2;
	assert_int_equal(plan_modules(f, 0), -ENOMEM);
	must_say(f, "this image with its modules needs 88 MiB");
	f->module[0].size_bytes = 3072 * MIB;
	f->module[1].size_bytes = 1023 * MIB;
	assert_int_equal(plan_modules(f, 0), -E2BIG);
	must_say(f, "file: 4095 MiB do not fit between the image's end 0x201000");
	must_say(f, "where this Multiboot image wants them; use a smaller file");
	f->module[0].size_bytes++;
	assert_int_equal(plan_modules(f, 0), -E2BIG);
	must_say(f, "file: 3073 MiB are more than fit below 3 GiB");
	f->module[0].size_bytes = 1;
	f->module[1].size_bytes = 3072 * MIB + 1;
	assert_int_equal(plan_modules(f, 0), -E2BIG);
	must_say(f, "--module file: 3073 MiB are more than fit below 3 GiB");
}

static void only_pvh_and_multiboot_images_take_modules(void **state)
{
	static const enum boot_protocol takers[] = {BOOT_PVH, BOOT_MULTIBOOT};
	static const enum boot_protocol others[] = {BOOT_TINYVMM, BOOT_ELF64};
	struct boot_fixture *f = *state;

	add_module(f, false, NULL, 1, NULL);
	for (size_t i = 0; i < 2; i++) {
		assert_true(put_image(f, takers[i], ELF_PADDR, 1));
		assert_int_equal(plan_modules(f, 0), 0);
		assert_true(put_image(f, others[i], ELF_PADDR, 1));
		assert_int_equal(plan_modules(f, 0), -EINVAL);
		must_say(f, "--module file: this ");
		must_say(f, " takes no modules, only PVH and Multiboot images do; use --initrd");
	}
	f->modules.nr = 0;
	add_module(f, true, NULL, 1, NULL);
	add_module(f, false, NULL, 1, NULL);
	for (uint16_t xloadflags = 0; xloadflags < 2; xloadflags++) {
		make_bzimage(f);
		put16(f->file + 0x236, xloadflags);
		must_identify(f);
		assert_int_equal(plan_modules(f, 0), -EINVAL);
		must_say(f, "--module file: this Linux bzImage");
	}
}

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
		assert_int_equal(f->plan.module[0].start, cases[i].initrd_start);
		assert_int_equal(f->plan.module[0].size_bytes, cases[i].initrd_size);
		assert_int_equal(f->plan.fdt.start, cases[i].fdt_start);
		assert_int_equal(f->plan.fdt.size_bytes, cases[i].fdt_size);
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
		assert_int_equal(f->plan.module[0].start, cases[i].start);
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
	assert_int_equal(f->plan.module[0].start, 1 * MIB);
	assert_int_equal(plan(f, 0x1001, 0xf00), -ENOMEM);
}

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
		{24 * MIB, 0, 3 * MIB, -ENOMEM,
		 "--mem 24M: this image with its device tree needs 28 MiB"},
		{24 * MIB, 0, 1, -ENOMEM,
		 "--mem 24M: this image with its device tree needs 25 MiB"},
		{64 * MIB, 41 * MIB, 100, -ENOMEM,
		 "--mem 64M: this image with its --initrd needs 66 MiB; use --mem 128M or more"},
		{64 * MIB, 40 * MIB, 1, -ENOMEM, "use --mem 128M or more"},
		{8192 * MIB, 3000 * MIB + 49 * MIB, 0, -ENOMEM,
		 "this image with its --initrd needs 3074 MiB of RAM below 3 GiB, which no --mem"},
		{64 * MIB, 3073 * MIB, 0, -E2BIG,
		 "--initrd file: 3073 MiB are more than fit below 3 GiB; use a smaller file"},
		{64 * MIB, UINT64_MAX, 0, -E2BIG, "--initrd file: 17592186044416 MiB"},
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

/* Needs that are a whole number of MiB, half of one more, a power of two, and all below 3 GiB. */
static void what_an_image_needs_is_rounded_up_to_MiB(void **state)
{
	static const struct {
		uint32_t init_size;
		const char *message;
	} cases[] = {
		{8 * MIB, "needs 24 MiB; use --mem 32M or more"},
		{8 * MIB + MIB / 2, "needs 25 MiB; use --mem 32M or more"},
		{16 * MIB, "needs 32 MiB; use --mem 32M or more"},
		{16 * MIB + 1, "needs 33 MiB; use --mem 64M or more"},
		{3056 * MIB, "needs 3072 MiB; use --mem 4096M or more"},
		{3056 * MIB + 1, "needs 3073 MiB of RAM below 3 GiB, which no --mem gives"},
	};
	struct boot_fixture *f = *state;

	fixture_board(f, 2 * MIB);
	for (size_t i = 0; i < NR_OF(cases); i++) {
		make_bzimage(f);
		put32(f->file + 0x260, cases[i].init_size);
		must_identify(f);
		assert_int_equal(plan(f, 0, 0), -ENOMEM);
		must_say(f, cases[i].message);
	}
}

/* Low RAM ends where the last RAM below the hole ends, whatever else the map has. */
static void only_ram_below_the_hole_is_room(void **state)
{
	static const struct board_range more[] = {
		{96 * MIB, 32 * MIB, BOARD_RESERVED},
		{MEMMAP_HOLE_START, 64 * MIB, BOARD_RAM},
		{MEMMAP_HOLE_END, 64 * MIB, BOARD_RAM},
		{0, 128 * MIB, BOARD_RAM}, /* behind the last one */
	};
	struct boot_fixture *f = *state;

	make_bzimage(f);
	must_identify(f);
	memcpy(&f->board.range[f->board.nr_ranges], more, sizeof(more));
	f->board.nr_ranges += 3;
	assert_int_equal(plan(f, 0x1000, 0), 0);
	assert_int_equal(f->plan.module[0].start, 64 * MIB - 0x1000);
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
	must_say(f,
		 "--initrd file: 9 MiB do not fit between the image's end 0x1800000 and 0x2000000");
	must_say(f, "where this Linux bzImage (64-bit entry) wants it; use a smaller file");
	put32(f->file + 0x22c, 0x1fffffe); /* the last page has to stay free */
	must_identify(f);
	assert_int_equal(plan(f, 8 * MIB, 100), -E2BIG);
	must_say(f, "image's end 0x1800000 and 0x1fff000");
	put32(f->file + 0x22c, 0x7ffffff); /* 128 MiB, to which it fits exactly, but for the RAM */
	must_identify(f);
	fixture_board(f, 64 * MIB);
	assert_int_equal(plan(f, 104 * MIB, 0), -ENOMEM);
	assert_int_equal(plan(f, 104 * MIB + 1, 0), -E2BIG);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		boot_test(each_protocol_reserves_what_it_needs_and_no_more),
		boot_test(the_start_information_keeps_off_the_image),
		boot_test(the_start_information_may_fill_its_room_to_the_last_byte),
		boot_test(modules_stay_above_start_information_behind_the_image),
		boot_test(other_images_are_told_nothing),
		boot_test(modules_lie_in_their_order_on_pages_of_their_own),
		boot_test(modules_that_do_not_fit_together_say_so),
		boot_test(only_pvh_and_multiboot_images_take_modules),
		boot_test(the_tree_is_at_the_top_of_low_ram_and_the_initrd_below_it),
		boot_test(the_initrd_stays_within_the_kernels_limit),
		boot_test(nothing_is_placed_below_1_MiB),
		boot_test(what_does_not_fit_names_option_numbers_and_remedy),
		boot_test(what_an_image_needs_is_rounded_up_to_MiB),
		boot_test(only_ram_below_the_hole_is_room),
		boot_test(an_initrd_that_only_the_kernels_limit_keeps_out_says_so),
		boot_test(a_board_without_ram_for_images_is_too_small),
		boot_test(a_command_line_has_the_length_that_the_kernel_accepts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
