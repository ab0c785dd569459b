/* SPDX-License-Identifier: MIT */
/* Notes of ELF images: System V gABI chapter 5, guest/abi.h, and Xen's PVH boot ABI. */
#include <errno.h>

#include "tests/unit/boot_fixture.h"
#include "vmm/core/array.h"

static void a_tinyvmm_note_makes_a_payload_and_says_what_it_wants(void **state)
{
	static const struct {
		unsigned int flags;
		bool irqchip, all_cpus;
	} cases[] = {
		{0, false, false},
		{TINYVMM_NOTE_IRQCHIP, true, false},
		{TINYVMM_NOTE_ALL_CPUS, false, true},
		{TINYVMM_NOTE_IRQCHIP | TINYVMM_NOTE_ALL_CPUS, true, true},
	};
	struct boot_fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		make_elf(f, true);
		elf_add_tinyvmm_note(f, 1, cases[i].flags);
		must_load(f, NULL, 0, 100);
		assert_int_equal(f->image.protocol, BOOT_TINYVMM);
		assert_int_equal(f->image.note_flags, cases[i].flags);
		assert_int_equal(f->image.wants_irqchip, cases[i].irqchip);
		assert_false(f->image.wants_acpi);
		assert_int_equal(f->entry.all_cpus, cases[i].all_cpus);
	}
}

static void a_pvh_note_gives_the_32_bit_entry(void **state)
{
	struct boot_fixture *f = *state;

	for (int is_64 = 0; is_64 <= 1; is_64++) {
		make_elf(f, is_64);
		elf_add_pvh_note(f, ELF_PADDR + 0x40);
		must_identify(f);
		assert_int_equal(f->image.protocol, BOOT_PVH);
		assert_int_equal(f->image.entry, ELF_PADDR + 0x40);
		assert_true(f->image.wants_irqchip);
		assert_true(f->image.wants_acpi);
		assert_false(f->image.is_linux);
	}
}

static void a_64_bit_elf_may_give_its_pvh_entry_in_four_bytes(void **state)
{
	const uint32_t entry = ELF_PADDR + 4;
	struct boot_fixture *f = *state;

	make_elf(f, true);
	elf_add_note(f, "Xen", 18, &entry, sizeof(entry));
	must_identify(f);
	assert_int_equal(f->image.entry, entry);
}

static void a_pvh_kernel_is_linux_if_a_note_says_so(void **state)
{
	static const struct {
		const char *name;
		uint32_t type;
		const char *desc;
		bool is_linux;
	} cases[] = {
		{"Linux", 0x100, "salt", true}, /* LINUX_ELFNOTE_BUILD_SALT */
		{"Xen", 6, "linux", true},	/* XEN_ELFNOTE_GUEST_OS */
		{"Xen", 6, "FreeBSD", false},	/* another guest */
		{"Xen", 7, "linux-2.6", false}, /* XEN_ELFNOTE_GUEST_VERSION */
		{"LinuxX", 0x100, "salt", false},
	};
	struct boot_fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		make_elf(f, true);
		elf_add_note(f, cases[i].name, cases[i].type, cases[i].desc,
			     (uint32_t)strlen(cases[i].desc) + 1);
		elf_add_pvh_note(f, ELF_PADDR);
		must_identify(f);
		assert_int_equal(f->image.is_linux, cases[i].is_linux);
		assert_int_equal(f->image.cmdline_max, cases[i].is_linux ? 2047 : 0xffff);
	}
}

static void the_order_is_tinyvmm_then_pvh_then_multiboot_then_plain(void **state)
{
	struct boot_fixture *f = *state;

	make_elf(f, true);
	put_multiboot(f, 0x200, 0);
	must_identify(f);
	assert_int_equal(f->image.protocol, BOOT_MULTIBOOT);
	elf_add_pvh_note(f, ELF_PADDR);
	must_identify(f);
	assert_int_equal(f->image.protocol, BOOT_PVH);
	elf_add_tinyvmm_note(f, 1, 0);
	must_identify(f);
	assert_int_equal(f->image.protocol, BOOT_TINYVMM);
}

static void a_note_of_another_name_or_type_means_nothing(void **state)
{
	static const struct {
		const char *name;
		uint32_t type;
	} cases[] = {{"xen", 18}, {"Xen", 17}, {"Xe", 18}, {"tinyvmm", 2}, {"tinyvm", 1}, {"", 1}};
	const uint64_t desc = ELF_PADDR;
	struct boot_fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		make_elf(f, true);
		elf_add_note(f, cases[i].name, cases[i].type, &desc, sizeof(desc));
		must_identify(f);
		assert_int_equal(f->image.protocol, BOOT_ELF64);
	}
}

static void notes_of_a_segment_aligned_to_8_are_padded_to_8(void **state)
{
	const uint64_t entry = ELF_PADDR + 8;
	struct boot_fixture *f = *state;
	uint8_t *note = f->file + ELF_NOTES;

	make_elf(f, true);
	/* a GNU property of 4 bytes, padded to 8, before the one that matters */
	put32(note, 4);
	put32(note + 4, 4);
	put32(note + 8, 5);
	memcpy(note + 12, "GNU", 4);
	put32(note + 24, 4);
	put32(note + 28, 8);
	put32(note + 32, 18);
	memcpy(note + 36, "Xen", 4);
	put64(note + 40, entry);
	elf_set_phdr(f, 1, 4, ELF_NOTES, 0, 48, 48);
	put64(elf_phdr(f, 1) + 48, 8); /* p_align */
	must_identify(f);
	assert_int_equal(f->image.protocol, BOOT_PVH);
	assert_int_equal(f->image.entry, entry);
}

static void the_last_note_may_lack_its_padding(void **state)
{
	struct boot_fixture *f = *state;

	make_elf(f, true);
	elf_add_pvh_note(f, ELF_PADDR);
	elf_add_note(f, "Linux", 0x101, "abc", 3);
	put64(elf_phdr(f, 1) + 32, 24 + 12 + 8 + 3);
	must_identify(f);
	assert_true(f->image.is_linux);
}

static void malformed_notes_are_refused(void **state)
{
	static const struct {
		const char *why;
		unsigned int at; /* in the first note */
		uint32_t value;
	} cases[] = {
		{"a note runs past its segment", 0, 0x1000},
		{"a note runs past its segment", 0, UINT32_MAX},
		{"a note runs past its segment", 4, 9},
		{"a note runs past its segment", 4, UINT32_MAX},
		{"a PVH entry of 7 bytes", 4, 7},
		{"a PVH entry of 0 bytes", 4, 0},
	};
	struct boot_fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		make_elf(f, true);
		elf_add_pvh_note(f, ELF_PADDR);
		put32(f->file + ELF_NOTES + cases[i].at, cases[i].value);
		must_refuse(f, cases[i].why);
	}
	make_elf(f, true);
	elf_set_phdr(f, 1, 4, ELF_TEXT, 0, 0x801, 0x801);
	must_refuse(f, "notes of 0x801 bytes at 0x1000, the file has 0x1800");
	make_elf(f, true);
	elf_set_phdr(f, 1, 4, UINT64_MAX, 0, 16, 16);
	must_refuse(f, "notes of 0x10 bytes at 0xffffffffffffffff");
}

/* Overlapping segments make a small file a lot of notes to read. */
static void notes_of_all_segments_are_bounded_by_64_KiB(void **state)
{
	struct boot_fixture *f = *state;

	make_elf(f, true);
	f->size = sizeof(f->file);
	memset(f->file + ELF_TEXT, 0, f->size - ELF_TEXT);
	put16(f->file + 56, 5); /* e_phnum */
	for (unsigned int i = 1; i < 5; i++)
		elf_set_phdr(f, i, 4, ELF_TEXT, 0, 0x4000, 0x4000);
	must_identify(f);
	elf_set_phdr(f, 2, 4, ELF_TEXT, 0, 0x4001, 0x4001);
	must_refuse(f, "more than 65536 bytes of notes");
}

static void a_tinyvmm_note_from_the_future_is_refused(void **state)
{
	struct boot_fixture *f = *state;

	make_elf(f, true);
	elf_add_tinyvmm_note(f, 2, 0);
	must_refuse(f, "tinyvmm note of version 2, this program knows 1");
	make_elf(f, true);
	elf_add_tinyvmm_note(f, 1, 0x81);
	must_refuse(f, "unknown flags 0x80");
	make_elf(f, true);
	elf_add_note(f, "tinyvmm", 1, "\1\0\0", 4);
	must_refuse(f, "tinyvmm note of 4 bytes instead of 8");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		boot_test(a_pvh_note_gives_the_32_bit_entry),
		boot_test(a_64_bit_elf_may_give_its_pvh_entry_in_four_bytes),
		boot_test(a_pvh_kernel_is_linux_if_a_note_says_so),
		boot_test(a_note_of_another_name_or_type_means_nothing),
		boot_test(notes_of_a_segment_aligned_to_8_are_padded_to_8),
		boot_test(the_last_note_may_lack_its_padding),
		boot_test(malformed_notes_are_refused),
		boot_test(notes_of_all_segments_are_bounded_by_64_KiB),
		boot_test(a_tinyvmm_note_from_the_future_is_refused),
		boot_test(a_tinyvmm_note_makes_a_payload_and_says_what_it_wants),
		boot_test(the_order_is_tinyvmm_then_pvh_then_multiboot_then_plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
