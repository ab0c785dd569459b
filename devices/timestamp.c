/* SPDX-License-Identifier: MIT */
#include "devices/timestamp.h"

#include <errno.h>
#include <stdlib.h>
#include <x86intrin.h>

static uint64_t timestamp_read(void *device, uint64_t offset, unsigned int size)
{
	uint64_t now = (uint32_t)__rdtsc();

	(void)device;
	return (now >> (8 * offset)) & (UINT64_MAX >> (64 - 8 * size));
}

static void timestamp_write(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	(void)device;
	(void)offset;
	(void)size;
	(void)value;
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
	struct device *timestamp = calloc(1, sizeof(*timestamp));
	int ret;

	if (timestamp == NULL)
		return -ENOMEM;
	*timestamp = (struct device){.name = "timestamp", .destroy = timestamp_destroy};
	ret = bus_add(env->pio, port, TIMESTAMP_NR_PORTS, &timestamp_ops, timestamp,
		      timestamp->name);
	if (ret < 0) {
		free(timestamp);
		return ret;
	}
	*device = timestamp;
	return 0;
}
