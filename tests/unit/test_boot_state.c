/* SPDX-License-Identifier: MIT */
/* How the first instruction finds the processor: mode, segments, and the room for its words. */
#include <errno.h>

#include "tests/unit/boot_fixture.h"
#include "vmm/core/array.h"

static void make_multiboot(struct boot_fixture *f)
{
	make_elf(f, false);
	put_multiboot(f, ELF_TEXT, 0);
}

static void make_payload(struct boot_fixture *f)
{
	make_elf(f, true);
	elf_add_tinyvmm_note(f, 1, 0);
}

/* Intel SDM vol. 3, 3.4.5: 4 GiB from 0, accessed; a busy TSS of 0x68 bytes takes two entries. */
static void the_gdt_has_six_entries(void **state)
{
	static const struct {
		void (*make)(struct boot_fixture *f);
		enum boot_mode mode;
		uint64_t code;
	} cases[] = {
		{make_multiboot, BOOT_MODE_PROTECTED32, 0x00cf9b000000ffff},
		{make_payload, BOOT_MODE_LONG64, 0x00af9b000000ffff},
	};
	struct boot_fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		const uint64_t gdt[] = {0, 0, cases[i].code, 0x00cf93000000ffff, 0x00008b0000000067,
					0};

		cases[i].make(f);
		must_load(f, NULL, 0, 0);
		assert_int_equal(f->entry.mode, cases[i].mode);
		assert_int_equal(f->entry.rip, ELF_PADDR + 16);
		assert_int_equal(f->entry.gdt_limit, sizeof(gdt) - 1);
		assert_int_equal(f->entry.code_selector, 0x10);
		assert_int_equal(f->entry.data_selector, 0x18);
		assert_int_equal(f->entry.tss_selector, 0x20);
		assert_memory_equal(f->ram + f->entry.gdt, gdt, sizeof(gdt));
	}
}

/* A flat map of 4 GiB in pages of 2 MiB, and not a table more. */
static void the_page_tables_end_with_4_gib(void **state)
{
	struct boot_fixture *f = *state;
	uint64_t pdpt;

	make_payload(f);
	must_load(f, NULL, 0, 0);
	pdpt = ram64(f, f->entry.cr3) & ~0xfffull;
	for (unsigned int i = 0; i < 512; i++)
		assert_int_equal(ram64(f, pdpt + i * 8) != 0, i < 4);
	for (unsigned int i = 1; i < 512; i++)
		assert_int_equal(ram64(f, f->entry.cr3 + i * 8), 0);
}

/* The longest line that is accepted takes its whole place, with what the protocol puts before it.
 */
static void the_longest_command_line_just_fits(void **state)
{
	static char line[MEMMAP_CMDLINE_MAX];
	struct boot_fixture *f = *state;

	make_multiboot(f);
	must_identify(f);
	memset(line, 'x', sizeof(line));
	line[f->image.cmdline_max] = '\0';
	f->board.cmdline = line;
	must_load(f, NULL, 0, 0);
	assert_int_equal(strlen(ram_string(f, ram32(f, f->entry.rbx + 16))),
			 MEMMAP_CMDLINE_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		boot_test(the_gdt_has_six_entries),
		boot_test(the_page_tables_end_with_4_gib),
		boot_test(the_longest_command_line_just_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
