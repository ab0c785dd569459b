/* SPDX-License-Identifier: MIT */
/*
 * The world around a device under test: a port bus, an interrupt line and a guest end that are
 * counted, and a log that is thrown away.
 */
#ifndef TESTS_DEVICE_FIXTURE_H
#define TESTS_DEVICE_FIXTURE_H

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "tests/unit/checked_mutex.h"
#include "vmm/core/device.h"

struct fixture {
	struct bus pio;
	struct log log;
	struct log_limit log_limit;
	atomic_uint irqs;
	unsigned int ends;
	enum guest_end_reason end_reason; /* of the last one */
	uint32_t end_value;
	struct device_env env;
};

static inline void fixture_irq(void *ctx)
{
	struct fixture *fixture = ctx;

	atomic_fetch_add(&fixture->irqs, 1);
}

static inline void fixture_end(void *ctx, enum guest_end_reason reason, uint32_t value)
{
	struct fixture *fixture = ctx;

	fixture->ends++;
	fixture->end_reason = reason;
	fixture->end_value = value;
}

static inline void fixture_init(struct fixture *fixture)
{
	memset(fixture, 0, sizeof(*fixture));
	fixture->log = (struct log){.level = LOG_DEBUG};
	fixture->env = (struct device_env){
		.pio = &fixture->pio,
		.irq = {.raise = fixture_irq, .ctx = fixture},
		.end = {.report = fixture_end, .ctx = fixture},
		.log = &fixture->log,
		.log_limit = &fixture->log_limit,
	};
}

static inline void out8(struct fixture *fixture, uint16_t port, unsigned int value)
{
	uint8_t byte = (uint8_t)value;

	bus_write(&fixture->pio, port, &byte, sizeof(byte), 1);
}

static inline unsigned int in8(struct fixture *fixture, uint16_t port)
{
	uint8_t byte;

	bus_read(&fixture->pio, port, &byte, sizeof(byte), 1);
	return byte;
}

/* How many interrupts since the last look. */
static inline unsigned int irqs_since(struct fixture *fixture)
{
	return atomic_exchange(&fixture->irqs, 0);
}

#endif
