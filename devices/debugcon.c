/* SPDX-License-Identifier: MIT */
/* The debug console of Bochs ("port e9 hack") and QEMU (hw/char/debugcon.c). */
#include "devices/debugcon.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "devices/isa.h"

#define DEBUGCON_READBACK 0xe9

#define WAIT_STEP_NS   1000000
#define WAIT_MAX_STEPS 1000

struct debugcon {
	struct device device;
	const struct chario_host *host;
	const struct log *log;
	struct log_limit *log_limit;
	pthread_mutex_t lock; /* keeps the bytes of one vCPU in order while another one waits */
	bool stuck;
	uint64_t dropped;
};

static uint8_t debugcon_read8(void *device, uint64_t offset)
{
	(void)device, (void)offset;
	return DEBUGCON_READBACK;
}

/*
 * Whether the console took the byte, now or before the time is up. A signal is the kick that stops
 * this vCPU: the end of the machine does not wait for a string of bytes that is still to come.
 */
static bool put(struct debugcon *debugcon, uint8_t byte)
{
	static const struct timespec step = {.tv_nsec = WAIT_STEP_NS};
	const struct chario_host *host = debugcon->host;

	for (unsigned int steps = 0; host->write(host->ctx, &byte, 1) == 0; steps++) {
		if (debugcon->stuck || steps == WAIT_MAX_STEPS || nanosleep(&step, NULL) < 0)
			return false;
	}
	return true;
}

static void debugcon_write8(void *device, uint64_t offset, uint8_t value)
{
	struct debugcon *debugcon = device;

	(void)offset;
	pthread_mutex_lock(&debugcon->lock);
	debugcon->stuck = !put(debugcon, value);
	if (debugcon->stuck) {
		debugcon->dropped++;
		log_limited(debugcon->log, debugcon->log_limit, LOG_WARN,
			    "%s: the console is stuck: %llu bytes dropped", debugcon->device.name,
			    (unsigned long long)debugcon->dropped);
	}
	pthread_mutex_unlock(&debugcon->lock);
}

static uint64_t debugcon_read(void *device, uint64_t offset, unsigned int size)
{
	return isa_read(device, offset, size, debugcon_read8);
}

static void debugcon_write(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	isa_write(device, offset, size, value, debugcon_write8);
}

static const struct bus_ops debugcon_ops = {
	.read = debugcon_read,
	.write = debugcon_write,
};

static void debugcon_destroy(struct device *device)
{
	struct debugcon *debugcon = (struct debugcon *)device;

	pthread_mutex_destroy(&debugcon->lock);
	free(debugcon);
}

int debugcon_create(const struct device_env *env, uint16_t port, struct device **device)
{
	struct debugcon *debugcon = calloc(1, sizeof(*debugcon));
	int ret;

	if (debugcon == NULL)
		return -ENOMEM;
	debugcon->device = (struct device){.name = "debugcon", .destroy = debugcon_destroy};
	debugcon->host = env->console;
	debugcon->log = env->log;
	debugcon->log_limit = env->log_limit;
	ret = bus_add(env->pio, port, 1, &debugcon_ops, debugcon, debugcon->device.name);
	if (ret < 0) {
		free(debugcon);
		return ret;
	}
	pthread_mutex_init(&debugcon->lock, NULL);
	*device = &debugcon->device;
	return 0;
}
