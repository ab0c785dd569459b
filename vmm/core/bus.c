/* SPDX-License-Identifier: MIT */
/* Dispatch of guest accesses to devices. bus_find() is on the path of every exit. */
#include "vmm/core/bus.h"

#include <errno.h>
#include <string.h>

/* The number of regions that begin at or below `addr`; the last of them may hold it. */
static unsigned int regions_up_to(const struct bus *bus, uint64_t addr)
{
	unsigned int low = 0, high = bus->nr_regions;

	while (low < high) {
		unsigned int middle = (low + high) / 2;

		if (bus->region[middle].base <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct bus_region *bus_find(const struct bus *bus, uint64_t addr)
{
	unsigned int n = regions_up_to(bus, addr);

	if (n == 0 || addr - bus->region[n - 1].base >= bus->region[n - 1].size)
		return NULL;
	return &bus->region[n - 1];
}

int bus_add(struct bus *bus, uint64_t base, uint64_t size, const struct bus_ops *ops, void *device,
	    const char *name)
{
	unsigned int at;

	if (size == 0 || size - 1 > UINT64_MAX - base)
		return -EINVAL;
	if (bus->nr_regions == BUS_MAX_REGIONS)
		return -ENOSPC;
	at = regions_up_to(bus, base);
	if (bus_find(bus, base) != NULL)
		return -EEXIST;
	if (at < bus->nr_regions && bus->region[at].base - base < size)
		return -EEXIST;
	memmove(&bus->region[at + 1], &bus->region[at],
		(bus->nr_regions - at) * sizeof(bus->region[0]));
	bus->region[at] = (struct bus_region){
		.base = base,
		.size = size,
		.ops = ops,
		.device = device,
		.name = name,
	};
	bus->nr_regions++;
	return 0;
}

/*
 * The region that holds the whole access, if its size is one that handlers know. KVM may present
 * other sizes: it cuts an access that crosses a page, a 4-byte one into 1 and 3 for instance.
 */
static const struct bus_region *find_whole(const struct bus *bus, uint64_t addr, unsigned int size)
{
	const struct bus_region *region = bus_find(bus, addr);

	if (region == NULL || size > region->size - (addr - region->base))
		return NULL;
	return size == 1 || size == 2 || size == 4 || size == 8 ? region : NULL;
}

/* An access that crosses an edge, byte by byte; bytes outside all regions read as ones. */
static void read_bytes(const struct bus *bus, uint64_t addr, uint8_t *data, unsigned int size)
{
	for (unsigned int i = 0; i < size; i++) {
		const struct bus_region *region = bus_find(bus, addr + i);

		data[i] = region == NULL ? 0xff
					 : (uint8_t)region->ops->read(region->device,
								      addr + i - region->base, 1);
	}
}

static void write_bytes(const struct bus *bus, uint64_t addr, const uint8_t *data,
			unsigned int size)
{
	for (unsigned int i = 0; i < size; i++) {
		const struct bus_region *region = bus_find(bus, addr + i);

		if (region != NULL)
			region->ops->write(region->device, addr + i - region->base, 1, data[i]);
	}
}

/* memcpy(3) with a size that the compiler knows, which is one instruction and not a call. */
static inline void copy_value(void *to, const void *from, unsigned int size)
{
	switch (size) {
	case 1:
		memcpy(to, from, 1);
		break;
	case 2:
		memcpy(to, from, 2);
		break;
	case 4:
		memcpy(to, from, 4);
		break;
	default:
		memcpy(to, from, 8);
		break;
	}
}

void bus_read(const struct bus *bus, uint64_t addr, void *data, unsigned int size, uint32_t count)
{
	const struct bus_region *region = find_whole(bus, addr, size);
	uint8_t *bytes = data;

	for (; count > 0; count--, bytes += size) {
		if (region != NULL) {
			uint64_t value =
				region->ops->read(region->device, addr - region->base, size);

			copy_value(bytes, &value, size);
		} else {
			read_bytes(bus, addr, bytes, size);
		}
	}
}

void bus_write(const struct bus *bus, uint64_t addr, const void *data, unsigned int size,
	       uint32_t count)
{
	const struct bus_region *region = find_whole(bus, addr, size);
	const uint8_t *bytes = data;

	for (; count > 0; count--, bytes += size) {
		if (region != NULL) {
			uint64_t value = 0;

			copy_value(&value, bytes, size);
			region->ops->write(region->device, addr - region->base, size, value);
		} else {
			write_bytes(bus, addr, bytes, size);
		}
	}
}
