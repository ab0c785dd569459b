/* SPDX-License-Identifier: MIT */
/*
 * What an ELF file is for. It says so in its notes: a tinyvmm payload (guest/abi.h), or a PVH
 * kernel (Xen's docs/misc/pvh.pandoc and elfnote.h). One without such a note may carry a Multiboot
 * header, or else is entered at e_entry in 64-bit mode.
 *
 * A PVH kernel is taken for Linux if it has a note of the name "Linux" (every vmlinux since 4.19
 * has LINUX_ELFNOTE_BUILD_SALT) or a Xen GUEST_OS note that says "linux".
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "guest/abi.h"
#include "vmm/x86/boot/internal.h"

#define XEN_ELFNOTE_GUEST_OS	 6u
#define XEN_ELFNOTE_PHYS32_ENTRY 18u
#define NOTES_MAX_BYTES		 65536u /* of all segments; a kernel has some hundred bytes */
#define LINUX_CMDLINE_MAX	 2047u	/* COMMAND_LINE_SIZE of x86, which the file does not tell */

struct notes {
	bool is_linux;	   /* a Linux kernel */
	bool is_userspace; /* a program that runs under Linux */
	bool has_pvh;
	bool has_tinyvmm;
	uint64_t pvh_entry;
	struct tinyvmm_note tinyvmm;
};

/* One note; `name` is without its NUL. */
struct note {
	const char *name;
	size_t name_len;
	uint32_t type;
	const uint8_t *desc;
	size_t desc_size;
};

static bool is_named(const struct note *note, const char *name)
{
	return note->name_len == strlen(name) && !memcmp(note->name, name, note->name_len);
}

static int take_pvh(const struct note *note, struct notes *notes, struct err *err)
{
	uint32_t narrow;

	/* A 64-bit Linux writes eight bytes, others four. */
	if (note->desc_size == sizeof(narrow)) {
		memcpy(&narrow, note->desc, sizeof(narrow));
		notes->pvh_entry = narrow;
	} else if (note->desc_size == sizeof(notes->pvh_entry)) {
		memcpy(&notes->pvh_entry, note->desc, sizeof(notes->pvh_entry));
	} else {
		return err_set(err, -ENOEXEC, "corrupt ELF: a PVH entry of %zu bytes",
			       note->desc_size);
	}
	notes->has_pvh = true;
	return 0;
}

static int take_tinyvmm(const struct note *note, struct notes *notes, struct err *err)
{
	if (note->desc_size != sizeof(notes->tinyvmm))
		return err_set(err, -ENOEXEC, "tinyvmm note of %zu bytes instead of %zu",
			       note->desc_size, sizeof(notes->tinyvmm));
	memcpy(&notes->tinyvmm, note->desc, sizeof(notes->tinyvmm));
	if (notes->tinyvmm.version != TINYVMM_NOTE_VERSION)
		return err_set(
			err, -ENOEXEC,
			"tinyvmm note of version %u, this program knows %u; build the payload "
			"against the same guest/abi.h",
			notes->tinyvmm.version, TINYVMM_NOTE_VERSION);
	if (notes->tinyvmm.flags & ~(unsigned int)TINYVMM_NOTE_KNOWN_FLAGS)
		return err_set(
			err, -ENOEXEC,
			"tinyvmm note asks for unknown flags 0x%x; build the payload against "
			"the same guest/abi.h",
			notes->tinyvmm.flags & ~(unsigned int)TINYVMM_NOTE_KNOWN_FLAGS);
	notes->has_tinyvmm = true;
	return 0;
}

static int take_note(const struct note *note, struct notes *notes, struct err *err)
{
	if (is_named(note, "Linux"))
		notes->is_linux = true;
	if (is_named(note, ELF_NOTE_GNU) && note->type == NT_GNU_ABI_TAG)
		notes->is_userspace = true;
	if (is_named(note, TINYVMM_NOTE_NAME) && note->type == TINYVMM_NOTE_TYPE)
		return take_tinyvmm(note, notes, err);
	if (is_named(note, "Xen") && note->type == XEN_ELFNOTE_PHYS32_ENTRY)
		return take_pvh(note, notes, err);
	if (is_named(note, "Xen") && note->type == XEN_ELFNOTE_GUEST_OS &&
	    note->desc_size >= strlen("linux") && !memcmp(note->desc, "linux", strlen("linux")))
		notes->is_linux = true;
	return 0;
}

/* gABI, "Note Section": name and descriptor are padded to the alignment, from the note's start. */
static int walk_segment(const uint8_t *bytes, uint64_t size, uint64_t alignment,
			struct notes *notes, struct err *err)
{
	uint64_t at = 0;

	while (size - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr nhdr;
		uint64_t desc_at, end;
		struct note note;
		int ret;

		memcpy(&nhdr, bytes + at, sizeof(nhdr));
		desc_at = boot_align_up(at + sizeof(nhdr) + nhdr.n_namesz, alignment);
		if (!boot_inside(desc_at, nhdr.n_descsz, size))
			return err_set(err, -ENOEXEC, "corrupt ELF: a note runs past its segment");
		note = (struct note){
			.name = (const char *)bytes + at + sizeof(nhdr),
			.name_len = nhdr.n_namesz ? nhdr.n_namesz - 1 : 0,
			.type = nhdr.n_type,
			.desc = bytes + desc_at,
			.desc_size = nhdr.n_descsz,
		};
		ret = take_note(&note, notes, err);
		if (ret)
			return ret;
		end = boot_align_up(desc_at + nhdr.n_descsz, alignment);
		at = end < size ? end : size; /* the last one may lack its padding */
	}
	return 0;
}

/* Note segments may overlap, so what bounds the work on a forged file is their sum. */
static int read_notes(const struct elf_file *elf, struct notes *notes, struct err *err)
{
	uint64_t left = NOTES_MAX_BYTES;

	for (unsigned int i = 0; i < elf->nr_phdrs; i++) {
		Elf64_Phdr phdr = boot_elf_phdr(elf, i);
		int ret;

		if (phdr.p_type == PT_INTERP)
			notes->is_userspace = true;
		if (phdr.p_type != PT_NOTE)
			continue;
		if (!boot_inside(phdr.p_offset, phdr.p_filesz, elf->size))
			return err_set(err, -ENOEXEC,
				       "truncated ELF: notes of 0x%" PRIx64 " bytes at 0x%" PRIx64
				       ", the file has 0x%zx",
				       phdr.p_filesz, phdr.p_offset, elf->size);
		if (phdr.p_filesz > left)
			return err_set(err, -ENOEXEC,
				       "an ELF with more than %u bytes of notes, which no kernel "
				       "has",
				       NOTES_MAX_BYTES);
		left -= phdr.p_filesz;
		ret = walk_segment(elf->bytes + phdr.p_offset, phdr.p_filesz,
				   phdr.p_align == 8 ? 8 : 4, notes, err);
		if (ret)
			return ret;
	}
	return 0;
}

static void choose_pvh(struct boot_image *image, const struct notes *notes)
{
	image->protocol = BOOT_PVH;
	image->entry = notes->pvh_entry;
	image->wants_irqchip = true;
	image->wants_acpi = true;
	image->is_linux = notes->is_linux;
	if (notes->is_linux)
		image->cmdline_max = LINUX_CMDLINE_MAX;
}

static int choose_plain(struct boot_image *image, const struct elf_file *elf,
			const struct notes *notes, struct err *err)
{
	if (notes->is_linux)
		return err_set(err, -ENOEXEC,
			       "a Linux vmlinux without a PVH entry; use the bzImage of the same "
			       "kernel, or build it with CONFIG_PVH=y");
	if (notes->is_userspace)
		return err_set(err, -ENOEXEC, "an ELF program for Linux user space, not a kernel");
	if (!elf->is_64)
		return err_set(
			err, -ENOEXEC,
			"a 32-bit ELF with neither a PVH note nor a Multiboot header, so nothing "
			"says how to enter it; link it as 64-bit ELF or add one of them");
	image->protocol = BOOT_ELF64;
	return 0;
}

int boot_elf_identify(struct boot_image *image, struct err *err)
{
	struct notes notes = {0};
	struct elf_file elf;
	int ret = boot_elf_open(image, &elf, err);

	if (!ret)
		ret = read_notes(&elf, &notes, err);
	if (ret)
		return ret;

	image->entry = elf.entry;
	image->cmdline_max = MEMMAP_CMDLINE_MAX - 1;
	image->initrd_max_addr = UINT32_MAX;
	if (notes.has_tinyvmm && elf.is_64) {
		image->protocol = BOOT_TINYVMM;
		image->note_flags = notes.tinyvmm.flags;
		image->wants_irqchip = notes.tinyvmm.flags & TINYVMM_NOTE_IRQCHIP;
	} else if (notes.has_pvh) {
		choose_pvh(image, &notes);
	} else if (boot_multiboot_matches(image->bytes, image->size)) {
		return boot_multiboot_identify(image, err);
	} else {
		ret = choose_plain(image, &elf, &notes, err);
		if (ret)
			return ret;
	}
	return boot_elf_check_segments(image, err);
}

static int load_elf64(struct boot_job *job)
{
	int ret = boot_elf_load_segments(job);

	if (ret)
		return ret;
	job->entry->rdi = job->plan->fdt.size_bytes ? job->plan->fdt.start : 0;
	job->entry->rsi = 0; /* this vCPU's number */
	job->entry->rsp = MEMMAP_STACK_TOP;
	job->entry->all_cpus = job->image->note_flags & TINYVMM_NOTE_ALL_CPUS;
	return boot_enter_long(job);
}

#define LONG_MODE_RESERVED                                                       \
	{                                                                        \
		MEMMAP_STACK, MEMMAP_TABLES_END, "the stack and the page tables" \
	}

const struct boot_format boot_format_tinyvmm = {
	.name = "tinyvmm payload",
	.matches = boot_elf_matches,
	.identify = boot_elf_identify,
	.load = load_elf64,
	.reserved = LONG_MODE_RESERVED,
};

const struct boot_format boot_format_elf64 = {
	.name = "64-bit ELF",
	.load = load_elf64,
	.reserved = LONG_MODE_RESERVED,
};
