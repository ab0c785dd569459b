/* SPDX-License-Identifier: MIT */
/* What a signal does to a guest: see the header. */
#include "vmm/ending.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "vmm/signals.h"

#define NS_PER_S 1000000000ull

bool ending_on_signal(struct ending *ending, int signal_number, uint64_t now_ns)
{
	const struct button *button = ending->button;

	if (ending_is_asked(ending) || ending->grace_s == 0 || button->press == NULL ||
	    !button->press(button->ctx))
		return true;
	ending->deadline_ns = now_ns + ending->grace_s * NS_PER_S;
	atomic_store(&ending->asked_by, signal_number);
	return false;
}

bool ending_on_tick(struct ending *ending, uint64_t now_ns)
{
	if (!ending_is_asked(ending))
		return false;
	if (now_ns >= ending->deadline_ns)
		return true;
	ending->button->remind(ending->button->ctx);
	return false;
}

/* ---- in the event loop ------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void on_tick(void *ctx, uint32_t epoll_events)
{
	struct ending *ending = ctx;
	uint64_t ticks;

	(void)epoll_events;
	if (read(ending->ticks.fd, &ticks, sizeof(ticks)) < 0 || !ending_on_tick(ending, now_ns()))
		return;
	log_warn(
		ending->log,
		"the guest has not switched itself off within %u s of a press of its power button, "
		"and is ended; --grace SECONDS gives it more time",
		ending->grace_s);
	ending->end(ending->ctx, atomic_load(&ending->asked_by));
}

static int start_ticks(struct ending *ending)
{
	const struct itimerspec each = {.it_interval = {.tv_nsec = ENDING_TICK_NS},
					.it_value = {.tv_nsec = ENDING_TICK_NS}};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	ending->ticks =
		(struct ev_source){.fd = fd, .ready = on_tick, .ctx = ending, .urgent = true};
	if (timerfd_settime(fd, 0, &each, NULL) < 0)
		return -errno;
	return evloop_add(ending->loop, &ending->ticks, EPOLLIN);
}

static void on_signal(void *ctx, uint32_t epoll_events)
{
	struct ending *ending = ctx;
	int signal_number = signals_take(ending->signals.fd);

	(void)epoll_events;
	if (signal_number == 0)
		return;
	if (ending_on_signal(ending, signal_number, now_ns()) || start_ticks(ending) < 0)
		ending->end(ending->ctx, signal_number);
	else
		log_info(ending->log,
			 "%s: the guest's power button is pressed; the guest is ended in %u s, "
			 "or by the next signal",
			 strsignal(signal_number), ending->grace_s);
}

int ending_start(struct ending *ending, struct evloop *loop, int signal_fd)
{
	ending->loop = loop;
	ending->ticks.fd = -1;
	ending->signals = (struct ev_source){
		.fd = signal_fd, .ready = on_signal, .ctx = ending, .urgent = true};
	return evloop_add(loop, &ending->signals, EPOLLIN);
}

void ending_stop(struct ending *ending)
{
	if (ending->loop != NULL && ending->ticks.fd >= 0)
		close(ending->ticks.fd);
	ending->loop = NULL;
}
