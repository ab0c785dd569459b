/* SPDX-License-Identifier: MIT */
/*
 * A description of the machine to be: the one source for the e820 map, ACPI, the device tree,
 * the PVH memory map and --dry-run, so that they cannot disagree. Made by describe.c from the
 * configuration before anything is created; plain data, no KVM.
 */
#ifndef X86_BOARD_H
#define X86_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/core/gmem.h"
#include "vmm/x86/memmap.h"
#include "vmm/x86/topology.h"

/* Values as in e820 and in PVH's memory map (Xen start_info.h); both copied ACPI's 15.1. */
enum board_range_type {
	BOARD_RAM = 1,
	BOARD_RESERVED = 2,
	BOARD_ACPI = 3,
};

struct board_range {
	uint64_t start;
	uint64_t size_bytes;
	enum board_range_type type;
};

/* A stretch of RAM that belongs to a NUMA node; together they cover all RAM, ascending. */
struct board_node_range {
	unsigned int node;
	uint64_t start;
	uint64_t size_bytes;
};

struct board_slot {
	const char *name; /* "virtio-blk" */
	const char *id;	  /* what it stands for, for --dry-run: the disk's file, the TAP's name */
	uint64_t base;
	uint32_t gsi;
};

#define BOARD_MAX_RANGES 8
#define BOARD_MAX_NODES	 8

struct board {
	struct topology topo;
	unsigned int nr_ranges;
	/* The guest's memory map: ascending, disjoint. */
	struct board_range range[BOARD_MAX_RANGES];
	unsigned int nr_nodes; /* 0: no NUMA tables */
	unsigned int nr_node_ranges;
	struct board_node_range node_range[2 * BOARD_MAX_NODES];
	/* SLIT (ACPI 6.5, 5.2.17); 10 is local. */
	uint8_t distance[BOARD_MAX_NODES][BOARD_MAX_NODES];
	unsigned int nr_slots;
	struct board_slot slot[MEMMAP_MAX_SLOTS];
	bool has_serial;
	bool has_irqchip;
	bool has_pit;
	bool has_testdev;
	const char *cmdline; /* "" if none */
};

/* Which node a vCPU belongs to: one node a socket. */
static inline unsigned int board_cpu_node(const struct board *board, unsigned int cpu)
{
	return board->nr_nodes > 1 ? topology_socket(&board->topo, cpu) : 0;
}

/* The way back: how many vCPUs belong to a node; they follow each other from *first on. */
unsigned int board_node_cpus(const struct board *board, unsigned int node, unsigned int *first);

/* Bytes of RAM from `start` to the end of its range; 0 if there is none. */
uint64_t board_ram_from(const struct board *board, uint64_t start);

/* Lays `hva`, guest RAM as one mapping, out around the 32-bit hole. 0 or -errno. */
int board_map_ram(struct gmem *mem, uint64_t size_bytes, void *hva);

/* Where in the mapping the RAM at this guest-physical address lies. */
uint64_t board_mapping_offset(uint64_t gpa);

#endif
