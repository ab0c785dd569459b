/* SPDX-License-Identifier: MIT */
/*
 * A file to boot, built field by field at the offsets of the formats' documents (not with the
 * loaders' own structures), and a small machine to load it into.
 */
#ifndef UNIT_BOOT_FIXTURE_H
#define UNIT_BOOT_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "guest/abi.h"
#include "vmm/x86/boot/boot.h"

#define MIB (1ull << 20)

/* What a module's bytes come from. */
struct module_source {
	const void *bytes;
	size_t len;
};

struct boot_fixture {
	uint8_t file[32768];
	size_t size;
	struct boot_image image;
	struct board board;
	struct boot_module module[BOOT_MAX_MODULES];
	struct module_source source[BOOT_MAX_MODULES];
	struct boot_modules modules;
	struct boot_plan plan;
	struct boot_entry entry;
	struct gmem mem;
	uint64_t ram_bytes;
	uint8_t *ram;
	struct err err;
};

static inline void put16(uint8_t *to, uint16_t value)
{
	memcpy(to, &value, sizeof(value));
}

static inline void put32(uint8_t *to, uint32_t value)
{
	memcpy(to, &value, sizeof(value));
}

static inline void put64(uint8_t *to, uint64_t value)
{
	memcpy(to, &value, sizeof(value));
}

/* What is at a guest-physical address, to compare with what a specification puts there. */
static inline uint16_t ram16(const struct boot_fixture *f, uint64_t at)
{
	uint16_t value;

	assert_int_equal(gmem_read(&f->mem, gpa(at), &value, sizeof(value)), 0);
	return value;
}

static inline uint32_t ram32(const struct boot_fixture *f, uint64_t at)
{
	uint32_t value;

	assert_int_equal(gmem_read(&f->mem, gpa(at), &value, sizeof(value)), 0);
	return value;
}

static inline uint64_t ram64(const struct boot_fixture *f, uint64_t at)
{
	uint64_t value;

	assert_int_equal(gmem_read(&f->mem, gpa(at), &value, sizeof(value)), 0);
	return value;
}

static inline const char *ram_string(const struct boot_fixture *f, uint64_t at)
{
	const char *s = gmem_ptr(&f->mem, gpa(at), 1);

	assert_non_null(s);
	return s;
}

/* A machine of `bytes` of RAM; more than 3 GiB continue above the 32-bit hole. */
static inline void fixture_board(struct boot_fixture *f, uint64_t bytes)
{
	uint64_t low = bytes < MEMMAP_HOLE_START ? bytes : MEMMAP_HOLE_START;
	const struct board_range range[] = {
		{0, MEMMAP_ACPI, BOARD_RAM},
		{MEMMAP_ACPI, MEMMAP_ACPI_END - MEMMAP_ACPI, BOARD_ACPI},
		{MEMMAP_RSDP, MEMMAP_IMAGE - MEMMAP_RSDP, BOARD_RESERVED},
		{MEMMAP_IMAGE, low - MEMMAP_IMAGE, BOARD_RAM},
		{MEMMAP_HOLE_END, bytes - low, BOARD_RAM},
	};

	memcpy(f->board.range, range, sizeof(range));
	f->board.nr_ranges = bytes > low ? 5 : 4;
	f->board.cmdline = "";
}

/* Backs the board with memory, untouched and so free of charge until it is written. */
static inline void fixture_ram(struct boot_fixture *f, uint64_t bytes)
{
	if (f->ram)
		munmap(f->ram, f->ram_bytes);
	f->mem = (struct gmem){0};
	f->ram_bytes = bytes;
	f->ram = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(f->ram, MAP_FAILED);
	assert_int_equal(gmem_add(&f->mem, gpa(0), bytes, f->ram), 0);
	fixture_board(f, bytes);
}

static inline int fixture_setup(void **state)
{
	static struct boot_fixture fixture;

	memset(&fixture, 0, sizeof(fixture));
	fixture_ram(&fixture, 64 * MIB);
	*state = &fixture;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct boot_fixture *f = *state;

	munmap(f->ram, f->ram_bytes);
	return 0;
}

#define boot_test(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

static inline int identify(struct boot_fixture *f)
{
	f->err.text[0] = '\0';
	return boot_identify(f->file, f->size, &f->image, &f->err);
}

static inline void must_identify(struct boot_fixture *f)
{
	if (identify(f))
		fail_msg("refused: %s", f->err.text);
}

static inline void must_say(const struct boot_fixture *f, const char *part)
{
	if (!strstr(f->err.text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, f->err.text);
}

static inline void must_refuse(struct boot_fixture *f, const char *why)
{
	assert_int_equal(identify(f), -ENOEXEC);
	must_say(f, why);
}

static inline int read_module_bytes(void *ctx, void *to, struct err *err)
{
	struct module_source *source = ctx;

	(void)err;
	memcpy(to, source->bytes, source->len);
	return 0;
}

static inline void add_module(struct boot_fixture *f, bool is_initrd, const void *bytes, size_t len,
			      const char *string)
{
	unsigned int i = f->modules.nr++;

	f->modules.module = f->module;
	f->source[i] = (struct module_source){bytes, len};
	f->module[i] = (struct boot_module){
		.option = is_initrd ? "--initrd" : "--module",
		.path = "file",
		.is_initrd = is_initrd,
		.string = string,
		.size_bytes = len,
		.read = read_module_bytes,
		.ctx = &f->source[i],
	};
}

static inline int plan_modules(struct boot_fixture *f, uint64_t fdt_size)
{
	f->err.text[0] = '\0';
	return boot_plan(&f->image, &f->board, &f->modules, fdt_size, &f->plan, &f->err);
}

static inline int plan(struct boot_fixture *f, uint64_t initrd_size, uint64_t fdt_size)
{
	f->modules.nr = 0;
	if (initrd_size)
		add_module(f, true, NULL, initrd_size, NULL);
	return plan_modules(f, fdt_size);
}

/* identify, plan, load: the whole way. */
static inline void must_load_modules(struct boot_fixture *f, size_t fdt_size)
{
	must_identify(f);
	if (plan_modules(f, fdt_size))
		fail_msg("no plan: %s", f->err.text);
	if (boot_load(&f->image, &f->board, &f->modules, &f->plan, &f->mem, &f->entry, &f->err))
		fail_msg("not loaded: %s", f->err.text);
}

static inline void must_load(struct boot_fixture *f, const void *initrd, size_t initrd_size,
			     size_t fdt_size)
{
	f->modules.nr = 0;
	if (initrd_size)
		add_module(f, true, initrd, initrd_size, NULL);
	must_load_modules(f, fdt_size);
}

/* The state that the 32-bit protocols ask for: flat segments from a GDT in guest RAM. */
static inline void must_enter_protected(const struct boot_fixture *f)
{
	const struct boot_entry *e = &f->entry;

	assert_int_equal(e->mode, BOOT_MODE_PROTECTED32);
	assert_int_equal(e->rip, f->image.entry);
	assert_int_equal(e->code_selector, 0x10);
	assert_int_equal(e->data_selector, 0x18);
	assert_true(e->gdt_limit >= 0x1f);
	assert_int_equal(ram64(f, e->gdt), 0);
	assert_int_equal(ram64(f, e->gdt + 0x10), 0x00cf9b000000ffff);
	assert_int_equal(ram64(f, e->gdt + 0x18), 0x00cf93000000ffff);
	assert_false(e->all_cpus);
}

/* 64-bit mode: a code segment with L set, and every address below 4 GiB mapped to itself. */
static inline void must_enter_long(const struct boot_fixture *f)
{
	const struct boot_entry *e = &f->entry;
	const uint64_t address_bits = 0x000ffffffffff000;

	assert_int_equal(e->mode, BOOT_MODE_LONG64);
	assert_int_equal(e->rip, f->image.entry);
	assert_int_equal(e->code_selector, 0x10);
	assert_int_equal(e->data_selector, 0x18);
	assert_int_equal(ram64(f, e->gdt + 0x10), 0x00af9b000000ffff);
	assert_int_equal(ram64(f, e->gdt + 0x18), 0x00cf93000000ffff);
	for (uint64_t address = 0; address < 4096 * MIB; address += 2 * MIB) {
		uint64_t pml4e = ram64(f, e->cr3);
		uint64_t pdpte = ram64(f, (pml4e & address_bits) + (address >> 30) * 8);
		uint64_t pde = ram64(f, (pdpte & address_bits) + ((address >> 21) & 511) * 8);

		assert_int_equal(pml4e & 7, 7); /* present, writable, user */
		assert_int_equal(pdpte & 0x87, 7);
		assert_int_equal(pde & 0x87, 0x87); /* and a 2 MiB page */
		assert_int_equal(pde & address_bits, address);
	}
	assert_int_equal(ram64(f, e->cr3 + 8), 0); /* nothing else is mapped */
}

/* ---- bzImage: boot.rst, "The Real-Mode Kernel Header" ---- */

#define BZ_SETUP_BYTES	1024 /* setup_sects = 1 */
#define BZ_KERNEL_BYTES 8192
#define BZ_PREF_ADDRESS 0x1000000
#define BZ_INIT_SIZE	(8 * MIB)

static inline void make_bzimage(struct boot_fixture *f)
{
	uint8_t *h = f->file;

	memset(h, 0, sizeof(f->file));
	f->size = BZ_SETUP_BYTES + BZ_KERNEL_BYTES;
	h[0x1ef] = 0xff; /* the sentinel, which a loader must not copy */
	h[0x1f1] = 1;	 /* setup_sects */
	put32(h + 0x1f4, BZ_KERNEL_BYTES / 16);
	put16(h + 0x1fe, 0xaa55);
	h[0x200] = 0xeb;
	h[0x201] = 0x6a; /* the header ends at 0x26c */
	memcpy(h + 0x202, "HdrS", 4);
	put16(h + 0x206, 0x020f);
	h[0x211] = 0x01;	      /* LOADED_HIGH */
	put32(h + 0x22c, 0x7fffffff); /* initrd_addr_max */
	put32(h + 0x230, 0x200000);   /* kernel_alignment */
	h[0x234] = 1;		      /* relocatable_kernel */
	put16(h + 0x236, 0x0003);     /* XLF_KERNEL_64, XLF_CAN_BE_LOADED_ABOVE_4G */
	put32(h + 0x238, 2047);	      /* cmdline_size */
	put64(h + 0x258, BZ_PREF_ADDRESS);
	put32(h + 0x260, BZ_INIT_SIZE);
	for (size_t i = 0; i < BZ_KERNEL_BYTES; i++)
		h[BZ_SETUP_BYTES + i] = (uint8_t)(i * 7 + 1);
}

/* ---- ELF: System V gABI, chapter 4 and 5 ---- */

#define ELF_PHDRS  64
#define ELF_NOTES  0x400
#define ELF_TEXT   0x1000
#define ELF_PADDR  0x200000
#define ELF_FILESZ 0x800
#define ELF_MEMSZ  0x3000

/* The place of program header `i`; its fields' offsets differ between the classes. */
static inline uint8_t *elf_phdr(struct boot_fixture *f, unsigned int i)
{
	return f->file + ELF_PHDRS + i * (f->file[4] == 2 ? 56 : 32);
}

static inline void elf_set_phdr(struct boot_fixture *f, unsigned int i, uint32_t type,
				uint64_t offset, uint64_t paddr, uint64_t filesz, uint64_t memsz)
{
	uint8_t *p = elf_phdr(f, i);

	put32(p, type);
	if (f->file[4] == 2) {
		put64(p + 8, offset);
		put64(p + 16, 0xffffffff80000000 + paddr); /* p_vaddr: does not matter */
		put64(p + 24, paddr);
		put64(p + 32, filesz);
		put64(p + 40, memsz);
		put64(p + 48, 4);
	} else {
		put32(p + 4, (uint32_t)offset);
		put32(p + 8, (uint32_t)paddr);
		put32(p + 12, (uint32_t)paddr);
		put32(p + 16, (uint32_t)filesz);
		put32(p + 20, (uint32_t)memsz);
		put32(p + 28, 4);
	}
}

/* An executable of one segment, entered at its 16th byte, with an empty note segment behind. */
static inline void make_elf(struct boot_fixture *f, bool is_64)
{
	uint8_t *h = f->file;

	memset(h, 0, sizeof(f->file));
	f->size = ELF_TEXT + ELF_FILESZ;
	memcpy(h,
	       "\x7f"
	       "ELF",
	       4);
	h[4] = is_64 ? 2 : 1;
	h[5] = 1;	  /* little-endian */
	h[6] = 1;	  /* version */
	put16(h + 16, 2); /* ET_EXEC */
	put16(h + 18, is_64 ? 62 : 3);
	put32(h + 20, 1);
	if (is_64) {
		put64(h + 24, ELF_PADDR + 16);
		put64(h + 32, ELF_PHDRS);
		put16(h + 54, 56);
		put16(h + 56, 2);
	} else {
		put32(h + 24, ELF_PADDR + 16);
		put32(h + 28, ELF_PHDRS);
		put16(h + 42, 32);
		put16(h + 44, 2);
	}
	elf_set_phdr(f, 0, 1, ELF_TEXT, ELF_PADDR, ELF_FILESZ, ELF_MEMSZ);
	elf_set_phdr(f, 1, 4, ELF_NOTES, 0, 0, 0);
	for (size_t i = 0; i < ELF_FILESZ; i++)
		h[ELF_TEXT + i] = (uint8_t)(i * 5 + 3);
}

/* Appends a note to the note segment. */
static inline void elf_add_note(struct boot_fixture *f, const char *name, uint32_t type,
				const void *desc, uint32_t desc_size)
{
	bool is_64 = f->file[4] == 2;
	uint8_t *filesz_at = elf_phdr(f, 1) + (is_64 ? 32 : 16);
	uint32_t name_size = (uint32_t)strlen(name) + 1;
	uint32_t used;
	uint8_t *note;

	memcpy(&used, filesz_at, sizeof(used));
	note = f->file + ELF_NOTES + used;
	put32(note, name_size);
	put32(note + 4, desc_size);
	put32(note + 8, type);
	memcpy(note + 12, name, name_size);
	note += 12 + ((name_size + 3) & ~3u);
	if (desc_size)
		memcpy(note, desc, desc_size);
	used = (uint32_t)(note - f->file) - ELF_NOTES + ((desc_size + 3) & ~3u);
	put32(filesz_at, used);
}

static inline void elf_add_pvh_note(struct boot_fixture *f, uint64_t entry)
{
	elf_add_note(f, "Xen", 18, &entry, f->file[4] == 2 ? 8 : 4);
}

static inline void elf_add_tinyvmm_note(struct boot_fixture *f, unsigned int version,
					unsigned int flags)
{
	const struct tinyvmm_note note = {version, flags};

	elf_add_note(f, "tinyvmm", 1, &note, sizeof(note));
}

/* ---- Multiboot: 0.6.96, 3.1 ---- */

static inline void put_multiboot(struct boot_fixture *f, size_t offset, uint32_t flags)
{
	put32(f->file + offset, 0x1badb002);
	put32(f->file + offset + 4, flags);
	put32(f->file + offset + 8, 0u - 0x1badb002u - flags);
}

#endif
