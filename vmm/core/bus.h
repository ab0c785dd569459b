/* SPDX-License-Identifier: MIT */
/*
 * Dispatch of guest accesses to devices: one bus for ports, one for MMIO.
 *
 * The bus owns what every device would otherwise get wrong: regions never overlap, a handler
 * sees only accesses that lie inside its region, nothing-there reads all-ones and swallows
 * writes, and repetition (string I/O) advances the data and not the port. An access that crosses
 * the edge of a region is split into bytes, as an ISA bus would.
 *
 * Regions are added before the vCPUs start; from then on the bus is read-only and needs no lock.
 * Handlers are called on the vCPU's thread, several at a time: a device takes its own lock.
 */
#ifndef CORE_BUS_H
#define CORE_BUS_H

#include <stdint.h>

struct bus_ops {
	/* `offset` from the region's start; `size` is 1, 2, 4 or 8. */
	uint64_t (*read)(void *device, uint64_t offset, unsigned int size);
	void (*write)(void *device, uint64_t offset, unsigned int size, uint64_t value);
};

struct bus_region {
	uint64_t base;
	uint64_t size; /* in ports or bytes */
	const struct bus_ops *ops;
	void *device;
	const char *name; /* for --dry-run and the exit table */
};

#define BUS_MAX_REGIONS 64

struct bus {
	unsigned int nr_regions;
	struct bus_region region[BUS_MAX_REGIONS]; /* ascending, disjoint */
};

/*
 * -EINVAL: empty or wraps; -EEXIST: overlaps a region that is there; -ENOSPC: too many.
 * `name` and `device` are borrowed for the life of the bus.
 */
int bus_add(struct bus *bus, uint64_t base, uint64_t size, const struct bus_ops *ops, void *device,
	    const char *name);

/* The region that holds `addr`, or NULL. */
const struct bus_region *bus_find(const struct bus *bus, uint64_t addr);

/*
 * `count` accesses of `size` bytes each at `addr`; `data` holds `size * count` bytes,
 * little-endian, as struct kvm_run presents them.
 */
void bus_read(const struct bus *bus, uint64_t addr, void *data, unsigned int size, uint32_t count);
void bus_write(const struct bus *bus, uint64_t addr, const void *data, unsigned int size,
	       uint32_t count);

#endif
