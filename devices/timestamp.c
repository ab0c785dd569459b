/* SPDX-License-Identifier: MIT */
#include "devices/timestamp.h"

#include <errno.h>
#include <stdlib.h>

#define REGISTER_CONTROL 0
#define REGISTER_LEFT	 4
#define REGISTER_ENTERED 8

struct timestamp {
	struct device device;
	struct exit_clock clock;
	/* Since reading `left` is an exit as well, the other half of the pair is kept from it. */
	_Atomic uint32_t entered;
};

static uint32_t in_guest_ticks(const struct timestamp *timestamp, const _Atomic uint64_t *stamp)
{
	return (uint32_t)(atomic_load_explicit(stamp, memory_order_relaxed) +
			  timestamp->clock.offset);
}

static uint32_t register_read(struct timestamp *timestamp, uint64_t at)
{
	const struct exit_clock *clock = &timestamp->clock;

	if (clock->stamps == NULL || !clock->related)
		return 0;
	switch (at) {
	case REGISTER_CONTROL:
		return 1;
	case REGISTER_LEFT:
		atomic_store(&timestamp->entered,
			     in_guest_ticks(timestamp, &clock->stamps->entered));
		return in_guest_ticks(timestamp, &clock->stamps->left);
	default: /* REGISTER_ENTERED */
		return atomic_load(&timestamp->entered);
	}
}

static uint64_t timestamp_read(void *device, uint64_t offset, unsigned int size)
{
	uint64_t value = register_read(device, offset & ~3ull) >> (8 * (offset & 3));

	return value & (UINT64_MAX >> (64 - 8 * size));
}

static void timestamp_write(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	const struct timestamp *timestamp = device;

	(void)size;
	if (offset == REGISTER_CONTROL && timestamp->clock.stamps != NULL)
		timestamp->clock.watch(timestamp->clock.ctx, value & 1);
}

static const struct bus_ops timestamp_ops = {
	.read = timestamp_read,
	.write = timestamp_write,
};

static void timestamp_destroy(struct device *device)
{
	free(device);
}

int timestamp_create(const struct device_env *env, uint16_t port, struct device **device)
{
	struct timestamp *timestamp = calloc(1, sizeof(*timestamp));
	int ret;

	if (timestamp == NULL)
		return -ENOMEM;
	timestamp->device = (struct device){.name = "timestamp", .destroy = timestamp_destroy};
	timestamp->clock = env->clock;
	ret = bus_add(env->pio, port, TIMESTAMP_NR_PORTS, &timestamp_ops, timestamp,
		      timestamp->device.name);
	if (ret < 0) {
		free(timestamp);
		return ret;
	}
	*device = &timestamp->device;
	return 0;
}
