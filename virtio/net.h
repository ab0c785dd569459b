/* SPDX-License-Identifier: MIT */
/* virtio-net (virtio 1.2, section 5.1) on a TAP, served from the I/O thread. */
#ifndef VIRTIO_NET_H
#define VIRTIO_NET_H

#include "vmm/core/device.h"
#include "virtio/tap.h"
#include "virtio/vdev.h"

/* `tap` is borrowed and must outlive the device. 0 or -errno. */
int net_create(const struct device_env *env, struct tap *tap, struct vdev **vdev);

#endif
