/* SPDX-License-Identifier: MIT */
/*
 * From the bytes of an image to guest memory and the state in which the boot processor starts.
 *
 * Pure functions: no KVM, no file descriptors, so that the loaders can be tested and fuzzed on any
 * host. One image format a file: linux.c (bzImage), elf_note.c (tinyvmm's own note, PVH,
 * other ELF64) on elf.c (headers and segments), pvh.c, multiboot.c. boot.c has the table of
 * formats, tells them apart by content and loads; place.c decides what goes where; handover.c
 * writes what PVH and Multiboot kernels are told, bios.c what is
 * left of a BIOS; state.c makes the entry states, seen.c
 * names what is no image, gzip.c inflates.
 *
 * The order of calls: boot_identify(), boot_plan() which decides where everything goes and
 * checks that it fits, then (device tree and ACPI tables are made, knowing the plan) boot_load().
 */
#ifndef VMM_X86_BOOT_BOOT_H
#define VMM_X86_BOOT_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/core/err.h"
#include "vmm/core/gmem.h"
#include "vmm/x86/board.h"
#include "vmm/x86/entry.h"

enum boot_protocol {
	BOOT_LINUX64,	/* bzImage, 64-bit entry (Documentation/arch/x86/boot.rst) */
	BOOT_LINUX32,	/* bzImage, 32-bit entry */
	BOOT_PVH,	/* ELF with XEN_ELFNOTE_PHYS32_ENTRY */
	BOOT_TINYVMM,	/* ELF64 with a tinyvmm note (guest/abi.h) */
	BOOT_ELF64,	/* any other ELF64, entered at e_entry in 64-bit mode */
	BOOT_MULTIBOOT, /* Multiboot 0.6.96 */
};

/* "Linux bzImage (64-bit entry)" and so on, for messages. */
const char *boot_protocol_name(enum boot_protocol protocol);

/* An image, identified. Points into the caller's bytes, which must outlive it. */
struct boot_image {
	enum boot_protocol protocol;
	const uint8_t *bytes;
	size_t size;
	uint64_t entry;	     /* where the protocol says to enter */
	uint32_t note_flags; /* TINYVMM_NOTE_*; BOOT_TINYVMM only */
	bool wants_irqchip;  /* the least machine that this image needs */
	bool wants_acpi;
	bool is_linux;	      /* bzImage, or a PVH kernel: wants virtio-rng and a serial console */
	uint32_t cmdline_max; /* bytes without the NUL that the image accepts */
	uint64_t initrd_max_addr; /* highest address a module's last byte may have */
	uint64_t start, end;	  /* guest-physical span that the image occupies once loaded */
	uint32_t init_size_align; /* bzImage: kernel_alignment; else 0 */
};

/*
 * If `bytes` are gzip, inflates them into a new mapping (munmap(*out, *out_size) by the caller) and
 * returns 1; returns 0 if they are not compressed; -errno with a message for a corrupt or absurd
 * stream. Output is bounded by `max_bytes`.
 */
int boot_gunzip(const uint8_t *bytes, size_t size, size_t max_bytes, uint8_t **out,
		size_t *out_size, struct err *err);

/*
 * Tells the format by content and validates the headers. -ENOEXEC with a message that says what was
 * seen and what is accepted; `err` does not name the option, the caller prefixes it.
 */
int boot_identify(const uint8_t *bytes, size_t size, struct boot_image *image, struct err *err);

#define BOOT_MAX_MODULES 16

/* A file that goes along with the image: the initrd, which comes first, or a module. */
struct boot_module {
	const char *option; /* "--initrd" or "--module", for messages */
	const char *path;   /* the same */
	bool is_initrd;
	const char *string; /* what PVH and Multiboot kernels find with it, or NULL */
	uint64_t size_bytes;
	/* Copies size_bytes into guest RAM at `to`. 0 or -errno with a message. */
	int (*read)(void *ctx, void *to, struct err *err);
	void *ctx;
};

struct boot_modules {
	unsigned int nr; /* at most BOOT_MAX_MODULES */
	const struct boot_module *module;
};

/* Size 0: not there. */
struct boot_place {
	uint64_t start;
	uint64_t size_bytes;
};

/*
 * Where everything goes. The 16 bytes before the device tree are reserved with it: Linux wants a
 * struct setup_data there (boot.rst, "setup_data").
 */
struct boot_plan {
	struct boot_place module[BOOT_MAX_MODULES]; /* [0] is the initrd, if there is one */
	struct boot_place fdt;
	struct boot_place handover; /* PVH, Multiboot: the start information and its strings */
};

/*
 * Places modules and device tree (on pages of their own, as high as the image's limits and low RAM
 * allow) and what the image is told, and checks that image, modules and command line fit `board`.
 * -EINVAL, -ENOMEM or -E2BIG with a message that names the option (--mem, --initrd, --module,
 * --append) and the remedy.
 */
int boot_plan(const struct boot_image *image, const struct board *board,
	      const struct boot_modules *modules, uint64_t fdt_size, struct boot_plan *plan,
	      struct err *err);

/*
 * Loads image, modules and command line into guest RAM and fills the entry state. The device tree
 * (plan->fdt) and ACPI tables are in place by then. `modules` are those of the plan. 0 or -errno
 * with a message.
 */
int boot_load(const struct boot_image *image, const struct board *board,
	      const struct boot_modules *modules, const struct boot_plan *plan, struct gmem *mem,
	      struct boot_entry *entry, struct err *err);

#endif
