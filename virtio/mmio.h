/* SPDX-License-Identifier: MIT */
/*
 * The virtio-mmio transport, version 2 (virtio 1.2, section 4.2).
 *
 * One slot is one page of MMIO space and one interrupt line. Doorbells are bound to eventfds when
 * the driver sets DRIVER_OK, for the queues that it enabled, and unbound at a reset.
 */
#ifndef VIRTIO_MMIO_H
#define VIRTIO_MMIO_H

#include "vmm/core/device.h"
#include "virtio/vdev.h"

#define VIRTIO_MMIO_SLOT_BYTES 0x1000

/*
 * Puts `vdev` behind a slot at `base` on env->mmio, interrupting through env->irq. Takes ownership
 * of `vdev`, also on failure. 0 or -errno.
 */
int virtio_mmio_create(const struct device_env *env, gpa_t base, struct vdev *vdev,
		       struct device **device);

#endif
