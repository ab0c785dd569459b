/* SPDX-License-Identifier: MIT */
/* ELF images: System V gABI chapters 4 and 5, and guest/abi.h. */
#include <errno.h>

#include "tests/unit/boot_fixture.h"
#include "vmm/core/array.h"

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
		{"0x0-0x3000 lies on 0x0-0x1000, which is for the interrupt vectors", ELF_TEXT, 0,
		 0x800, 0x3000},
		{"lies on 0x8000-0xf000, which is for the stack and the page tables", ELF_TEXT,
		 0xefff, 1, 1},
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
		{0xf000, 0x91000},    /* all of the free low memory */
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

/* The same for what is loaded: 128 times one part of the file. */
static void the_bytes_of_all_segments_are_bounded_by_3_GiB(void **state)
{
	const size_t size = 64 * MIB;
	struct boot_fixture *f = *state;
	struct boot_image image;
	uint8_t *file = mmap(NULL, size, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_ptr_not_equal(file, MAP_FAILED);
	make_elf(f, true);
	put16(f->file + 56, 49);
	for (unsigned int i = 0; i < 48; i++)
		elf_set_phdr(f, i, 1, 0, ELF_PADDR, size, size);
	elf_set_phdr(f, 48, 1, 0, ELF_PADDR, 0, 1);
	memcpy(file, f->file, ELF_PHDRS + 49 * 56);
	assert_int_equal(boot_identify(file, size, &image, &f->err), 0);
	file[ELF_PHDRS + 48 * 56 + 32] = 1; /* p_filesz of the last one */
	assert_int_equal(boot_identify(file, size, &image, &f->err), -ENOEXEC);
	must_say(f, "segments have more bytes than fit below 3 GiB");
	munmap(file, size);
}

static void an_elf_that_nobody_can_enter_says_why(void **state)
{
	struct boot_fixture *f = *state;

	make_elf(f, false);
	must_refuse(f, "a 32-bit ELF with neither a PVH note nor a Multiboot header");
	make_elf(f, false);
	elf_add_tinyvmm_note(f, 1, 0); /* guest/abi.h: payloads are ELF64 */
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
	elf_add_tinyvmm_note(f, 1, 0);
	must_load(f, NULL, 0, 500);
	must_enter_long(f);
	assert_int_equal(f->entry.rdi, f->plan.fdt.start);
	assert_int_equal(f->entry.rdi % 8, 0); /* Devicetree 0.4, 5.6 */
	assert_int_equal(f->entry.rsi, 0);
	assert_int_equal(f->entry.rsp, MEMMAP_STACK_TOP);
	must_load(f, NULL, 0, 0);
	assert_int_equal(f->entry.rdi, 0); /* no tree */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		boot_test(a_plain_64_bit_elf_is_entered_at_its_entry),
		boot_test(elf_files_that_are_no_image_say_what_they_are),
		boot_test(hostile_segments_are_refused),
		boot_test(segments_may_touch_what_is_not_theirs_but_not_overlap_it),
		boot_test(an_elf_with_nothing_to_load_is_refused),
		boot_test(the_bytes_of_all_segments_are_bounded_by_3_GiB),
		boot_test(an_elf_that_nobody_can_enter_says_why),
		boot_test(an_elf_truncated_anywhere_is_refused),
		boot_test(segments_go_to_their_physical_addresses),
		boot_test(the_zero_initialised_tail_is_left_untouched),
		boot_test(a_payload_finds_the_tree_in_rdi_its_number_in_rsi_and_a_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
