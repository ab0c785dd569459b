/* SPDX-License-Identifier: MIT */
/* The POST port: the manufacturing diagnostics port of the IBM PC/AT Technical Reference. */
#include "devices/post.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "devices/isa.h"

struct post {
	struct device device;
	const struct log *log;
	struct log_limit *log_limit;
	_Atomic uint8_t code;
};

static uint8_t post_read8(void *device, uint64_t offset)
{
	struct post *post = device;

	(void)offset;
	return atomic_load_explicit(&post->code, memory_order_relaxed);
}

static void post_write8(void *device, uint64_t offset, uint8_t value)
{
	struct post *post = device;

	(void)offset;
	atomic_store_explicit(&post->code, value, memory_order_relaxed);
	log_limited(post->log, post->log_limit, LOG_DEBUG, "%s: code 0x%02x", post->device.name,
		    value);
}

static uint64_t post_read(void *device, uint64_t offset, unsigned int size)
{
	return isa_read(device, offset, size, post_read8);
}

static void post_write(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	isa_write(device, offset, size, value, post_write8);
}

static const struct bus_ops post_ops = {
	.read = post_read,
	.write = post_write,
};

static void post_destroy(struct device *device)
{
	free(device);
}

int post_create(const struct device_env *env, uint16_t port, struct device **device)
{
	struct post *post = calloc(1, sizeof(*post));
	int ret;

	if (post == NULL)
		return -ENOMEM;
	post->device = (struct device){.name = "post", .destroy = post_destroy};
	post->log = env->log;
	post->log_limit = env->log_limit;
	ret = bus_add(env->pio, port, 1, &post_ops, post, post->device.name);
	if (ret < 0) {
		free(post);
		return ret;
	}
	*device = &post->device;
	return 0;
}
