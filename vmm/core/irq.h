/* SPDX-License-Identifier: MIT */
/*
 * An interrupt line as a device sees it: something to pulse.
 *
 * All lines are edge-triggered (the ACPI tables and the device tree say so): a device raises its
 * line whenever a new reason to interrupt appears, and the driver re-reads the device's status
 * until nothing is left. The real line is an irqfd; tests count calls. A line without `raise` is
 * not connected (a machine without an interrupt controller), which is no error.
 */
#ifndef CORE_IRQ_H
#define CORE_IRQ_H

#include <stdbool.h>
#include <stddef.h>

struct irq {
	void (*raise)(void *ctx); /* may be called from any thread */
	void *ctx;
};

static inline void irq_raise(const struct irq *irq)
{
	if (irq->raise != NULL)
		irq->raise(irq->ctx);
}

/*
 * All lines of the interrupt controllers by their numbers, and as levels. No device of a real
 * machine has them; a test device hands them to its guest. Not connected without `set`.
 */
struct irq_lines {
	void (*set)(void *ctx, unsigned int gsi, bool high); /* may be called from any thread */
	void *ctx;
};

static inline void irq_lines_set(const struct irq_lines *lines, unsigned int gsi, bool high)
{
	if (lines->set != NULL)
		lines->set(lines->ctx, gsi, high);
}

#endif
