/* SPDX-License-Identifier: MIT */
/*
 * ELF files (System V gABI, chapters 4 and 5) of 32 and 64 bits: headers, and segments which are
 * loaded at their physical addresses. elf_note.c says what the file is for.
 *
 * The zero-initialised tail of a segment is not written: guest RAM is fresh anonymous memory, zero
 * until touched, also after a reset.
 */
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "vmm/x86/boot/internal.h"

#define PHDRS_MAX 128u /* kernels have about five; bounds the work on a forged file */

bool boot_elf_matches(const uint8_t *bytes, size_t size)
{
	return size >= SELFMAG && !memcmp(bytes, ELFMAG, SELFMAG);
}

static const char *machine_name(uint16_t machine)
{
	switch (machine) {
	case EM_AARCH64:
		return "AArch64";
	case EM_ARM:
		return "Arm";
	case EM_RISCV:
		return "RISC-V";
	case EM_PPC64:
		return "64-bit PowerPC";
	case EM_S390:
		return "s390";
	case EM_MIPS:
		return "MIPS";
	case EM_LOONGARCH:
		return "LoongArch";
	default:
		return NULL;
	}
}

static int check_machine(uint16_t machine, bool is_64, struct err *err)
{
	const char *name = machine_name(machine);

	if (machine == EM_X86_64 || (machine == EM_386 && !is_64))
		return 0;
	if (name)
		return err_set(err, -ENOEXEC, "an ELF for %s; one for x86 is needed", name);
	return err_set(err, -ENOEXEC, "an ELF for machine %u; one for x86 (3 or 62) is needed",
		       machine);
}

static int check_type(uint16_t type, struct err *err)
{
	switch (type) {
	case ET_EXEC:
		return 0;
	case ET_REL:
		return err_set(err, -ENOEXEC,
			       "an ELF object file (or kernel module); link it first");
	case ET_DYN:
		return err_set(
			err, -ENOEXEC,
			"a shared or position-independent ELF (a user-space program?); a kernel "
			"is linked at a fixed address (-static -no-pie)");
	case ET_CORE:
		return err_set(err, -ENOEXEC, "an ELF core dump");
	default:
		return err_set(err, -ENOEXEC, "an ELF of unknown type %u", type);
	}
}

static int check_phdr_table(const struct elf_file *elf, size_t phdr_size, unsigned int phentsize,
			    struct err *err)
{
	if (elf->nr_phdrs == 0)
		return err_set(err, -ENOEXEC, "an ELF without program headers: nothing to load");
	if (elf->nr_phdrs > PHDRS_MAX)
		return err_set(err, -ENOEXEC,
			       "an ELF with %u program headers; at most %u are accepted",
			       elf->nr_phdrs, PHDRS_MAX);
	if (phentsize != phdr_size)
		return err_set(err, -ENOEXEC,
			       "corrupt ELF: program headers of %u bytes instead of %zu", phentsize,
			       phdr_size);
	if (!boot_inside(elf->phdr_offset, elf->nr_phdrs * phdr_size, elf->size))
		return err_set(err, -ENOEXEC,
			       "truncated ELF: %u program headers at 0x%" PRIx64
			       ", the file has %zu bytes",
			       elf->nr_phdrs, elf->phdr_offset, elf->size);
	return 0;
}

static int truncated_header(size_t size, struct err *err)
{
	return err_set(err, -ENOEXEC, "truncated ELF: the file has %zu bytes", size);
}

static int open32(struct elf_file *elf, struct err *err)
{
	Elf32_Ehdr ehdr;
	int ret;

	if (elf->size < sizeof(ehdr))
		return truncated_header(elf->size, err);
	memcpy(&ehdr, elf->bytes, sizeof(ehdr));
	ret = check_machine(ehdr.e_machine, false, err);
	if (!ret)
		ret = check_type(ehdr.e_type, err);
	if (ret)
		return ret;
	elf->entry = ehdr.e_entry;
	elf->phdr_offset = ehdr.e_phoff;
	elf->nr_phdrs = ehdr.e_phnum;
	return check_phdr_table(elf, sizeof(Elf32_Phdr), ehdr.e_phentsize, err);
}

static int open64(struct elf_file *elf, struct err *err)
{
	Elf64_Ehdr ehdr;
	int ret;

	if (elf->size < sizeof(ehdr))
		return truncated_header(elf->size, err);
	memcpy(&ehdr, elf->bytes, sizeof(ehdr));
	ret = check_machine(ehdr.e_machine, true, err);
	if (!ret)
		ret = check_type(ehdr.e_type, err);
	if (ret)
		return ret;
	elf->is_64 = true;
	elf->entry = ehdr.e_entry;
	elf->phdr_offset = ehdr.e_phoff;
	elf->nr_phdrs = ehdr.e_phnum;
	return check_phdr_table(elf, sizeof(Elf64_Phdr), ehdr.e_phentsize, err);
}

int boot_elf_open(const struct boot_image *image, struct elf_file *elf, struct err *err)
{
	*elf = (struct elf_file){.bytes = image->bytes, .size = image->size};

	if (image->size < EI_NIDENT)
		return truncated_header(image->size, err);
	if (image->bytes[EI_DATA] != ELFDATA2LSB)
		return err_set(err, -ENOEXEC, "a big-endian ELF; one for x86 is needed");
	switch (image->bytes[EI_CLASS]) {
	case ELFCLASS32:
		return open32(elf, err);
	case ELFCLASS64:
		return open64(elf, err);
	default:
		return err_set(err, -ENOEXEC, "corrupt ELF: class %u", image->bytes[EI_CLASS]);
	}
}

Elf64_Phdr boot_elf_phdr(const struct elf_file *elf, unsigned int i)
{
	Elf64_Phdr wide;
	Elf32_Phdr narrow;

	if (elf->is_64) {
		memcpy(&wide, elf->bytes + elf->phdr_offset + i * sizeof(wide), sizeof(wide));
		return wide;
	}
	memcpy(&narrow, elf->bytes + elf->phdr_offset + i * sizeof(narrow), sizeof(narrow));
	return (Elf64_Phdr){
		.p_type = narrow.p_type,
		.p_flags = narrow.p_flags,
		.p_offset = narrow.p_offset,
		.p_vaddr = narrow.p_vaddr,
		.p_paddr = narrow.p_paddr,
		.p_filesz = narrow.p_filesz,
		.p_memsz = narrow.p_memsz,
		.p_align = narrow.p_align,
	};
}

static int check_segment(const struct boot_image *image, const Elf64_Phdr *phdr, unsigned int i,
			 struct err *err)
{
	char what[32];

	if (phdr->p_filesz > phdr->p_memsz)
		return err_set(err, -ENOEXEC,
			       "corrupt ELF: segment %u has 0x%" PRIx64
			       " bytes in the file but 0x%" PRIx64 " in memory",
			       i, phdr->p_filesz, phdr->p_memsz);
	if (!boot_inside(phdr->p_offset, phdr->p_filesz, image->size))
		return err_set(err, -ENOEXEC,
			       "truncated ELF: segment %u takes 0x%" PRIx64 " bytes at 0x%" PRIx64
			       ", the file has 0x%zx",
			       i, phdr->p_filesz, phdr->p_offset, image->size);
	snprintf(what, sizeof(what), "ELF segment %u", i);
	return boot_check_area(image, phdr->p_paddr, phdr->p_memsz, what, err);
}

static bool is_loaded(const Elf64_Phdr *phdr)
{
	return phdr->p_type == PT_LOAD && phdr->p_memsz > 0;
}

int boot_elf_check_segments(struct boot_image *image, struct err *err)
{
	struct elf_file elf;
	bool entry_is_loaded = false;
	uint64_t file_bytes_left = MEMMAP_HOLE_START;
	int ret = boot_elf_open(image, &elf, err);

	if (ret)
		return ret;
	image->start = UINT64_MAX;
	image->end = 0;
	for (unsigned int i = 0; i < elf.nr_phdrs; i++) {
		Elf64_Phdr phdr = boot_elf_phdr(&elf, i);

		if (!is_loaded(&phdr))
			continue;
		ret = check_segment(image, &phdr, i, err);
		if (ret)
			return ret;
		/* Segments may overlap; their sum bounds the work on a forged file. */
		if (phdr.p_filesz > file_bytes_left)
			return err_set(
				err, -ENOEXEC,
				"an ELF whose segments have more bytes than fit below 3 GiB");
		file_bytes_left -= phdr.p_filesz;
		if (phdr.p_paddr < image->start)
			image->start = phdr.p_paddr;
		if (phdr.p_paddr + phdr.p_memsz > image->end)
			image->end = phdr.p_paddr + phdr.p_memsz;
		if (image->entry >= phdr.p_paddr && image->entry - phdr.p_paddr < phdr.p_memsz)
			entry_is_loaded = true;
	}
	if (image->end == 0)
		return err_set(err, -ENOEXEC, "an ELF without segments to load");
	if (!entry_is_loaded)
		return err_set(err, -ENOEXEC,
			       "ELF entry 0x%" PRIx64 " lies in no loaded segment (0x%" PRIx64
			       "-0x%" PRIx64 "); it must be a physical address",
			       image->entry, image->start, image->end);
	return 0;
}

int boot_elf_load_segments(struct boot_job *job)
{
	struct elf_file elf;
	int ret = boot_elf_open(job->image, &elf, job->err);

	for (unsigned int i = 0; !ret && i < elf.nr_phdrs; i++) {
		Elf64_Phdr phdr = boot_elf_phdr(&elf, i);

		if (is_loaded(&phdr))
			ret = boot_put(job, phdr.p_paddr, elf.bytes + phdr.p_offset, phdr.p_filesz,
				       "an ELF segment");
	}
	return ret;
}
