/* SPDX-License-Identifier: MIT */
/*
 * Exit counters: a hash table from what an exit was for to a histogram of its latencies.
 *
 * Everything lies in one anonymous mapping, whose pages the kernel hands out as they are touched:
 * a run with ten keys costs ten histograms, and counting can neither fail nor call malloc. Keys
 * come from the guest, so their number is bounded; one that makes them collide slows down the
 * counting of its own exits, by EXITSTAT_MAX_KEYS probes at most.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#include "vmm/stats/exitstat.h"

#define SLOT_BITS 11
#define NR_SLOTS  (1u << SLOT_BITS)

_Static_assert(NR_SLOTS >= 2 * EXITSTAT_MAX_KEYS,
	       "probing ends soon, and always, at an empty slot");

struct exitstat {
	_Atomic uint32_t nr_rows;
	_Atomic uint16_t catch_all[EXIT_NR_KINDS]; /* row's index + 1; 0: none yet */
	_Atomic uint16_t slot[NR_SLOTS];	   /* the same */
	struct exit_row row[EXITSTAT_MAX_KEYS + EXIT_NR_KINDS];
};

const char *exitstat_kind_name(enum exit_kind kind)
{
	static const char *const names[] = {
		[EXIT_PIO_IN] = "pio-in",
		[EXIT_PIO_OUT] = "pio-out",
		[EXIT_MMIO_READ] = "mmio-read",
		[EXIT_MMIO_WRITE] = "mmio-write",
		[EXIT_HLT] = "hlt",
		[EXIT_HYPERCALL] = "hypercall",
		[EXIT_EINTR] = "kick",
		[EXIT_SHUTDOWN] = "shutdown",
		[EXIT_OTHER] = "other",
	};

	assert(kind < EXIT_NR_KINDS);
	return names[kind];
}

int exitstat_create(struct exitstat **stat)
{
	void *at = mmap(NULL, sizeof(**stat), PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return -ENOMEM;
	*stat = at;
	return 0;
}

void exitstat_destroy(struct exitstat *stat)
{
	if (stat != NULL)
		munmap(stat, sizeof(*stat));
}

/* Fibonacci hashing: the top bits of a product with 2^64 / phi. */
static unsigned int first_slot(enum exit_kind kind, uint64_t detail)
{
	uint64_t key = detail ^ (uint64_t)kind << 56;

	return (unsigned int)((key * 0x9e3779b97f4a7c15u) >> (64 - SLOT_BITS));
}

/* Where the number of this key's row stands, or would stand. */
static _Atomic uint16_t *probe(struct exitstat *stat, enum exit_kind kind, uint64_t detail)
{
	unsigned int at = first_slot(kind, detail);

	for (;; at = (at + 1) % NR_SLOTS) {
		/* Pairs with the release in new_row(): the row that a slot names has its key. */
		uint16_t slot = atomic_load_explicit(&stat->slot[at], memory_order_acquire);

		if (slot == 0 ||
		    (stat->row[slot - 1].kind == kind && stat->row[slot - 1].detail == detail))
			return &stat->slot[at];
	}
}

/* The first exit of its key, or one of those whose keys found no room. */
static struct exit_row *new_row(struct exitstat *stat, _Atomic uint16_t *slot, enum exit_kind kind,
				uint64_t detail)
{
	uint32_t index = atomic_load_explicit(&stat->nr_rows, memory_order_relaxed);
	bool full = index >= EXITSTAT_MAX_KEYS;
	struct exit_row *row;

	if (full) {
		slot = &stat->catch_all[kind];
		if (*slot != 0)
			return &stat->row[*slot - 1];
	}
	row = &stat->row[index];
	row->kind = kind;
	row->catch_all = full;
	row->detail = full ? 0 : detail;
	atomic_store_explicit(slot, (uint16_t)(index + 1), memory_order_release);
	atomic_store_explicit(&stat->nr_rows, index + 1, memory_order_release);
	return row;
}

void exitstat_add(struct exitstat *stat, enum exit_kind kind, uint64_t detail, uint64_t ticks)
{
	_Atomic uint16_t *slot = probe(stat, kind, detail);
	uint16_t number = atomic_load_explicit(slot, memory_order_relaxed);
	struct exit_row *row;

	if (__builtin_expect(number != 0, 1))
		row = &stat->row[number - 1];
	else
		row = new_row(stat, slot, kind, detail);
	histogram_add(&row->ticks, ticks);
}

const struct exit_row *exitstat_row(const struct exitstat *stat, unsigned int index)
{
	/* Pairs with the release in new_row(). */
	if (index >= atomic_load_explicit(&stat->nr_rows, memory_order_acquire))
		return NULL;
	return &stat->row[index];
}
