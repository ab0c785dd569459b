/* SPDX-License-Identifier: MIT */
/*
 * What a signal does to a guest. The first one presses the guest's power button, so that it can
 * write to its disks what it has in memory, and gives it --grace SECONDS to switch itself off; the
 * second one, or the end of that time, ends it. Where the guest does not listen to the button, or
 * with --grace 0, the first signal ends it.
 *
 * For one life of the machine. All but ending_is_asked() is the I/O thread's.
 */
#ifndef VMM_ENDING_H
#define VMM_ENDING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/core/button.h"
#include "vmm/core/evloop.h"
#include "vmm/core/log.h"

/* How often the guest is reminded. */
#define ENDING_TICK_NS 250000000

struct ending {
	/* Set by the caller. */
	const struct button *button;
	unsigned int grace_s;
	const struct log *log;
	/* Ends the guest. The signal is the one to die by. */
	void (*end)(void *ctx, int signal_number);
	void *ctx;

	atomic_int asked_by; /* the signal that pressed the button; 0: none has */
	uint64_t deadline_ns;
	struct evloop *loop;
	struct ev_source signals, ticks;
};

/* Serves signals that come from `signal_fd` (signals_open()) in the loop. 0 or -errno. */
int ending_start(struct ending *ending, struct evloop *loop, int signal_fd);
void ending_stop(struct ending *ending); /* the loop has stopped; fine if it was not started */

/* ---- the decisions ---- */

/* `now_ns` is of a clock that does not go back. True: end the guest now, by this signal. */
bool ending_on_signal(struct ending *ending, int signal_number, uint64_t now_ns);

/* True: the time is over: end the guest, by `asked_by`. Else reminds a guest that was asked. */
bool ending_on_tick(struct ending *ending, uint64_t now_ns);

/*
 * Whether the guest has been asked to switch itself off; from any thread. A reset is its end then,
 * too, and no new life.
 */
static inline bool ending_is_asked(const struct ending *ending)
{
	return atomic_load(&ending->asked_by) != 0;
}

#endif
