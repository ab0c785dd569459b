/* SPDX-License-Identifier: MIT */
/*
 * Loads the program: a static ELF64 (System V gABI, chapters 4 and 5), whose virtual addresses are
 * physical ones here, since memory is mapped one to one.
 */
#include <elf.h>

#include "guest/payload/kernel/kernel.h"

static void copy(uint64_t to, const uint8_t *from, uint64_t size)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size)::"memory");
}

static void clear(uint64_t to, uint64_t size)
{
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(0) : "memory");
}

static bool is_inside(uint64_t start, uint64_t size, uint64_t limit)
{
	return start <= limit && size <= limit - start;
}

static void load_segment(const struct handover *handover, const Elf64_Phdr *phdr, uint64_t *end)
{
	uint64_t room_start = (uint64_t)(uintptr_t)payload_end;

	if (phdr->p_filesz > phdr->p_memsz ||
	    !is_inside(phdr->p_offset, phdr->p_filesz, handover->program_size))
		payload_refuse("the program (--initrd) is a truncated ELF");
	if (phdr->p_vaddr < room_start ||
	    !is_inside(phdr->p_vaddr, phdr->p_memsz, handover->ram_end))
		payload_refuse("the program (--initrd) does not fit into RAM; use more --mem");
	copy(phdr->p_vaddr, handover->program + phdr->p_offset, phdr->p_filesz);
	clear(phdr->p_vaddr + phdr->p_filesz, phdr->p_memsz - phdr->p_filesz);
	if (phdr->p_vaddr + phdr->p_memsz > *end)
		*end = phdr->p_vaddr + phdr->p_memsz;
}

uint64_t program_load(const struct handover *handover, uint64_t *end)
{
	const Elf64_Ehdr *ehdr = (const void *)handover->program;
	const Elf64_Phdr *phdr;

	if (!ehdr)
		payload_refuse("no program; give one with --initrd, such as bench.elf");
	if (handover->program_size < sizeof(*ehdr) || *(const uint32_t *)ehdr != 0x464c457f ||
	    ehdr->e_ident[EI_CLASS] != ELFCLASS64 || ehdr->e_type != ET_EXEC ||
	    ehdr->e_machine != EM_X86_64)
		payload_refuse("the program (--initrd) is no static x86-64 ELF");
	if (ehdr->e_phentsize != sizeof(*phdr) ||
	    !is_inside(ehdr->e_phoff, ehdr->e_phnum * sizeof(*phdr), handover->program_size))
		payload_refuse("the program (--initrd) is a truncated ELF");
	phdr = (const void *)(handover->program + ehdr->e_phoff);
	*end = (uint64_t)(uintptr_t)payload_end;
	for (unsigned int i = 0; i < ehdr->e_phnum; i++)
		if (phdr[i].p_type == PT_LOAD)
			load_segment(handover, &phdr[i], end);
	return ehdr->e_entry;
}
