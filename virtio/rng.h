/* SPDX-License-Identifier: MIT */
/* virtio-rng (virtio 1.2, section 5.4), fed from getrandom(2). */
#ifndef VIRTIO_RNG_H
#define VIRTIO_RNG_H

#include "vmm/core/device.h"
#include "virtio/vdev.h"

int rng_create(const struct device_env *env, struct vdev **vdev);

#endif
