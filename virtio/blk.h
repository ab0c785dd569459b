/* SPDX-License-Identifier: MIT */
/*
 * virtio-blk (virtio 1.2, section 5.2) on a host disk, served with Linux AIO from the I/O thread.
 */
#ifndef VIRTIO_BLK_H
#define VIRTIO_BLK_H

#include "vmm/core/device.h"
#include "virtio/disk.h"
#include "virtio/vdev.h"

/* `disk` is borrowed and must outlive the device. 0 or -errno. */
int blk_create(const struct device_env *env, struct disk *disk, struct vdev **vdev);

#endif
