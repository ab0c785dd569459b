/* SPDX-License-Identifier: MIT */
/* One virtqueue seen from both sides, for the tests of rings and of chains. */
#ifndef TESTS_QUEUE_FIXTURE_H
#define TESTS_QUEUE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "tests/unit/fake_driver.h"

#define SIZE 8 /* entries of the queue under test */

/* A device's queue and the driver on its other side, without a transport between them. */
struct fixture {
	struct fake_guest g;
	struct fake_vq *driver;
	struct virtq vq;
	struct vchain chain;
	const char *why;
};

static inline void enable(struct fixture *f, bool event_idx)
{
	fake_vq_layout(f->driver, SIZE);
	f->vq = (struct virtq){
		.size = SIZE,
		.desc = f->driver->desc,
		.driver = f->driver->avail,
		.device = f->driver->used,
	};
	assert_int_equal(virtq_enable(&f->vq, &f->g.mem, event_idx), 0);
}

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	fake_guest_init(&f->g);
	f->driver = &f->g.vq[0];
	enable(f, false);
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	fake_guest_fini(&f->g);
	free(f);
	return 0;
}

static inline int pop(struct fixture *f)
{
	return virtq_pop(&f->vq, &f->chain, &f->why);
}

/* Pops what the driver has put into the ring so far, which must be a chain. */
static inline void publish_and_pop(struct fixture *f)
{
	fake_publish(f->driver);
	assert_int_equal(pop(f), 1);
	assert_null(f->why);
}

/* The driver offers one buffer, the device gives it back. */
static inline void round_trip(struct fixture *f)
{
	struct fake_buf buf = {.at = gpa(FAKE_RAM_END - 16), .len = 16, .device_writes = true};
	uint16_t head;
	uint32_t written;

	fake_add(f->driver, &buf, 1);
	publish_and_pop(f);
	assert_int_equal(virtq_push(&f->vq, &f->chain), 0);
	assert_true(fake_reap(f->driver, &head, &written));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
