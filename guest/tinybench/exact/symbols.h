/* SPDX-License-Identifier: MIT */
/*
 * Which function an address is in: tables of symbols of a kernel (/proc/kallsyms), of ELF files,
 * and of a process, whose files lie where /proc/PID/maps says.
 */
#ifndef GUEST_TINYBENCH_EXACT_SYMBOLS_H
#define GUEST_TINYBENCH_EXACT_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/core/err.h"

struct symbol {
	uint64_t start, end;
	char *name;
	const char
		*module; /* kernel module or file without its directory; NULL: the kernel itself */
};

struct symbols {
	struct symbol *at; /* by address once symbols_sort() has been called */
	size_t nr, capacity;
	char **modules;
	size_t nr_modules, modules_capacity;
};

/*
 * The lines of /proc/kallsyms or of a System.map: functions and all else that has code. Addresses
 * 0, which a kernel shows to those who may not see them, are an error. 0, or -errno with a reason.
 */
int symbols_add_kallsyms(struct symbols *symbols, const char *text, struct err *err);

/*
 * The functions of an ELF64: those of .symtab, else of .dynsym. What the file has at offset
 * `offset` lies at `address`; size 0: at the addresses that the file names. 0, or -errno with a
 * reason.
 */
int symbols_add_elf(struct symbols *symbols, const char *path, uint64_t address, uint64_t offset,
		    uint64_t size, struct err *err);

/* After all have been added: sorts them, and ends those that have no size at the next one. */
void symbols_sort(struct symbols *symbols);

/* NULL if the address is in none. */
const struct symbol *symbols_find(const struct symbols *symbols, uint64_t address);

void symbols_free(struct symbols *symbols);

#endif
