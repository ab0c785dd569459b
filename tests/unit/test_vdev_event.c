/* SPDX-License-Identifier: MIT */
/* virtio/vdev.h: what comes before a virtio device's own work on the I/O thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "tests/unit/counting_device.h"

/* Counts how often the event loop wakes up: an event that leads nowhere must not do so for ever. */
static atomic_uint wakeups;

int epoll_wait(int epfd, struct epoll_event *events, int max, int timeout_ms)
{
	atomic_fetch_add(&wakeups, 1);
	return (int)syscall(SYS_epoll_wait, epfd, events, max, timeout_ms);
}

struct fixture {
	struct counting_device d;
	struct fake_guest g;
	struct vdev_event event;
	atomic_uint ready;
	atomic_bool lock_was_free;
};

/* `event` lies in the fixture, as a device's does in the device. */
static void count_ready(struct vdev_event *event, uint32_t epoll_events)
{
	struct fixture *f = (struct fixture *)((char *)event - offsetof(struct fixture, event));

	assert_true(epoll_events & EPOLLIN);
	assert_ptr_equal(event->vdev, &f->d.vdev);
	if (pthread_mutex_trylock(&f->d.vdev.lock) == 0)
		f->lock_was_free = true;
	atomic_fetch_add(&f->ready, 1);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	fake_guest_init(&f->g);
	counting_device_init(&f->d, &f->g.env);
	fake_guest_plug(&f->g, &f->d.vdev);
	fake_guest_run_io(&f->g);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fake_guest_fini(&f->g);
	vdev_event_close(&f->event);
	assert_int_equal(f->event.source.fd, -1);
	free(f);
	return 0;
}

static void nap(void)
{
	for (int ms = 0; ms < 20; ms++)
		fake_nap();
}

static void wait_until_ready(struct fixture *f, unsigned int times)
{
	for (int waited_ms = 0; waited_ms < FAKE_WAIT_MS && f->ready < times; waited_ms++)
		fake_nap();
	assert_int_equal(f->ready, times);
}

static void a_signal_runs_the_callback_once_with_the_lock_held(void **state)
{
	struct fixture *f = *state;
	unsigned int before;

	assert_int_equal(vdev_event_open(&f->event, &f->d.vdev, count_ready), 0);
	assert_int_equal(vdev_event_watch(&f->event, EPOLLIN), 0);
	assert_true(fake_handshake(&f->g, ~0ull, 8));
	for (unsigned int i = 1; i <= 3; i++) {
		vdev_event_signal(&f->event);
		wait_until_ready(f, i);
	}
	before = wakeups;
	nap();
	assert_true(wakeups - before < 5); /* it was emptied */
	assert_int_equal(f->ready, 3);
	assert_false(f->lock_was_free);
}

/* A reset on another thread may come between the signal and the callback. */
static void a_device_that_is_not_active_hears_nothing(void **state)
{
	struct fixture *f = *state;
	unsigned int before;

	assert_int_equal(vdev_event_open(&f->event, &f->d.vdev, count_ready), 0);
	assert_int_equal(vdev_event_watch(&f->event, EPOLLIN), 0);
	before = wakeups;
	vdev_event_signal(&f->event);
	nap();
	assert_int_equal(f->ready, 0);
	assert_true(wakeups - before < 5); /* emptied all the same */

	assert_true(fake_handshake(&f->g, ~0ull, 8));
	nap();
	assert_int_equal(f->ready, 0); /* what was signalled in the old life is over */
	vdev_event_signal(&f->event);
	wait_until_ready(f, 1);
	fake_write32(&f->g, VIRTIO_MMIO_STATUS, 0);
	vdev_event_signal(&f->event);
	nap();
	assert_int_equal(f->ready, 1);
}

/* A descriptor of the host's, such as a TAP, is read by the device itself. */
static void a_borrowed_descriptor_is_not_read(void **state)
{
	struct fixture *f = *state;
	int fd = eventfd(5, EFD_CLOEXEC | EFD_NONBLOCK);
	eventfd_t count;

	vdev_event_init(&f->event, &f->d.vdev, fd, count_ready);
	assert_true(fake_handshake(&f->g, ~0ull, 8));
	assert_int_equal(vdev_event_watch(&f->event, EPOLLIN), 0);
	for (int ms = 0; ms < FAKE_WAIT_MS && f->ready < 3; ms++)
		fake_nap();
	assert_true(f->ready >= 3); /* level-triggered: again and again */
	vdev_event_ignore(&f->event);
	assert_int_equal(eventfd_read(fd, &count), 0);
	assert_int_equal(count, 5);
}

static void an_event_that_is_ignored_is_silent(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(vdev_event_open(&f->event, &f->d.vdev, count_ready), 0);
	assert_int_equal(vdev_event_watch(&f->event, EPOLLIN), 0);
	assert_int_equal(vdev_event_watch(&f->event, EPOLLIN), -EEXIST);
	vdev_event_ignore(&f->event);
	assert_true(fake_handshake(&f->g, ~0ull, 8));
	vdev_event_signal(&f->event);
	nap();
	assert_int_equal(f->ready, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_signal_runs_the_callback_once_with_the_lock_held),
		TEST(a_device_that_is_not_active_hears_nothing),
		TEST(a_borrowed_descriptor_is_not_read),
		TEST(an_event_that_is_ignored_is_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
