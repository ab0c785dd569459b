/* SPDX-License-Identifier: MIT */
/*
 * The power button, as the machine sees it: something to press. A device fills it in, if it has an
 * interrupt to tell the guest by (devices/ged.c).
 */
#ifndef CORE_BUTTON_H
#define CORE_BUTTON_H

#include <stdbool.h>

struct button {
	/* From any thread. False, and nothing happens, if the guest does not listen. NULL: no
	 * button. */
	bool (*press)(void *ctx);
	/* Interrupts the guest again if it has not yet taken notice of press(). */
	void (*remind)(void *ctx);
	void *ctx;
};

#endif
