/* SPDX-License-Identifier: MIT */
/* The I/O thread's event loop, on epoll(7). */
#include "vmm/core/evloop.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define EVLOOP_BATCH 16

struct evloop {
	int epoll_fd;
	/*
	 * An epoll(7) of its own, which is in epoll_fd with the data pointer NULL: it holds the
	 * urgent sources and stop_fd, whose only use is to end epoll_wait() and whose data pointer
	 * is NULL.
	 */
	int urgent_fd;
	int stop_fd;
	atomic_bool stopped;
};

int evloop_create(struct evloop **loop)
{
	struct epoll_event event = {.events = EPOLLIN}; /* and NULL */
	struct evloop *l = calloc(1, sizeof(*l));
	int ret;

	if (l == NULL)
		return -ENOMEM;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0) {
		ret = -errno;
		goto free_loop;
	}
	l->urgent_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->urgent_fd < 0) {
		ret = -errno;
		goto close_epoll;
	}
	l->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->stop_fd < 0) {
		ret = -errno;
		goto close_urgent;
	}
	if (epoll_ctl(l->urgent_fd, EPOLL_CTL_ADD, l->stop_fd, &event) < 0 ||
	    epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->urgent_fd, &event) < 0) {
		ret = -errno;
		goto close_stop;
	}
	*loop = l;
	return 0;

close_stop:
	close(l->stop_fd);
close_urgent:
	close(l->urgent_fd);
close_epoll:
	close(l->epoll_fd);
free_loop:
	free(l);
	return ret;
}

void evloop_destroy(struct evloop *loop)
{
	if (loop == NULL)
		return;
	close(loop->stop_fd);
	close(loop->urgent_fd);
	close(loop->epoll_fd);
	free(loop);
}

static int control(struct evloop *loop, int op, struct ev_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};
	int epoll_fd = source->urgent ? loop->urgent_fd : loop->epoll_fd;

	return epoll_ctl(epoll_fd, op, source->fd, &event) < 0 ? -errno : 0;
}

int evloop_add(struct evloop *loop, struct ev_source *source, uint32_t events)
{
	return control(loop, EPOLL_CTL_ADD, source, events);
}

int evloop_modify(struct evloop *loop, struct ev_source *source, uint32_t events)
{
	return control(loop, EPOLL_CTL_MOD, source, events);
}

void evloop_remove(struct evloop *loop, struct ev_source *source)
{
	/* Fails only for a source that is not there, which is what was asked for. */
	(void)control(loop, EPOLL_CTL_DEL, source, 0);
}

/* One round of what is urgent now. */
static void serve_urgent(struct evloop *loop)
{
	struct epoll_event event[EVLOOP_BATCH];
	int n = epoll_wait(loop->urgent_fd, event, EVLOOP_BATCH, 0);

	for (int i = 0; i < n && !atomic_load(&loop->stopped); i++) {
		struct ev_source *source = event[i].data.ptr;

		if (source != NULL)
			source->ready(source->ctx, event[i].events);
	}
}

int evloop_run(struct evloop *loop)
{
	struct epoll_event event[EVLOOP_BATCH];

	while (!atomic_load(&loop->stopped)) {
		int n = epoll_wait(loop->epoll_fd, event, EVLOOP_BATCH, -1);

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n && !atomic_load(&loop->stopped); i++) {
			struct ev_source *source = event[i].data.ptr;

			/* A single source that is not urgent_fd: no urgent one was ready. */
			if (n > 1 || source == NULL)
				serve_urgent(loop);
			if (source != NULL && !atomic_load(&loop->stopped))
				source->ready(source->ctx, event[i].events);
		}
	}
	return 0;
}

void evloop_stop(struct evloop *loop)
{
	/*
	 * Never cleared: a stop that comes before evloop_run() is not lost. The eventfd's counter
	 * is not drained either; a write that finds it full has nothing to add.
	 */
	atomic_store(&loop->stopped, true);
	(void)!eventfd_write(loop->stop_fd, 1);
}
