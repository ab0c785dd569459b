/* SPDX-License-Identifier: MIT */
/* PVH kernels, against Xen's docs/misc/pvh.pandoc and public/arch-x86/hvm/start_info.h. */
#include <errno.h>

#include "tests/unit/boot_fixture.h"

static void each_pvh_module_has_its_place_its_size_and_its_string(void **state)
{
	struct boot_fixture *f = *state;
	uint64_t info, list;

	make_elf(f, false);
	elf_add_pvh_note(f, ELF_PADDR);
	f->board.cmdline = "hello";
	add_module(f, true, "initrd", 6, NULL);
	add_module(f, false, "first", 5, "one two=3");
	add_module(f, false, "second", 6, "");
	must_load_modules(f, 0);
	info = f->entry.rbx;
	assert_int_equal(ram32(f, info + 12), 3);
	list = ram64(f, info + 16);
	assert_int_equal(list % 8, 0);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(ram64(f, list + 32 * i), f->plan.module[i].start);
		assert_int_equal(ram64(f, list + 32 * i + 8), f->source[i].len);
		assert_int_equal(ram64(f, list + 32 * i + 24), 0);
		assert_memory_equal(f->ram + f->plan.module[i].start, f->source[i].bytes,
				    f->source[i].len);
	}
	assert_int_equal(ram64(f, list + 16), 0);
	assert_string_equal(ram_string(f, ram64(f, list + 32 + 16)), "one two=3");
	assert_string_equal(ram_string(f, ram64(f, list + 64 + 16)), "");
	assert_string_equal(ram_string(f, ram64(f, info + 24)), "hello");
	/* The last string ends what was planned for it. */
	assert_int_equal(ram64(f, list + 64 + 16) + 1,
			 f->plan.handover.start + f->plan.handover.size_bytes);
}

static void a_pvh_entry_outside_of_the_image_is_refused(void **state)
{
	struct boot_fixture *f = *state;

	make_elf(f, true);
	elf_add_pvh_note(f, 0xffffffff81000000);
	must_refuse(f, "entry 0xffffffff81000000 lies in no loaded segment");
}

static void pvh_start_information_is_version_1(void **state)
{
	struct boot_fixture *f = *state;
	uint64_t info, list, map;

	make_elf(f, false);
	elf_add_pvh_note(f, ELF_PADDR);
	f->board.cmdline = "hello pvh";
	must_load(f, "module", 6, 0);
	must_enter_protected(f);
	info = f->entry.rbx;
	assert_int_equal(ram32(f, info), 0x336ec578);
	assert_int_equal(ram32(f, info + 4), 1);
	assert_int_equal(ram32(f, info + 8), 0);  /* flags */
	assert_int_equal(ram32(f, info + 12), 1); /* nr_modules */
	list = ram64(f, info + 16);
	assert_int_equal(ram64(f, list), f->plan.module[0].start);
	assert_int_equal(ram64(f, list + 8), 6);
	assert_int_equal(ram64(f, list + 16), 0); /* its command line */
	assert_memory_equal(f->ram + f->plan.module[0].start, "module", 6);
	assert_string_equal(ram_string(f, ram64(f, info + 24)), "hello pvh");
	assert_int_equal(ram64(f, info + 32), MEMMAP_RSDP);
	map = ram64(f, info + 40);
	assert_int_equal(ram32(f, info + 48), f->board.nr_ranges);
	for (unsigned int i = 0; i < f->board.nr_ranges; i++) {
		assert_int_equal(ram64(f, map + 24 * i), f->board.range[i].start);
		assert_int_equal(ram64(f, map + 24 * i + 8), f->board.range[i].size_bytes);
		assert_int_equal(ram32(f, map + 24 * i + 16), f->board.range[i].type);
		assert_int_equal(ram32(f, map + 24 * i + 20), 0);
	}
}

static void a_pvh_kernel_without_initrd_has_no_modules(void **state)
{
	struct boot_fixture *f = *state;

	make_elf(f, true);
	elf_add_pvh_note(f, ELF_PADDR);
	must_load(f, NULL, 0, 0);
	assert_int_equal(ram32(f, f->entry.rbx + 12), 0);
	assert_int_equal(ram64(f, f->entry.rbx + 16), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		boot_test(each_pvh_module_has_its_place_its_size_and_its_string),
		boot_test(a_pvh_entry_outside_of_the_image_is_refused),
		boot_test(pvh_start_information_is_version_1),
		boot_test(a_pvh_kernel_without_initrd_has_no_modules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
