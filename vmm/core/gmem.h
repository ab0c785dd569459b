/* SPDX-License-Identifier: MIT */
/*
 * Guest RAM, and the one door to it.
 *
 * A guest-physical address is a struct, so that neither a host pointer nor an integer can be
 * passed where one is meant. No access is without a length, and every bound is checked by
 * subtraction, so that an address near 2^64 cannot wrap past a check. The guest runs while the
 * host reads: what a caller wants to rely on it copies out once and validates the copy.
 *
 * All functions may be called from any thread once the regions are added.
 */
#ifndef CORE_GMEM_H
#define CORE_GMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
	uint64_t addr;
} gpa_t;

static inline gpa_t gpa(uint64_t addr)
{
	return (gpa_t){addr};
}

/* `base` + `offset`, for walking a structure whose bounds are checked at each access. */
static inline gpa_t gpa_add(gpa_t base, uint64_t offset)
{
	return (gpa_t){base.addr + offset};
}

struct gmem_region {
	gpa_t start;
	uint64_t size_bytes;
	uint8_t *hva; /* host-virtual address of `start`; mapped and unmapped by the caller of
			 gmem_add() */
};

#define GMEM_MAX_REGIONS 4

struct gmem {
	unsigned int nr_regions;
	struct gmem_region region[GMEM_MAX_REGIONS]; /* ascending, disjoint */
};

/*
 * Adds `size_bytes` of RAM at `start`. Regions come in ascending order. -EINVAL: empty, wraps
 * past 2^64, overlaps or precedes an earlier region; -ENOSPC: too many regions.
 */
int gmem_add(struct gmem *mem, gpa_t start, uint64_t size_bytes, void *hva);

/*
 * Copies `len` bytes out of or into guest RAM. The range may span adjacent regions. -EFAULT if
 * any byte of it is not RAM; nothing is copied then. A zero length always succeeds.
 */
int gmem_read(const struct gmem *mem, gpa_t from, void *to, size_t len);
int gmem_write(struct gmem *mem, gpa_t to, const void *from, size_t len);
int gmem_fill(struct gmem *mem, gpa_t to, uint8_t byte, size_t len);

/*
 * The host address of `len` bytes at `at` if they lie in one region, else NULL. `len` must not be
 * zero. The memory is shared with the guest: for payload data handed to system calls, not for
 * structures that are validated.
 */
void *gmem_ptr(const struct gmem *mem, gpa_t at, size_t len);

/*
 * For the indices and flags of a virtqueue: one access of two bytes, naturally aligned, with
 * the ordering that publishing a ring needs. -EFAULT if not RAM, -EINVAL if misaligned.
 */
int gmem_load_acquire16(const struct gmem *mem, gpa_t from, uint16_t *value);
int gmem_store_release16(struct gmem *mem, gpa_t to, uint16_t value);

/* RAM in all regions, in bytes. */
uint64_t gmem_total_bytes(const struct gmem *mem);

#endif
