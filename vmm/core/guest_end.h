/* SPDX-License-Identifier: MIT */
/*
 * How a device tells the machine that the guest wants to end.
 *
 * The first report wins; the vCPU that made it finishes the access and stops at the next kick.
 */
#ifndef CORE_GUEST_END_H
#define CORE_GUEST_END_H

#include <stdint.h>

enum guest_end_reason {
	GUEST_END_POWER_OFF,  /* ACPI S5 */
	GUEST_END_RESET,      /* ACPI reset register, i8042, triple-fault-free reboot */
	GUEST_END_DEBUG_EXIT, /* port 0xf4; `value` is what was written */
	/* `value` is 0 for Ctrl-A x, or why the console's far side is gone (an errno). */
	GUEST_END_CONSOLE,
};

struct guest_end {
	void (*report)(void *ctx, enum guest_end_reason reason, uint32_t value);
	void *ctx;
};

static inline void guest_end_report(const struct guest_end *end, enum guest_end_reason reason,
				    uint32_t value)
{
	end->report(end->ctx, reason, value);
}

#endif
