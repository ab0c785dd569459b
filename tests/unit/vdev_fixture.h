/* SPDX-License-Identifier: MIT */
/* For tests of virtio/vdev.h: a device that counts, driven without a transport. */
#ifndef TESTS_UNIT_VDEV_FIXTURE_H
#define TESTS_UNIT_VDEV_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "tests/unit/counting_device.h"
#include "vmm/core/array.h"

#define ACK	 VIRTIO_STATUS_ACKNOWLEDGE
#define DRIVER	 VIRTIO_STATUS_DRIVER
#define FEATURES VIRTIO_STATUS_FEATURES_OK
#define OK	 VIRTIO_STATUS_DRIVER_OK
#define NEEDS	 VIRTIO_STATUS_NEEDS_RESET
#define FAILED	 VIRTIO_STATUS_FAILED

#define F(bit)	  (1ull << (bit))
#define VERSION_1 F(VIRTIO_F_VERSION_1)
#define OWN	  COUNTING_FEATURES

/* The device is driven without a transport; the guest lends its RAM. */
struct fixture {
	struct counting_device d;
	struct fake_guest g;
	unsigned int config_interrupts, queue_interrupts;
};

static inline void interrupt(void *ctx, uint32_t isr_bits)
{
	struct fixture *f = ctx;

	f->config_interrupts += (isr_bits & VIRTIO_ISR_CONFIG) != 0;
	f->queue_interrupts += (isr_bits & VIRTIO_ISR_QUEUE) != 0;
}

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	fake_guest_init(&f->g);
	counting_device_init(&f->d, &f->g.env);
	f->d.vdev.transport = (struct vdev_transport){.interrupt = interrupt, .ctx = f};
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	vdev_destroy(&f->d.vdev);
	if (f->d.activate_result == 0)
		assert_int_equal(f->d.activated, f->d.deactivated);
	fake_guest_fini(&f->g);
	free(f);
	return 0;
}

static inline void write_features(struct fixture *f, uint64_t features)
{
	vdev_write_features(&f->d.vdev, 0, (uint32_t)features);
	vdev_write_features(&f->d.vdev, 1, (uint32_t)(features >> 32));
}

static inline void negotiate(struct fixture *f)
{
	vdev_write_status(&f->d.vdev, 0);
	vdev_write_status(&f->d.vdev, ACK);
	vdev_write_status(&f->d.vdev, ACK | DRIVER);
	write_features(f, VERSION_1);
	vdev_write_status(&f->d.vdev, ACK | DRIVER | FEATURES);
	assert_true(f->d.vdev.status & FEATURES);
}

static inline void set_up_queue(struct fixture *f, unsigned int queue)
{
	struct fake_vq *driver = &f->g.vq[queue];
	struct virtq *vq = &f->d.vdev.queue[queue];

	fake_vq_layout(driver, 8);
	vq->size = 8;
	vq->desc = driver->desc;
	vq->driver = driver->avail;
	vq->device = driver->used;
	vdev_enable_queue(&f->d.vdev, queue);
}

static inline void go_live(struct fixture *f)
{
	negotiate(f);
	set_up_queue(f, 0);
	vdev_write_status(&f->d.vdev, ACK | DRIVER | FEATURES | OK);
	assert_true(f->d.vdev.active);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
