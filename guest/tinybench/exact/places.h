/* SPDX-License-Identifier: MIT */
/*
 * Whose an instruction is: which function, and which column of an account. A guest has addresses of
 * its own, so each address comes with its world.
 */
#ifndef GUEST_TINYBENCH_EXACT_PLACES_H
#define GUEST_TINYBENCH_EXACT_PLACES_H

#include "guest/tinybench/exact/symbols.h"

enum world {
	WORLD_USER,   /* of level 1 */
	WORLD_KERNEL, /* of level 1 */
	WORLD_GUEST,
};

enum column {
	COLUMN_GUEST, /* of the native arm: the benchmark's process */
	COLUMN_KERNEL,
	COLUMN_KVM, /* its modules */
	COLUMN_VMM,
	COLUMN_LIBRARIES,
	COLUMN_OTHER, /* other processes, and code that no file has */
	NR_COLUMNS,
};

extern const char *const column_names[NR_COLUMNS];

/* What it means when a function of level 1 is entered. */
enum event {
	EVENT_NONE,
	EVENT_SYSCALL,
	EVENT_CONTEXT_SWITCH,
	EVENT_PAGE_FAULT,
	EVENT_INTERRUPT,
	EVENT_INJECTION, /* of an interrupt into the guest */
};

struct function {
	char *name;
	const char *module; /* as in struct symbol */
	enum world world;
	enum column column;
	uint64_t start;
	enum event event;
	bool is_interrupt; /* level 1's CPU came here by itself: an interrupt or an exception */
	bool is_tick;	   /* the interrupt of the timer */
	bool switches;	   /* __switch_to: returns on the stack of another thread */
	bool unnamed;	   /* no symbol: `start` is where it was entered */
	struct function *next;
};

/* The start of the kernel's half of the addresses. */
#define KERNEL_HALF 0xffff800000000000ull

#define PLACES_BUCKETS 4096

struct mapping {
	uint64_t start, end;
	char *path;
};

struct places {
	struct symbols host, guest;
	struct mapping *mappings;
	size_t nr_mappings, mappings_capacity;
	char *program;	   /* the path, in level 1, of what was started */
	bool is_benchmark; /* the program is the benchmark file itself */
	struct function *buckets[PLACES_BUCKETS];
};

/*
 * Adds the executable files of /proc/PID/maps: `find` says where the host has the file of that
 * path, a string that the caller of `find` frees, or NULL.
 */
void places_add_maps(struct places *places, const char *maps,
		     char *(*find)(void *opaque, const char *path), void *opaque);

/* After all symbols have been added. */
void places_sort(struct places *places);

/*
 * The function at the address; `entered` says whether it was called or jumped to from elsewhere,
 * and `before` is the function of the instruction before, which continues where there are no
 * symbols.
 */
struct function *places_find(struct places *places, enum world world, uint64_t address,
			     bool entered, struct function *before);

static inline enum world places_world(uint64_t address)
{
	return address >= KERNEL_HALF ? WORLD_KERNEL : WORLD_USER;
}

void places_free(struct places *places);

#endif
