/* SPDX-License-Identifier: MIT */
/* The event loop: dispatch, changes from any thread, and an end that is never missed. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/core/evloop.h"

/* A counter: each wake-up takes one from the eventfd; at `stop_after` of them the loop ends. */
struct bell {
	struct ev_source source;
	struct evloop *loop;
	atomic_int rung;
	int stop_after;
	uint32_t events;     /* of the last wake-up */
	struct bell *remove; /* the bell to remove when this one rings */
};

static void bell_rings(void *ctx, uint32_t events)
{
	struct bell *bell = ctx;
	eventfd_t value;

	bell->events = events;
	if (events & EPOLLIN)
		eventfd_read(bell->source.fd, &value);
	if (bell->remove != NULL)
		evloop_remove(bell->loop, &bell->remove->source);
	if (atomic_fetch_add(&bell->rung, 1) + 1 == bell->stop_after)
		evloop_stop(bell->loop);
}

static void bell_init(struct bell *bell, struct evloop *loop, unsigned int count, int stop_after)
{
	*bell = (struct bell){.loop = loop, .stop_after = stop_after};
	bell->source.fd = eventfd(count, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC);
	assert_true(bell->source.fd >= 0);
	bell->source.ready = bell_rings;
	bell->source.ctx = bell;
}

static int create(void **state)
{
	return evloop_create((struct evloop **)state);
}

static int destroy(void **state)
{
	evloop_destroy(*state);
	return 0;
}

static void a_source_is_served_until_it_is_no_longer_ready(void **state)
{
	struct evloop *loop = *state;
	struct bell bell;

	bell_init(&bell, loop, 5, 5);
	assert_int_equal(evloop_add(loop, &bell.source, EPOLLIN), 0);
	assert_int_equal(evloop_run(loop), 0);
	assert_int_equal(bell.rung, 5);
	assert_int_equal(bell.events, EPOLLIN);
	close(bell.source.fd);
}

static void modify_changes_what_a_source_waits_for(void **state)
{
	struct evloop *loop = *state;
	struct bell bell;

	bell_init(&bell, loop, 0, 1);
	assert_int_equal(evloop_add(loop, &bell.source, EPOLLIN), 0);
	assert_int_equal(evloop_modify(loop, &bell.source, EPOLLOUT), 0);
	assert_int_equal(evloop_run(loop), 0);
	assert_int_equal(bell.events, EPOLLOUT);
	close(bell.source.fd);
}

static void a_removed_source_is_silent(void **state)
{
	struct evloop *loop = *state;
	struct bell removed, other;

	bell_init(&removed, loop, 1, 0);
	bell_init(&other, loop, 3, 3);
	assert_int_equal(evloop_add(loop, &removed.source, EPOLLIN), 0);
	assert_int_equal(evloop_add(loop, &other.source, EPOLLIN), 0);
	evloop_remove(loop, &removed.source);
	evloop_remove(loop, &removed.source); /* a second time is no harm */
	assert_int_equal(evloop_run(loop), 0);
	assert_int_equal(removed.rung, 0);
	assert_int_equal(other.rung, 3);
	close(removed.source.fd);
	close(other.source.fd);
}

static void a_callback_may_remove_its_own_source(void **state)
{
	struct evloop *loop = *state;
	struct bell once, other;

	bell_init(&once, loop, 100, 0);
	once.remove = &once;
	bell_init(&other, loop, 3, 3);
	assert_int_equal(evloop_add(loop, &once.source, EPOLLIN), 0);
	assert_int_equal(evloop_add(loop, &other.source, EPOLLIN), 0);
	assert_int_equal(evloop_run(loop), 0);
	assert_int_equal(once.rung, 1);
	close(once.source.fd);
	close(other.source.fd);
}

static void a_regular_file_cannot_be_waited_for(void **state)
{
	struct evloop *loop = *state;
	FILE *file = tmpfile();
	struct ev_source source = {.fd = fileno(file)};

	assert_int_equal(evloop_add(loop, &source, EPOLLIN), -EPERM);
	fclose(file);
}

static void errors_are_the_kernels(void **state)
{
	struct evloop *loop = *state;
	struct bell bell;

	bell_init(&bell, loop, 0, 0);
	assert_int_equal(evloop_modify(loop, &bell.source, EPOLLIN), -ENOENT);
	assert_int_equal(evloop_add(loop, &bell.source, EPOLLIN), 0);
	assert_int_equal(evloop_add(loop, &bell.source, EPOLLIN), -EEXIST);
	close(bell.source.fd);
	assert_int_equal(evloop_add(loop, &bell.source, EPOLLIN), -EBADF);
}

static void a_stop_before_the_run_is_not_lost(void **state)
{
	struct evloop *loop = *state;
	struct bell bell;

	bell_init(&bell, loop, 1, 0);
	assert_int_equal(evloop_add(loop, &bell.source, EPOLLIN), 0);
	evloop_stop(loop);
	evloop_stop(loop);
	assert_int_equal(evloop_run(loop), 0);
	assert_int_equal(bell.rung, 0);
	close(bell.source.fd);
}

static void nothing_is_dispatched_after_a_stop(void **state)
{
	struct evloop *loop = *state;
	struct bell bell[2];

	/* Both are ready in one wake-up; whichever comes first stops the loop. */
	for (int i = 0; i < 2; i++) {
		bell_init(&bell[i], loop, 1, 1);
		assert_int_equal(evloop_add(loop, &bell[i].source, EPOLLIN), 0);
	}
	assert_int_equal(evloop_run(loop), 0);
	assert_int_equal(bell[0].rung + bell[1].rung, 1);
	for (int i = 0; i < 2; i++)
		close(bell[i].source.fd);
}

enum { BUSY = 40 }; /* more than one epoll_wait(2) returns */

/* A ring of the first bell that is served rings the urgent one; that one ends the loop. */
struct caller {
	struct bell bell;
	struct bell *urgent;
	atomic_int *served;
};

static void caller_rings(void *ctx, uint32_t events)
{
	struct caller *caller = ctx;

	(void)events;
	if (atomic_fetch_add(caller->served, 1) == 0)
		eventfd_write(caller->urgent->source.fd, 1);
}

static void an_urgent_source_waits_for_one_callback_at_most(void **state)
{
	struct evloop *loop = *state;
	struct caller caller[BUSY];
	atomic_int served = 0;
	struct bell urgent;

	bell_init(&urgent, loop, 0, 1);
	urgent.source.urgent = true;
	for (int i = 0; i < BUSY; i++) {
		bell_init(&caller[i].bell, loop, 1, 0); /* ready for ever */
		caller[i].bell.source.ready = caller_rings;
		caller[i].bell.source.ctx = &caller[i];
		caller[i].urgent = &urgent;
		caller[i].served = &served;
		assert_int_equal(evloop_add(loop, &caller[i].bell.source, EPOLLIN), 0);
	}
	assert_int_equal(evloop_add(loop, &urgent.source, EPOLLIN), 0);
	assert_int_equal(evloop_run(loop), 0);
	assert_int_equal(urgent.rung, 1);
	assert_int_equal(served, 1);
	for (int i = 0; i < BUSY; i++)
		close(caller[i].bell.source.fd);
	close(urgent.source.fd);
}

static void an_urgent_source_comes_before_all_that_were_ready_with_it(void **state)
{
	struct evloop *loop = *state;
	struct bell busy[BUSY], urgent;

	for (int i = 0; i < BUSY; i++) {
		bell_init(&busy[i], loop, 1, 0);
		assert_int_equal(evloop_add(loop, &busy[i].source, EPOLLIN), 0);
	}
	bell_init(&urgent, loop, 1, 1);
	urgent.source.urgent = true;
	assert_int_equal(evloop_add(loop, &urgent.source, EPOLLIN), 0);
	assert_int_equal(evloop_run(loop), 0);
	for (int i = 0; i < BUSY; i++) {
		assert_int_equal(busy[i].rung, 0);
		close(busy[i].source.fd);
	}
	close(urgent.source.fd);
}

/* An urgent source that is always ready takes turns with the others. */
static void an_urgent_source_starves_nothing(void **state)
{
	struct evloop *loop = *state;
	struct bell urgent, other;

	bell_init(&urgent, loop, 1000000, 0);
	urgent.source.urgent = true;
	bell_init(&other, loop, 100, 100);
	assert_int_equal(evloop_add(loop, &urgent.source, EPOLLIN), 0);
	assert_int_equal(evloop_add(loop, &other.source, EPOLLIN), 0);
	assert_int_equal(evloop_run(loop), 0);
	assert_in_range(urgent.rung, 100, 300);
	evloop_remove(loop, &urgent.source);
	assert_int_equal(evloop_modify(loop, &urgent.source, EPOLLIN), -ENOENT);
	close(urgent.source.fd);
	close(other.source.fd);
}

static void *run(void *arg)
{
	return (void *)(intptr_t)evloop_run(arg);
}

static void other_threads_may_add_and_stop(void **state)
{
	struct evloop *loop = *state;
	struct bell bell;
	pthread_t thread;
	void *ret;

	bell_init(&bell, loop, 0, 0);
	assert_int_equal(pthread_create(&thread, NULL, run, loop), 0);
	assert_int_equal(evloop_add(loop, &bell.source, EPOLLIN), 0);
	eventfd_write(bell.source.fd, 1);
	while (atomic_load(&bell.rung) == 0)
		usleep(100);
	evloop_stop(loop);
	pthread_join(thread, &ret);
	assert_null(ret);
	close(bell.source.fd);
}

static void destroying_nothing_is_fine(void **state)
{
	(void)state;
	evloop_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_source_is_served_until_it_is_no_longer_ready,
						create, destroy),
		cmocka_unit_test_setup_teardown(modify_changes_what_a_source_waits_for, create,
						destroy),
		cmocka_unit_test_setup_teardown(a_removed_source_is_silent, create, destroy),
		cmocka_unit_test_setup_teardown(a_callback_may_remove_its_own_source, create,
						destroy),
		cmocka_unit_test_setup_teardown(a_regular_file_cannot_be_waited_for, create,
						destroy),
		cmocka_unit_test_setup_teardown(errors_are_the_kernels, create, destroy),
		cmocka_unit_test_setup_teardown(a_stop_before_the_run_is_not_lost, create, destroy),
		cmocka_unit_test_setup_teardown(nothing_is_dispatched_after_a_stop, create,
						destroy),
		cmocka_unit_test_setup_teardown(an_urgent_source_waits_for_one_callback_at_most,
						create, destroy),
		cmocka_unit_test_setup_teardown(
			an_urgent_source_comes_before_all_that_were_ready_with_it, create, destroy),
		cmocka_unit_test_setup_teardown(an_urgent_source_starves_nothing, create, destroy),
		cmocka_unit_test_setup_teardown(other_threads_may_add_and_stop, create, destroy),
		cmocka_unit_test(destroying_nothing_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
