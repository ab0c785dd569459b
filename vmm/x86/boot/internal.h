/* SPDX-License-Identifier: MIT */
/*
 * What the image loaders share among themselves. Only the files of this folder include it.
 *
 * A format has three functions: ..._matches() looks at the magic only, ..._identify() validates the
 * headers and fills the image, ..._load() writes guest RAM. A load function may rely on what its
 * identify function checked, because the bytes do not change in between.
 */
#ifndef VMM_X86_BOOT_INTERNAL_H
#define VMM_X86_BOOT_INTERNAL_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/core/err.h"
#include "vmm/core/gmem.h"
#include "vmm/x86/boot/boot.h"

#define BOOT_PAGE_SIZE 4096u

/* `alignment` is a power of two. The caller keeps `value` far from 2^64. */
static inline uint64_t boot_align_down(uint64_t value, uint64_t alignment)
{
	return value & ~(alignment - 1);
}

static inline uint64_t boot_align_up(uint64_t value, uint64_t alignment)
{
	return boot_align_down(value + alignment - 1, alignment);
}

/* Whether `len` bytes at `offset` are within `size`. */
static inline bool boot_inside(uint64_t offset, uint64_t len, uint64_t size)
{
	return offset <= size && len <= size - offset;
}

/* Everything that boot_load() was given. */
struct boot_job {
	const struct boot_image *image;
	const struct board *board;
	const struct boot_plan *plan;
	struct gmem *mem;
	struct boot_entry *entry;
	struct err *err;
};

/* boot.c: -ENOEXEC with a message if [start, start + size) touches what is not for images. */
int boot_check_area(uint64_t start, uint64_t size, const char *what, struct err *err);

/* seen.c: fills `err` with what a foreign file looks like and what is accepted; -ENOEXEC. */
int boot_refuse_foreign(const uint8_t *bytes, size_t size, struct err *err);

/* state.c: gmem_write() with a message; `what` is "the page tables" and so on. */
int boot_put(struct boot_job *job, uint64_t to, const void *from, size_t len, const char *what);

/*
 * Each writes the GDT (and the page tables) and sets mode, segments and instruction pointer; the
 * registers that are the protocol's own are the caller's.
 */
int boot_enter_protected(struct boot_job *job);
int boot_enter_long(struct boot_job *job);

/* Writes `prefix` and the board's command line, NUL-terminated, at MEMMAP_CMDLINE. */
int boot_put_cmdline(struct boot_job *job, const char *prefix);

/* linux.c */
bool boot_linux_matches(const uint8_t *bytes, size_t size);
int boot_linux_identify(struct boot_image *image, struct err *err);
int boot_linux_load(struct boot_job *job);

/*
 * elf.c: the header of either class, as wide as the wider one. A program header may be asked
 * for below nr_phdrs.
 */
struct elf_file {
	const uint8_t *bytes;
	size_t size;
	bool is_64;
	uint64_t entry;
	uint64_t phdr_offset;
	unsigned int nr_phdrs;
};

bool boot_elf_matches(const uint8_t *bytes, size_t size);
int boot_elf_open(const struct boot_image *image, struct elf_file *elf, struct err *err);
Elf64_Phdr boot_elf_phdr(const struct elf_file *elf, unsigned int i);

/*
 * Validates what is to be loaded, notes its span in image->start and image->end and fails unless
 * image->entry lies in it; copies it to guest RAM.
 */
int boot_elf_check_segments(struct boot_image *image, struct err *err);
int boot_elf_load_segments(struct boot_job *job);

/* elf_note.c: also finds Multiboot kernels that are ELF. */
int boot_elf_identify(struct boot_image *image, struct err *err);
int boot_elf_load(struct boot_job *job); /* BOOT_TINYVMM, BOOT_ELF64 */

/* pvh.c */
int boot_pvh_load(struct boot_job *job);

/* multiboot.c */
bool boot_multiboot_matches(const uint8_t *bytes, size_t size);
int boot_multiboot_identify(struct boot_image *image, struct err *err);
int boot_multiboot_load(struct boot_job *job);

#endif
