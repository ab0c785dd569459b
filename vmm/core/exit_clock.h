/* SPDX-License-Identifier: MIT */
/*
 * When exits reach user space and when they leave it: what the run loop of the boot vCPU notes
 * for a device that shows it to the guest (devices/timestamp.c). Reading the clock twice is not
 * free, so watch() switches it on and off.
 */
#ifndef CORE_EXIT_CLOCK_H
#define CORE_EXIT_CLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Of the last exit that was served; while one is served, of the one before. In ticks of the host's
 * time stamp counter. Atomic because any vCPU may ask, but only the boot vCPU's own look at a pair
 * is certain to see one of the same exit.
 */
struct exit_stamps {
	_Atomic uint64_t left;	  /* KVM_RUN had returned */
	_Atomic uint64_t entered; /* KVM_RUN was about to be called again */
};

struct exit_clock {
	const struct exit_stamps *stamps; /* NULL: nothing is noted */
	/*
	 * The boot vCPU's time stamp counter is the host's plus this, as far as KVM says; `related`
	 * is false where it does not.
	 */
	bool related;
	uint64_t offset;
	/* Starts or stops the noting. On a vCPU's thread; not called if stamps is NULL. */
	void (*watch)(void *ctx, bool on);
	void *ctx;
};

#endif
