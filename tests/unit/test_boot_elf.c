/* SPDX-License-Identifier: MIT */
/* ELF images: System V gABI chapters 4 and 5, guest/abi.h, and Xen's PVH boot ABI. */
#include <errno.h>

#include "tests/unit/boot_fixture.h"
#include "guest/abi.h"
#include "vmm/core/array.h"

static void add_tinyvmm_note(struct boot_fixture *f, unsigned int version, unsigned int flags)
{
	const struct tinyvmm_note note = {version, flags};

	elf_add_note(f, "tinyvmm", 1, &note, sizeof(note));
}

/* ---- what an ELF is for ---- */

static void a_plain_64_bit_elf_is_entered_at_its_entry(void **state)
{
	struct boot_fixture *f = *state;

	make_elf(f, true);
	must_identify(f);
	assert_int_equal(f->image.protocol, BOOT_ELF64);
	assert_int_equal(f->image.entry, ELF_PADDR + 16);
	assert_int_equal(f->image.start, ELF_PADDR);
	assert_int_equal(f->image.end, ELF_PADDR + ELF_MEMSZ);
	assert_false(f->image.wants_irqchip);
	assert_false(f->image.wants_acpi);
	assert_false(f->image.is_linux);
}

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
		add_tinyvmm_note(f, 1, cases[i].flags);
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
	add_tinyvmm_note(f, 1, 0);
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

/* ---- what is refused ---- */

static void elf_files_that_are_no_image_say_what_they_are(void **state)
{
	static const struct {
		const char *why;
		unsigned int at, bytes;
		uint64_t value;
	} cases[] = {
		{"corrupt ELF: class 0", 4, 1, 0},
		{"corrupt ELF: class 3", 4, 1, 3},
		{"a big-endian ELF", 5, 1, 2},
		{"an ELF object file (or kernel module)", 16, 2, 1},
		{"a shared or position-independent ELF", 16, 2, 3},
		{"an ELF core dump", 16, 2, 4},
		{"an ELF of unknown type 65535", 16, 2, 0xffff},
		{"an ELF for AArch64; one for x86 is needed", 18, 2, 183},
		{"an ELF for RISC-V", 18, 2, 243},
		{"an ELF for machine 3;", 18, 2, 3}, /* the class says 64 bits */
		{"an ELF for machine 9999;", 18, 2, 9999},
		{"an ELF without program headers", 56, 2, 0},
		{"an ELF with 129 program headers", 56, 2, 129},
		{"program headers of 55 bytes instead of 56", 54, 2, 55},
		{"program headers of 0 bytes", 54, 2, 0},
		{"2 program headers at 0x1791, the file has 6144", 32, 8, 0x1791},
		{"2 program headers at 0xffffffffffffffff", 32, 8, UINT64_MAX},
		{"2 program headers at 0xffffffffffffffc8", 32, 8, 0 - 56ull},
		{"entry 0x0 lies in no loaded segment (0x200000-0x203000)", 24, 8, 0},
		{"entry 0x1fffff lies in no", 24, 8, ELF_PADDR - 1},
		{"entry 0x203000 lies in no", 24, 8, ELF_PADDR + ELF_MEMSZ},
		{"entry 0xffffffff80200000 lies in no", 24, 8, 0xffffffff80000000 + ELF_PADDR},
	};
	struct boot_fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		make_elf(f, true);
		memcpy(f->file + cases[i].at, &cases[i].value, cases[i].bytes);
		must_refuse(f, cases[i].why);
	}
}

static void hostile_segments_are_refused(void **state)
{
	static const struct {
		const char *why;
		uint64_t offset, paddr, filesz, memsz;
	} cases[] = {
		{"segment 0 has 0x800 bytes in the file but 0x7ff", ELF_TEXT, ELF_PADDR, 0x800,
		 0x7ff},
		{"segment 0 takes 0x801 bytes at 0x1000", ELF_TEXT, ELF_PADDR, 0x801, 0x3000},
		{"segment 0 takes 0x1 bytes at 0x1800", ELF_TEXT + 0x800, ELF_PADDR, 1, 0x3000},
		{"at 0xffffffffffffffff", UINT64_MAX, ELF_PADDR, 1, 0x3000},
		{"at 0xfffffffffffff000", 0 - 0x1000ull, ELF_PADDR, 0x1000, 0x3000},
		{"takes 0xffffffffffffffff bytes", 1, ELF_PADDR, UINT64_MAX, UINT64_MAX},
		/* memory that is not for images */
		{"0x0-0x3000 lies on 0x0-0x20000", ELF_TEXT, 0, 0x800, 0x3000},
		{"lies on 0x0-0x20000, which is for the boot structures", ELF_TEXT, 0x1ffff, 1, 1},
		{"lies on 0xa0000-0x100000, which is for the ACPI tables", ELF_TEXT, 0x9ffff, 2, 2},
		{"lies on 0xa0000-0x100000", ELF_TEXT, 0xfffff, 1, 1},
		{"lies on 0xa0000-0x100000", ELF_TEXT, 0x20000, 1, 0x100000},
		{"lies on 0xc0000000-", ELF_TEXT, 0xbffff000, 0x800, 0x1001},
		{"lies on 0xc0000000-", ELF_TEXT, 0x100000000, 0x800, 0x1000},
		{"lies on 0xc0000000-", ELF_TEXT, UINT64_MAX - 0x3000, 0x800, 0x3000},
		{"wraps around", ELF_TEXT, UINT64_MAX - 0x2fff, 0x800, 0x3000},
		{"wraps around", ELF_TEXT, ELF_PADDR, 0x800, UINT64_MAX},
	};
	struct boot_fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		make_elf(f, true);
		elf_set_phdr(f, 0, 1, cases[i].offset, cases[i].paddr, cases[i].filesz,
			     cases[i].memsz);
		must_refuse(f, cases[i].why);
	}
}

static void segments_may_touch_what_is_not_theirs_but_not_overlap_it(void **state)
{
	static const struct {
		uint64_t paddr, memsz;
	} cases[] = {
		{0x20000, 0x80000},   /* all of the free low memory */
		{0x100000, 0x800},    /* from 1 MiB on */
		{0xbffff000, 0x1000}, /* to the end of low RAM */
	};
	struct boot_fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		make_elf(f, true);
		elf_set_phdr(f, 0, 1, ELF_TEXT, cases[i].paddr, 0x800, cases[i].memsz);
		put64(f->file + 24, cases[i].paddr);
		must_identify(f);
		assert_int_equal(f->image.start, cases[i].paddr);
		assert_int_equal(f->image.end, cases[i].paddr + cases[i].memsz);
	}
}

static void an_elf_with_nothing_to_load_is_refused(void **state)
{
	struct boot_fixture *f = *state;

	make_elf(f, true);
	elf_set_phdr(f, 0, 1, 0, ELF_PADDR, 0, 0);
	must_refuse(f, "without segments to load");
	make_elf(f, true);
	put32(elf_phdr(f, 0), 2);
	must_refuse(f, "without segments to load");
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

static void a_tinyvmm_note_from_the_future_is_refused(void **state)
{
	struct boot_fixture *f = *state;

	make_elf(f, true);
	add_tinyvmm_note(f, 2, 0);
	must_refuse(f, "tinyvmm note of version 2, this program knows 1");
	make_elf(f, true);
	add_tinyvmm_note(f, 1, 0x81);
	must_refuse(f, "unknown flags 0x80");
	make_elf(f, true);
	elf_add_note(f, "tinyvmm", 1, "\1\0\0", 4);
	must_refuse(f, "tinyvmm note of 4 bytes instead of 8");
}

static void a_pvh_entry_outside_of_the_image_is_refused(void **state)
{
	struct boot_fixture *f = *state;

	make_elf(f, true);
	elf_add_pvh_note(f, 0xffffffff81000000);
	must_refuse(f, "entry 0xffffffff81000000 lies in no loaded segment");
}

static void an_elf_that_nobody_can_enter_says_why(void **state)
{
	struct boot_fixture *f = *state;

	make_elf(f, false);
	must_refuse(f, "a 32-bit ELF with neither a PVH note nor a Multiboot header");
	make_elf(f, false);
	add_tinyvmm_note(f, 1, 0); /* guest/abi.h: payloads are ELF64 */
	must_refuse(f, "a 32-bit ELF");
	make_elf(f, true);
	elf_add_note(f, "Linux", 0x100, "salt", 4);
	must_refuse(f, "a Linux vmlinux without a PVH entry; use the bzImage");
	make_elf(f, true);
	elf_add_note(f, "GNU", 1, "\0\0\0\0\3\0\0\0\2\0\0\0\0\0\0", 16); /* NT_GNU_ABI_TAG */
	must_refuse(f, "an ELF program for Linux user space");
	make_elf(f, true);
	put32(elf_phdr(f, 1), 3); /* PT_INTERP */
	must_refuse(f, "an ELF program for Linux user space");
}

static void an_elf_truncated_anywhere_is_refused(void **state)
{
	struct boot_fixture *f = *state;

	for (int is_64 = 0; is_64 <= 1; is_64++) {
		make_elf(f, is_64);
		elf_add_pvh_note(f, ELF_PADDR);
		for (size_t size = 4; size < ELF_TEXT + ELF_FILESZ; size++) {
			f->size = size;
			must_refuse(f, "truncated ELF");
		}
	}
}

/* ---- what is loaded ---- */

static void segments_go_to_their_physical_addresses(void **state)
{
	struct boot_fixture *f = *state;

	make_elf(f, true);
	elf_set_phdr(f, 1, 1, ELF_TEXT + 0x100, 0x30000, 0x20, 0x20);
	must_load(f, NULL, 0, 0);
	assert_int_equal(f->image.start, 0x30000);
	assert_int_equal(f->image.end, ELF_PADDR + ELF_MEMSZ);
	assert_memory_equal(f->ram + ELF_PADDR, f->file + ELF_TEXT, ELF_FILESZ);
	assert_memory_equal(f->ram + 0x30000, f->file + ELF_TEXT + 0x100, 0x20);
	assert_int_equal(f->ram[0x30020], 0);
}

static void the_zero_initialised_tail_is_left_untouched(void **state)
{
	struct boot_fixture *f = *state;
	unsigned char resident[1];

	make_elf(f, true);
	elf_set_phdr(f, 0, 1, ELF_TEXT, ELF_PADDR, ELF_FILESZ, 32 * MIB);
	must_load(f, NULL, 0, 0);
	assert_int_equal(mincore(f->ram + ELF_PADDR + 16 * MIB, 4096, resident), 0);
	assert_int_equal(resident[0] & 1, 0);
}

static void a_payload_finds_the_tree_in_rdi_its_number_in_rsi_and_a_stack(void **state)
{
	struct boot_fixture *f = *state;

	make_elf(f, true);
	add_tinyvmm_note(f, 1, 0);
	must_load(f, NULL, 0, 500);
	must_enter_long(f);
	assert_int_equal(f->entry.rdi, f->plan.fdt_start);
	assert_int_equal(f->entry.rdi % 8, 0); /* Devicetree 0.4, 5.6 */
	assert_int_equal(f->entry.rsi, 0);
	assert_int_equal(f->entry.rsp, MEMMAP_STACK_TOP);
	must_load(f, NULL, 0, 0);
	assert_int_equal(f->entry.rdi, 0); /* no tree */
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
	assert_int_equal(ram64(f, list), f->plan.initrd_start);
	assert_int_equal(ram64(f, list + 8), 6);
	assert_int_equal(ram64(f, list + 16), 0); /* its command line */
	assert_memory_equal(f->ram + f->plan.initrd_start, "module", 6);
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
		boot_test(a_plain_64_bit_elf_is_entered_at_its_entry),
		boot_test(a_tinyvmm_note_makes_a_payload_and_says_what_it_wants),
		boot_test(a_pvh_note_gives_the_32_bit_entry),
		boot_test(a_64_bit_elf_may_give_its_pvh_entry_in_four_bytes),
		boot_test(a_pvh_kernel_is_linux_if_a_note_says_so),
		boot_test(the_order_is_tinyvmm_then_pvh_then_multiboot_then_plain),
		boot_test(a_note_of_another_name_or_type_means_nothing),
		boot_test(notes_of_a_segment_aligned_to_8_are_padded_to_8),
		boot_test(the_last_note_may_lack_its_padding),
		boot_test(elf_files_that_are_no_image_say_what_they_are),
		boot_test(hostile_segments_are_refused),
		boot_test(segments_may_touch_what_is_not_theirs_but_not_overlap_it),
		boot_test(an_elf_with_nothing_to_load_is_refused),
		boot_test(malformed_notes_are_refused),
		boot_test(a_tinyvmm_note_from_the_future_is_refused),
		boot_test(a_pvh_entry_outside_of_the_image_is_refused),
		boot_test(an_elf_that_nobody_can_enter_says_why),
		boot_test(an_elf_truncated_anywhere_is_refused),
		boot_test(segments_go_to_their_physical_addresses),
		boot_test(the_zero_initialised_tail_is_left_untouched),
		boot_test(a_payload_finds_the_tree_in_rdi_its_number_in_rsi_and_a_stack),
		boot_test(pvh_start_information_is_version_1),
		boot_test(a_pvh_kernel_without_initrd_has_no_modules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
