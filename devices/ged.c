/* SPDX-License-Identifier: MIT */
/* The event register of a Generic Event Device, with one event: see the header. */
#include "devices/ged.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "devices/isa.h"

struct ged {
	struct device device;
	struct irq irq;
	struct button *button;
	pthread_mutex_t lock;
	bool listens;
	uint8_t events; /* pending */
};

static uint8_t ged_read8(void *device, uint64_t offset)
{
	struct ged *ged = device;
	uint8_t events;

	(void)offset;
	pthread_mutex_lock(&ged->lock);
	events = ged->events;
	ged->events = 0;
	pthread_mutex_unlock(&ged->lock);
	return events;
}

static void ged_write8(void *device, uint64_t offset, uint8_t value)
{
	struct ged *ged = device;

	(void)offset;
	pthread_mutex_lock(&ged->lock);
	ged->listens = (value & GED_LISTENS) != 0;
	pthread_mutex_unlock(&ged->lock);
}

static uint64_t ged_read(void *device, uint64_t offset, unsigned int size)
{
	return isa_read(device, offset, size, ged_read8);
}

static void ged_write(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	isa_write(device, offset, size, value, ged_write8);
}

static const struct bus_ops ged_ops = {
	.read = ged_read,
	.write = ged_write,
};

static bool press(void *ctx)
{
	struct ged *ged = ctx;
	bool listens;

	pthread_mutex_lock(&ged->lock);
	listens = ged->listens && ged->irq.raise != NULL;
	if (listens)
		ged->events |= GED_POWER_BUTTON;
	pthread_mutex_unlock(&ged->lock);
	if (listens)
		irq_raise(&ged->irq);
	return listens;
}

/* An edge is lost while the guest's driver has not yet unmasked the interrupt. */
static void remind(void *ctx)
{
	struct ged *ged = ctx;
	bool pending;

	pthread_mutex_lock(&ged->lock);
	pending = ged->events != 0;
	pthread_mutex_unlock(&ged->lock);
	if (pending)
		irq_raise(&ged->irq);
}

static void ged_destroy(struct device *device)
{
	struct ged *ged = (struct ged *)device;

	*ged->button = (struct button){0};
	pthread_mutex_destroy(&ged->lock);
	free(ged);
}

int ged_create(const struct device_env *env, uint16_t port, struct device **device)
{
	struct ged *ged = calloc(1, sizeof(*ged));
	int ret;

	if (ged == NULL)
		return -ENOMEM;
	ged->device = (struct device){.name = "power-button", .destroy = ged_destroy};
	ged->irq = env->irq;
	ged->button = env->button;
	ret = bus_add(env->pio, port, GED_NR_PORTS, &ged_ops, ged, ged->device.name);
	if (ret < 0) {
		free(ged);
		return ret;
	}
	pthread_mutex_init(&ged->lock, NULL);
	*env->button = (struct button){.press = press, .remind = remind, .ctx = ged};
	*device = &ged->device;
	return 0;
}
