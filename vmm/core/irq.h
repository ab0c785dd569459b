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

#endif
