/* SPDX-License-Identifier: MIT */
/* bzImage, against Documentation/arch/x86/boot.rst and zero-page.rst. */
#include <errno.h>

#include "tests/unit/boot_fixture.h"
#include "vmm/core/array.h"

#define ZERO_PAGE MEMMAP_ZERO_PAGE

static void a_64_bit_kernel_is_entered_0x200_after_its_load_address(void **state)
{
	struct boot_fixture *f = *state;

	make_bzimage(f);
	must_identify(f);
	assert_int_equal(f->image.protocol, BOOT_LINUX64);
	assert_int_equal(f->image.start, BZ_PREF_ADDRESS);
	assert_int_equal(f->image.entry, BZ_PREF_ADDRESS + 0x200);
	assert_int_equal(f->image.end, BZ_PREF_ADDRESS + BZ_INIT_SIZE);
	assert_int_equal(f->image.cmdline_max, 2047);
	assert_int_equal(f->image.initrd_max_addr, UINT32_MAX);
	assert_int_equal(f->image.init_size_align, 0x200000);
	assert_true(f->image.is_linux);
	assert_true(f->image.wants_irqchip);
	assert_true(f->image.wants_acpi);
}

static void a_kernel_without_XLF_KERNEL_64_is_entered_in_32_bit_mode(void **state)
{
	struct boot_fixture *f = *state;

	make_bzimage(f);
	put16(f->file + 0x236, 0);
	must_identify(f);
	assert_int_equal(f->image.protocol, BOOT_LINUX32);
	assert_int_equal(f->image.entry, BZ_PREF_ADDRESS);
	assert_int_equal(f->image.initrd_max_addr, 0x7fffffff);
}

static void xloadflags_count_from_protocol_2_12(void **state)
{
	struct boot_fixture *f = *state;

	make_bzimage(f);
	put16(f->file + 0x206, 0x020b); /* the field's bytes are padding there */
	must_identify(f);
	assert_int_equal(f->image.protocol, BOOT_LINUX32);
}

static void setup_sects_0_means_4(void **state)
{
	struct boot_fixture *f = *state;

	make_bzimage(f);
	f->file[0x1f1] = 0;
	put32(f->file + 0x1f4, 0x100);
	f->size = 5 * 512 + 0x1000;
	must_load(f, NULL, 0, 0);
	assert_memory_equal(f->ram + BZ_PREF_ADDRESS, f->file + 5 * 512, 0x1000);
}

static void a_relocatable_kernel_is_loaded_at_its_aligned_preference(void **state)
{
	static const struct {
		uint64_t pref;
		uint32_t alignment;
		uint64_t start;
	} cases[] = {
		{0x1000000, 0x200000, 0x1000000},
		{0x1000000, 0x1000000, 0x1000000},
		{0x1000000, 0x2000000, 0x2000000},
		{0x100000, 0x1000, 0x100000},
		{0, 0x1000, 0x100000},
		{0x90000, 0x1000, 0x100000}, /* never below 1 MiB */
		{0, 0x200000, 0x200000},
	};
	struct boot_fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		make_bzimage(f);
		put64(f->file + 0x258, cases[i].pref);
		put32(f->file + 0x230, cases[i].alignment);
		must_identify(f);
		assert_int_equal(f->image.start, cases[i].start);
		assert_int_equal(f->image.end, cases[i].start + BZ_INIT_SIZE);
	}
}

static void a_fixed_kernel_is_loaded_at_1_MiB_and_moves_to_its_preference(void **state)
{
	struct boot_fixture *f = *state;

	make_bzimage(f);
	f->file[0x234] = 0;
	must_identify(f);
	assert_int_equal(f->image.start, 0x100000);
	assert_int_equal(f->image.entry, 0x100200);
	assert_int_equal(f->image.end, BZ_PREF_ADDRESS + BZ_INIT_SIZE);
}

static void a_kernel_larger_than_its_init_size_still_owns_its_bytes(void **state)
{
	struct boot_fixture *f = *state;

	make_bzimage(f);
	put32(f->file + 0x260, 0x1000);
	must_identify(f);
	assert_int_equal(f->image.end, BZ_PREF_ADDRESS + BZ_KERNEL_BYTES);
}

static void a_file_that_only_resembles_a_kernel_is_no_bzimage(void **state)
{
	struct boot_fixture *f = *state;

	make_bzimage(f);
	put16(f->file + 0x1fe, 0xaa54);
	must_refuse(f, "accepted are a Linux bzImage");
	make_bzimage(f);
	f->file[0x202] = 'h';
	must_refuse(f, "a boot sector");
	make_bzimage(f);
	f->size = 0x205; /* the magic is not all there */
	must_refuse(f, "a boot sector");
}

static void malformed_headers_are_refused(void **state)
{
	static const struct {
		const char *why;
		unsigned int at, bytes;
		uint64_t value;
	} cases[] = {
		{"boot protocol 2.09; 2.10 (Linux 2.6.31)", 0x206, 2, 0x0209},
		{"boot protocol 0.00", 0x206, 2, 0},
		{"a Linux zImage", 0x211, 1, 0x80},
		{"promises at least 9217 bytes, the file has 9216", 0x1f4, 4, 513},
		{"promises at least 68719477729 bytes", 0x1f4, 4, UINT32_MAX},
		{"its header promises at least", 0x1f1, 1, 255},
		{"kernel_alignment 0x0 is not a power of two", 0x230, 4, 0},
		{"kernel_alignment 0x200001 is not a power of two", 0x230, 4, 0x200001},
		{"prefers address 0xc0000000, which is not below 3 GiB", 0x258, 8, 0xc0000000},
		{"prefers address 0xffffffffffffffff", 0x258, 8, UINT64_MAX},
	};
	struct boot_fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		make_bzimage(f);
		memcpy(f->file + cases[i].at, &cases[i].value, cases[i].bytes);
		must_refuse(f, cases[i].why);
	}
}

/* memtest86+ is such a kernel: boot.rst counts in paragraphs, and its last one has 8 bytes. */
static void the_last_paragraph_may_be_short(void **state)
{
	struct boot_fixture *f = *state;

	for (size_t missing = 0; missing < 16; missing++) {
		size_t loaded = BZ_KERNEL_BYTES - missing;

		make_bzimage(f);
		f->size -= missing;
		must_load(f, NULL, 0, 0);
		assert_memory_equal(f->ram + BZ_PREF_ADDRESS, f->file + BZ_SETUP_BYTES, loaded);
		memset(f->ram + BZ_PREF_ADDRESS, 0, BZ_KERNEL_BYTES);
	}
}

static void a_kernel_truncated_anywhere_is_refused(void **state)
{
	struct boot_fixture *f = *state;

	make_bzimage(f);
	for (size_t size = 0; size <= BZ_SETUP_BYTES + BZ_KERNEL_BYTES - 16; size++) {
		f->size = size;
		assert_int_equal(identify(f), -ENOEXEC);
		if (size >= 0x206)
			must_say(f, "truncated Linux kernel");
	}
}

static void setup_code_without_a_kernel_is_refused(void **state)
{
	struct boot_fixture *f = *state;

	make_bzimage(f);
	put32(f->file + 0x1f4, 0);
	f->size = BZ_SETUP_BYTES + 0x200; /* nothing at the 64-bit entry */
	must_refuse(f, "setup code without a kernel");
}

static void the_zero_page_says_what_zero_page_rst_lists(void **state)
{
	struct boot_fixture *f = *state;

	make_bzimage(f);
	f->file[0x211] |= 0xc0;		    /* KEEP_SEGMENTS, CAN_USE_HEAP */
	put32(f->file + 0x268, 0x12345678); /* kernel_info_offset: the header's last field */
	put32(f->file + 0x26c, 0xdeadbeef); /* behind the header */
	f->board.cmdline = "console=ttyS0";
	must_load(f, "initrd!", 7, 1000);

	assert_int_equal(f->ram[ZERO_PAGE + 0x1ef], 0); /* sentinel: the page was clean */
	assert_int_equal(ram64(f, ZERO_PAGE + 0x070), MEMMAP_RSDP);
	assert_int_equal(f->ram[ZERO_PAGE + 0x1f1], 1);
	assert_int_equal(ram16(f, ZERO_PAGE + 0x1fe), 0xaa55);
	assert_memory_equal(f->ram + ZERO_PAGE + 0x202, "HdrS", 4);
	assert_int_equal(ram16(f, ZERO_PAGE + 0x206), 0x020f);
	assert_int_equal(f->ram[ZERO_PAGE + 0x210], 0xff); /* type_of_loader */
	assert_int_equal(f->ram[ZERO_PAGE + 0x211], 0x01); /* loadflags */
	assert_int_equal(ram32(f, ZERO_PAGE + 0x214), BZ_PREF_ADDRESS);
	assert_int_equal(ram32(f, ZERO_PAGE + 0x218), f->plan.module[0].start);
	assert_int_equal(ram32(f, ZERO_PAGE + 0x21c), 7);
	assert_int_equal(ram32(f, ZERO_PAGE + 0x0c0), 0);
	assert_int_equal(ram32(f, ZERO_PAGE + 0x0c4), 0);
	assert_int_equal(ram32(f, ZERO_PAGE + 0x228), MEMMAP_CMDLINE);
	assert_int_equal(ram64(f, ZERO_PAGE + 0x258), BZ_PREF_ADDRESS);
	assert_int_equal(ram32(f, ZERO_PAGE + 0x268), 0x12345678);
	assert_int_equal(ram32(f, ZERO_PAGE + 0x26c), 0);
	assert_string_equal(ram_string(f, MEMMAP_CMDLINE), "console=ttyS0");
	assert_memory_equal(f->ram + f->plan.module[0].start, "initrd!", 7);
}

/* A kernel that reads both would find every CPU and every virtio-mmio slot twice. */
static void linux_gets_the_device_tree_only_where_it_ignores_acpi(void **state)
{
	static const struct {
		const char *cmdline;
		bool given;
	} cases[] = {
		{"", false},
		{"console=ttyS0", false},
		{"acpi=off", true},
		{"quiet acpi=off console=ttyS0", true},
		{"quiet acpi=off", true},
		{"acpi=offset", false},
		{"noacpi=off", false},
		{"acpi=on", false},
	};
	struct boot_fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		uint64_t fdt;

		make_bzimage(f);
		f->board.cmdline = cases[i].cmdline;
		must_load(f, NULL, 0, 1000);
		fdt = f->plan.fdt.start;
		if (!cases[i].given) {
			assert_int_equal(ram64(f, ZERO_PAGE + 0x250), 0);
			continue;
		}
		/* setup_data: next, type SETUP_DTB, length, and then the tree itself */
		assert_int_equal(ram64(f, ZERO_PAGE + 0x250), fdt - 16);
		assert_int_equal(ram64(f, fdt - 16), 0);
		assert_int_equal(ram32(f, fdt - 8), 2);
		assert_int_equal(ram32(f, fdt - 4), 1000);
	}
}

static void the_zero_page_has_the_boards_memory_map(void **state)
{
	struct boot_fixture *f = *state;

	make_bzimage(f);
	must_load(f, NULL, 0, 0);
	assert_int_equal(f->ram[ZERO_PAGE + 0x1e8], f->board.nr_ranges);
	for (unsigned int i = 0; i < f->board.nr_ranges; i++) {
		uint64_t entry = ZERO_PAGE + 0x2d0 + 20 * i;

		assert_int_equal(ram64(f, entry), f->board.range[i].start);
		assert_int_equal(ram64(f, entry + 8), f->board.range[i].size_bytes);
		assert_int_equal(ram32(f, entry + 16), f->board.range[i].type);
	}
}

static void without_initrd_and_tree_their_fields_are_zero(void **state)
{
	struct boot_fixture *f = *state;

	make_bzimage(f);
	put64(f->file + 0x250, 0x1234); /* setup_data: what the file says is not the loader's */
	must_load(f, NULL, 0, 0);
	assert_int_equal(ram32(f, ZERO_PAGE + 0x218), 0);
	assert_int_equal(ram32(f, ZERO_PAGE + 0x21c), 0);
	assert_int_equal(ram64(f, ZERO_PAGE + 0x250), 0);
	assert_string_equal(ram_string(f, MEMMAP_CMDLINE), "");
}

static void a_header_longer_than_this_program_knows_is_copied_up_to_0x290(void **state)
{
	struct boot_fixture *f = *state;

	make_bzimage(f);
	f->file[0x201] = 0xfe;
	memset(f->file + 0x26c, 0xab, 0x300 - 0x26c);
	must_load(f, NULL, 0, 0);
	assert_int_equal(f->ram[ZERO_PAGE + 0x28f], 0xab);
	assert_int_equal(f->ram[ZERO_PAGE + 0x290], 0); /* edd_mbr_sig_buffer */
}

static void a_short_header_is_not_read_beyond_its_end(void **state)
{
	struct boot_fixture *f = *state;

	make_bzimage(f);
	f->file[0x201] = 0x238 - 0x202; /* ends before cmdline_size, pref_address, init_size */
	must_identify(f);
	assert_int_equal(f->image.cmdline_max, 0);
	assert_int_equal(f->image.start, 0x200000);
	assert_int_equal(f->image.end, 0x200000 + BZ_KERNEL_BYTES);
}

static void the_64_bit_entry_has_an_identity_map_and_the_zero_page_in_rsi(void **state)
{
	struct boot_fixture *f = *state;

	make_bzimage(f);
	must_load(f, NULL, 0, 0);
	must_enter_long(f);
	assert_int_equal(f->entry.rsi, MEMMAP_ZERO_PAGE);
	assert_memory_equal(f->ram + BZ_PREF_ADDRESS, f->file + BZ_SETUP_BYTES, BZ_KERNEL_BYTES);
}

static void the_32_bit_entry_has_flat_segments_and_zero_in_ebp_edi_ebx(void **state)
{
	struct boot_fixture *f = *state;

	make_bzimage(f);
	put16(f->file + 0x236, 0);
	must_load(f, NULL, 0, 0);
	must_enter_protected(f);
	assert_int_equal(f->entry.rsi, MEMMAP_ZERO_PAGE);
	assert_int_equal(f->entry.rdi, 0);
	assert_int_equal(f->entry.rbx, 0);
}

/*
 * A PC begins at F000:FFF0 in real mode, and a kernel that resets through the BIOS jumps there.
 * FADT and this code name the same register.
 */
static void the_reset_vector_writes_the_reset_register(void **state)
{
	static const uint8_t code[] = {
		0xba, 0x02, 0x06, /* mov $0x602, %dx */
		0xb0, 0x01,	  /* mov $1, %al */
		0xee,		  /* out %al, %dx */
	};
	struct boot_fixture *f = *state;

	make_bzimage(f);
	must_load(f, NULL, 0, 0);
	assert_memory_equal(f->ram + 0xffff0, code, sizeof(code));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		boot_test(a_64_bit_kernel_is_entered_0x200_after_its_load_address),
		boot_test(a_kernel_without_XLF_KERNEL_64_is_entered_in_32_bit_mode),
		boot_test(xloadflags_count_from_protocol_2_12),
		boot_test(setup_sects_0_means_4),
		boot_test(a_relocatable_kernel_is_loaded_at_its_aligned_preference),
		boot_test(a_fixed_kernel_is_loaded_at_1_MiB_and_moves_to_its_preference),
		boot_test(a_kernel_larger_than_its_init_size_still_owns_its_bytes),
		boot_test(a_file_that_only_resembles_a_kernel_is_no_bzimage),
		boot_test(malformed_headers_are_refused),
		boot_test(the_last_paragraph_may_be_short),
		boot_test(a_kernel_truncated_anywhere_is_refused),
		boot_test(setup_code_without_a_kernel_is_refused),
		boot_test(the_zero_page_says_what_zero_page_rst_lists),
		boot_test(linux_gets_the_device_tree_only_where_it_ignores_acpi),
		boot_test(the_zero_page_has_the_boards_memory_map),
		boot_test(without_initrd_and_tree_their_fields_are_zero),
		boot_test(a_header_longer_than_this_program_knows_is_copied_up_to_0x290),
		boot_test(a_short_header_is_not_read_beyond_its_end),
		boot_test(the_64_bit_entry_has_an_identity_map_and_the_zero_page_in_rsi),
		boot_test(the_32_bit_entry_has_flat_segments_and_zero_in_ebp_edi_ebx),
		boot_test(the_reset_vector_writes_the_reset_register),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
