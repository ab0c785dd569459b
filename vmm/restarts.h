/* SPDX-License-Identifier: MIT */
/*
 * How fast a guest may reset itself with --on-reset restart: a life may begin at once as long as
 * fewer than RESTARTS_BURST have begun within the last RESTARTS_WINDOW_NS; else it waits until the
 * oldest of them began that long ago. A guest that reboots now and then is never held up; one that
 * does so in a loop gets one life a second, and does not keep a CPU of the host busy with building
 * machines.
 */
#ifndef VMM_RESTARTS_H
#define VMM_RESTARTS_H

#include <stdbool.h>
#include <stdint.h>

#define RESTARTS_BURST	   5
#define RESTARTS_WINDOW_NS 5000000000ull
#define RESTARTS_TELL_NS   60000000000ull

struct restarts {
	uint64_t begun_ns[RESTARTS_BURST]; /* a ring of the last lives' beginnings */
	unsigned int nr;		   /* lives so far */
	uint64_t told_ns;		   /* 0: not yet */
};

/* How long the next life has to wait, at `now_ns` of a clock that does not go back; 0: not at all.
 */
uint64_t restarts_wait_ns(const struct restarts *restarts, uint64_t now_ns);

/*
 * Whether the user is to be told at `now_ns`, before the next life, that the guest is held up: the
 * first time, and then once in RESTARTS_TELL_NS.
 */
bool restarts_worth_a_word(struct restarts *restarts, uint64_t now_ns);

/* A life begins. */
void restarts_begin(struct restarts *restarts, uint64_t now_ns);

#endif
