/* SPDX-License-Identifier: MIT */
/*
 * From the configuration to the description of the machine, and the printing of that description
 * (--dry-run). Pure: what it needs to know of the host and the image is passed in.
 */
#ifndef VMM_DESCRIBE_H
#define VMM_DESCRIBE_H

#include <stdio.h>

#include "vmm/config/config.h"
#include "vmm/core/gmem.h"
#include "vmm/x86/board.h"
#include "vmm/x86/boot/boot.h"

/*
 * Memory map, NUMA nodes and the switches of the machine, for the topology in board->topo. The
 * slots are added by device_table_slots().
 */
void describe_board(struct board *board, const struct config *config,
		    const struct boot_image *image);

/* Lays `hva`, guest RAM as one mapping, out around the 32-bit hole. 0 or -errno. */
int describe_memory(struct gmem *mem, uint64_t size_bytes, void *hva);

/* Where in the mapping the RAM at this guest-physical address lies. */
uint64_t describe_mapping_offset(uint64_t gpa);

struct describe_print {
	const struct board *board;
	const struct config *config;
	const struct boot_image *image;
	const unsigned int *cpu_of; /* or NULL without --pin */
	const char *host_kind;	    /* one sentence */
};

void describe_print(const struct describe_print *what, FILE *to);

#endif
