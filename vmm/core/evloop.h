/* SPDX-License-Identifier: MIT */
/*
 * The I/O thread's event loop, on epoll(7).
 *
 * The thread that called evloop_run() runs every callback, one at a time. Sources may be added,
 * changed and removed from any thread; because a callback may already be on its way when another
 * thread removes its source, a source's memory must live until the loop has stopped, and a
 * callback re-checks under its device's lock whether it is still wanted.
 *
 * Urgent sources, such as the signals that end a run, are served before any other that is ready:
 * however many others there are, an urgent one waits for one callback at most.
 */
#ifndef CORE_EVLOOP_H
#define CORE_EVLOOP_H

#include <stdbool.h>
#include <stdint.h>

struct ev_source {
	int fd; /* borrowed */
	void (*ready)(void *ctx, uint32_t epoll_events);
	void *ctx;
	bool urgent; /* unchanged while it is in a loop */
};

struct evloop;

/* 0 or -errno; the caller destroys it. */
int evloop_create(struct evloop **loop);
void evloop_destroy(struct evloop *loop); /* NULL is fine; sources are the owner's to close */

/* `events` as in epoll_ctl(2), level-triggered. -EPERM: a regular file, which is always ready. */
int evloop_add(struct evloop *loop, struct ev_source *source, uint32_t events);
int evloop_modify(struct evloop *loop, struct ev_source *source, uint32_t events);
void evloop_remove(struct evloop *loop, struct ev_source *source);

/* Dispatches until evloop_stop(). 0 or -errno. */
int evloop_run(struct evloop *loop);

/*
 * Makes evloop_run() return after the callback in progress; from any thread, any number of times.
 */
void evloop_stop(struct evloop *loop);

#endif
