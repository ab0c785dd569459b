/* SPDX-License-Identifier: MIT */
/*
 * What the image loaders share among themselves. Only the files of this folder include it.
 *
 * A format is a row of the table in boot.c, which its own file fills: matches() looks at the magic
 * only, identify() validates the headers and fills the image, load() writes guest RAM. A load
 * function may rely on what its identify function checked, because the bytes do not change in
 * between.
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
	const struct boot_modules *modules;
	const struct boot_plan *plan;
	struct gmem *mem;
	struct boot_entry *entry;
	struct err *err;
};

/* A stretch of guest memory that is not for images; the end is not part of it. */
struct boot_reserved {
	uint64_t start, end;
	const char *what;
};

struct boot_format {
	const char *name; /* "PVH kernel" */
	/* NULL, both: the identify() of another format finds it. */
	bool (*matches)(const uint8_t *bytes, size_t size);
	int (*identify)(struct boot_image *image, struct err *err);
	int (*load)(struct boot_job *job);
	/* Its own, besides what no image may touch. All zero: none. */
	struct boot_reserved reserved;
	bool takes_modules; /* else only an initrd */
	/* The start information (handover.c): 0 if the image gets none. */
	size_t handover_bytes;	      /* without modules and strings; a multiple of 8 */
	size_t handover_module_bytes; /* for each module */
	const char *argv0;	      /* what the command line begins with */
};

extern const struct boot_format boot_format_linux64;
extern const struct boot_format boot_format_linux32;
extern const struct boot_format boot_format_pvh;
extern const struct boot_format boot_format_tinyvmm;
extern const struct boot_format boot_format_elf64;
extern const struct boot_format boot_format_multiboot;

/* boot.c */
const struct boot_format *boot_format(enum boot_protocol protocol);

/*
 * place.c: -ENOEXEC with a message if [start, start + size) touches what is not for images of
 * image->protocol.
 */
int boot_check_area(const struct boot_image *image, uint64_t start, uint64_t size, const char *what,
		    struct err *err);

/* seen.c: fills `err` with what a foreign file looks like and what is accepted; -ENOEXEC. */
int boot_refuse_foreign(const uint8_t *bytes, size_t size, struct err *err);

/* state.c: gmem_write() with a message; `what` is "the page tables" and so on. */
int boot_put(struct boot_job *job, uint64_t to, const void *from, size_t len, const char *what);

/* bios.c: for images that want ACPI and so expect a PC. */
int boot_put_bios(struct boot_job *job);

/*
 * Each writes the GDT (and the page tables) and sets mode, segments and instruction pointer; the
 * registers that are the protocol's own are the caller's.
 */
int boot_enter_protected(struct boot_job *job);
int boot_enter_long(struct boot_job *job);

/*
 * handover.c: what a PVH or Multiboot kernel is told lies in one piece, plan->handover: the
 * format's own structures, its module list, then strings.
 */
struct boot_handover {
	uint64_t start;	      /* of the format's structures */
	uint64_t modules;     /* of the module list */
	uint64_t cmdline;     /* of the command line, argv0 first */
	uint64_t next_string; /* where the next module's string goes */
};

/* How many bytes of it this image needs; 0 if its format has none. */
uint64_t boot_handover_size(const struct boot_image *image, const struct board *board,
			    const struct boot_modules *modules);

/* Lays it out and writes the command line. */
int boot_handover_begin(struct boot_job *job, struct boot_handover *handover);

/* Writes the string of module `i` and its address to *at, 0 if it has none. */
int boot_handover_string(struct boot_job *job, struct boot_handover *handover, unsigned int i,
			 uint64_t *at);

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

/* multiboot.c */
bool boot_multiboot_matches(const uint8_t *bytes, size_t size);
int boot_multiboot_identify(struct boot_image *image, struct err *err);

#endif
