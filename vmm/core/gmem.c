/* SPDX-License-Identifier: MIT */
/* Guest RAM: bounds by subtraction, so that no sum can wrap past a check. */
#include "vmm/core/gmem.h"

#include <errno.h>
#include <string.h>

int gmem_add(struct gmem *mem, gpa_t start, uint64_t size_bytes, void *hva)
{
	if (size_bytes == 0 || size_bytes - 1 > UINT64_MAX - start.addr)
		return -EINVAL;
	if (mem->nr_regions == GMEM_MAX_REGIONS)
		return -ENOSPC;
	if (mem->nr_regions > 0) {
		const struct gmem_region *last = &mem->region[mem->nr_regions - 1];

		if (start.addr < last->start.addr ||
		    start.addr - last->start.addr < last->size_bytes)
			return -EINVAL;
	}
	mem->region[mem->nr_regions++] = (struct gmem_region){
		.start = start,
		.size_bytes = size_bytes,
		.hva = hva,
	};
	return 0;
}

/*
 * The host address of `at` and, in *run, how many bytes of its region are left from there on; NULL
 * and 0 where there is no RAM.
 */
static uint8_t *locate(const struct gmem *mem, gpa_t at, uint64_t *run)
{
	for (unsigned int i = 0; i < mem->nr_regions; i++) {
		const struct gmem_region *region = &mem->region[i];
		uint64_t offset = at.addr - region->start.addr;

		if (at.addr >= region->start.addr && offset < region->size_bytes) {
			*run = region->size_bytes - offset;
			return region->hva + offset;
		}
	}
	*run = 0;
	return NULL;
}

void *gmem_ptr(const struct gmem *mem, gpa_t at, size_t len)
{
	uint64_t run;
	uint8_t *hva = locate(mem, at, &run);

	return hva != NULL && len != 0 && len <= run ? hva : NULL;
}

/* Whether every one of `len` bytes at `at` is RAM. */
static bool is_ram(const struct gmem *mem, gpa_t at, size_t len)
{
	uint64_t run;

	while (len > 0) {
		if (locate(mem, at, &run) == NULL)
			return false;
		if (len <= run)
			return true;
		len -= (size_t)run;
		at = gpa_add(at, run);
		if (at.addr == 0) /* RAM up to 2^64 does not continue at 0 */
			return false;
	}
	return true;
}

/*
 * Cuts off the front of the `*len` bytes at `*at`, which are RAM, what lies in one region; returns
 * its host address and its length in *part.
 */
static uint8_t *cut(const struct gmem *mem, gpa_t *at, size_t *len, size_t *part)
{
	uint64_t run;
	uint8_t *hva = locate(mem, *at, &run);

	*part = *len < run ? *len : (size_t)run;
	*at = gpa_add(*at, *part);
	*len -= *part;
	return hva;
}

int gmem_read(const struct gmem *mem, gpa_t from, void *to, size_t len)
{
	uint8_t *bytes = to;
	size_t part;

	if (!is_ram(mem, from, len))
		return -EFAULT;
	for (; len > 0; bytes += part) {
		const uint8_t *hva = cut(mem, &from, &len, &part);

		memcpy(bytes, hva, part);
	}
	return 0;
}

int gmem_write(struct gmem *mem, gpa_t to, const void *from, size_t len)
{
	const uint8_t *bytes = from;
	size_t part;

	if (!is_ram(mem, to, len))
		return -EFAULT;
	for (; len > 0; bytes += part) {
		uint8_t *hva = cut(mem, &to, &len, &part);

		memcpy(hva, bytes, part);
	}
	return 0;
}

int gmem_fill(struct gmem *mem, gpa_t to, uint8_t byte, size_t len)
{
	size_t part;

	if (!is_ram(mem, to, len))
		return -EFAULT;
	while (len > 0) {
		uint8_t *hva = cut(mem, &to, &len, &part);

		memset(hva, byte, part);
	}
	return 0;
}

int gmem_load_acquire16(const struct gmem *mem, gpa_t from, uint16_t *value)
{
	const uint16_t *hva;

	if (from.addr % sizeof(*hva) != 0)
		return -EINVAL;
	hva = gmem_ptr(mem, from, sizeof(*hva));
	if (hva == NULL)
		return -EFAULT;
	*value = __atomic_load_n(hva, __ATOMIC_ACQUIRE);
	return 0;
}

int gmem_store_release16(struct gmem *mem, gpa_t to, uint16_t value)
{
	uint16_t *hva;

	if (to.addr % sizeof(*hva) != 0)
		return -EINVAL;
	hva = gmem_ptr(mem, to, sizeof(*hva));
	if (hva == NULL)
		return -EFAULT;
	__atomic_store_n(hva, value, __ATOMIC_RELEASE);
	return 0;
}

uint64_t gmem_total_bytes(const struct gmem *mem)
{
	uint64_t total = 0;

	for (unsigned int i = 0; i < mem->nr_regions; i++)
		total += mem->region[i].size_bytes;
	return total;
}
