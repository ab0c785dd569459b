/* SPDX-License-Identifier: MIT */
/*
 * A virtio device that does nothing but count what it is asked to do, for tests of what drives it.
 */
#ifndef TESTS_COUNTING_DEVICE_H
#define TESTS_COUNTING_DEVICE_H

#include "tests/unit/fake_driver.h"

#define COUNTING_ID	  42u
#define COUNTING_FEATURES (1ull << 5)
#define COUNTING_QUEUES	  2u
#define COUNTING_CONFIG	  8u /* bytes, of which 2 to 5 may be written */

/* Counts are changed under the device's lock, by a vCPU's or the I/O thread. */
struct counting_device {
	struct vdev vdev;
	uint8_t config[COUNTING_CONFIG];
	int activate_result; /* what the next activations give */
	unsigned int activated, deactivated, config_writes, destroyed;
	atomic_uint notified;
};

static inline struct counting_device *to_counting(struct vdev *vdev)
{
	return (struct counting_device *)vdev;
}

static inline int counting_activate(struct vdev *vdev)
{
	to_counting(vdev)->activated++;
	return to_counting(vdev)->activate_result;
}

static inline void counting_deactivate(struct vdev *vdev)
{
	to_counting(vdev)->deactivated++;
}

static inline void counting_notify(struct vdev *vdev, unsigned int queue)
{
	(void)queue;
	atomic_fetch_add(&to_counting(vdev)->notified, 1);
}

static inline void counting_config_written(struct vdev *vdev, uint32_t offset, uint32_t len)
{
	(void)offset;
	(void)len;
	to_counting(vdev)->config_writes++;
}

/* The memory is the test's, which looks at the counts afterwards. */
static inline void counting_destroy(struct vdev *vdev)
{
	to_counting(vdev)->destroyed++;
	vdev_fini(vdev);
}

static inline void counting_device_init(struct counting_device *d, const struct device_env *env)
{
	static const struct vdev_ops ops = {
		.name = "virtio-counting",
		.device_id = COUNTING_ID,
		.activate = counting_activate,
		.deactivate = counting_deactivate,
		.notify = counting_notify,
		.config_written = counting_config_written,
		.destroy = counting_destroy,
	};
	int err;

	memset(d, 0, sizeof(*d));
	d->vdev.ops = &ops;
	d->vdev.id = "a.img";
	d->vdev.features_offered = COUNTING_FEATURES;
	d->vdev.config = d->config;
	d->vdev.config_size = sizeof(d->config);
	d->vdev.config_writable_from = 2;
	d->vdev.config_writable_to = 6;
	d->vdev.nr_queues = COUNTING_QUEUES;
	err = vdev_init(&d->vdev, env);
	assert(err == 0);
}

#endif
