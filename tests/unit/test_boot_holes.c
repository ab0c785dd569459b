/* SPDX-License-Identifier: MIT */
/*
 * A machine whose RAM is not where its board says: each structure that a protocol puts there is an
 * error of its own, and none is lost on the way.
 */
#include <errno.h>

#include "tests/unit/boot_fixture.h"
#include "vmm/core/array.h"

#define PAGE 4096ull

static void make_linux(struct boot_fixture *f)
{
	make_bzimage(f);
	f->board.cmdline = "console=ttyS0 acpi=off";
}

static void make_linux32(struct boot_fixture *f)
{
	make_bzimage(f);
	put16(f->file + 0x236, 0);
	f->board.cmdline = "console=ttyS0";
}

static void make_pvh(struct boot_fixture *f)
{
	make_elf(f, true);
	elf_add_pvh_note(f, ELF_PADDR + 16);
	f->board.cmdline = "a word";
}

static void make_multiboot(struct boot_fixture *f)
{
	make_elf(f, false);
	put_multiboot(f, ELF_TEXT, 3); /* modules on pages, memory */
	f->board.cmdline = "a word";
}

static void make_payload(struct boot_fixture *f)
{
	make_elf(f, true);
	elf_add_tinyvmm_note(f, 1, 0);
	f->board.cmdline = "a word";
}

static bool is_zero(const uint8_t *page)
{
	static const uint8_t zeroes[PAGE];

	return memcmp(page, zeroes, PAGE) == 0;
}

/* The machine without the page at `hole`. */
static int load_with_hole(struct boot_fixture *f, uint64_t hole)
{
	uint64_t behind = hole + PAGE;
	struct gmem holed = {0};

	if (hole > 0)
		assert_int_equal(gmem_add(&holed, gpa(0), hole, f->ram), 0);
	assert_int_equal(gmem_add(&holed, gpa(behind), f->ram_bytes - behind, f->ram + behind), 0);
	f->err.text[0] = '\0';
	return boot_load(&f->image, &f->board, &f->modules, &f->plan, &holed, &f->entry, &f->err);
}

static void whatever_is_written_needs_its_ram(void **state)
{
	static void (*const make[])(struct boot_fixture *) = {
		make_linux, make_linux32, make_pvh, make_multiboot, make_payload,
	};
	static const uint8_t initrd[] = "an initrd", module[] = "another module";

	for (size_t i = 0; i < NR_OF(make); i++) {
		struct boot_fixture *f = *state;
		unsigned int nr_written = 0;

		fixture_ram(f, 64 * MIB);
		make[i](f);
		f->modules.nr = 0;
		add_module(f, true, initrd, sizeof(initrd), NULL);
		if (make[i] == make_pvh || make[i] == make_multiboot)
			add_module(f, false, module, sizeof(module), "its string");
		must_load_modules(f, make[i] == make_linux ? 1000 : 0);
		for (uint64_t page = 0; page + PAGE < f->ram_bytes; page += PAGE) {
			if (is_zero(f->ram + page))
				continue;
			nr_written++;
			if (load_with_hole(f, page) != -EFAULT)
				fail_msg("image %zu, 0x%llx: not missed", i, page);
			assert_non_null(strstr(f->err.text, "not guest RAM"));
		}
		assert_in_range(nr_written, 4, 64);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		boot_test(whatever_is_written_needs_its_ram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
