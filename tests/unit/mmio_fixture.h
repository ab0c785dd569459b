/* SPDX-License-Identifier: MIT */
/* For tests of virtio-mmio: a device that counts behind the transport, and accesses of any size. */
#ifndef TESTS_UNIT_MMIO_FIXTURE_H
#define TESTS_UNIT_MMIO_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/counting_device.h"
#include "vmm/core/array.h"

#define F(bit)	     (1ull << (bit))
#define ALL_FEATURES (~0ull)

struct fixture {
	struct fake_guest g;
	struct counting_device d;
};

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	fake_guest_init(&f->g);
	counting_device_init(&f->d, &f->g.env);
	fake_guest_plug(&f->g, &f->d.vdev);
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	fake_guest_fini(&f->g);
	assert_int_equal(f->d.destroyed, 1);
	free(f);
	return 0;
}

static inline void go_live(struct fixture *f)
{
	assert_true(fake_handshake(&f->g, ALL_FEATURES, 8));
}

static inline bool needs_reset(struct fixture *f)
{
	return (fake_status(&f->g) & VIRTIO_STATUS_NEEDS_RESET) != 0;
}

static inline uint64_t read_sized(struct fixture *f, uint64_t reg, unsigned int size)
{
	uint64_t value = 0;

	bus_read(&f->g.mmio, FAKE_SLOT + reg, &value, size, 1);
	return value;
}

static inline void write_sized(struct fixture *f, uint64_t reg, unsigned int size, uint64_t value)
{
	bus_write(&f->g.mmio, FAKE_SLOT + reg, &value, size, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
