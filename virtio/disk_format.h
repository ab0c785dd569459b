/* SPDX-License-Identifier: MIT */
/* Images that are not raw, told by their magic numbers. The inside of disk.c. */
#ifndef VIRTIO_DISK_FORMAT_H
#define VIRTIO_DISK_FORMAT_H

#include <stdint.h>

/*
 * The name of the format that the file of `size_bytes` appears to have: "qcow2", "VMDK", ...; NULL
 * if none is known, and where it cannot be read. Reads blocks of 4096 bytes that lie at multiples
 * of 4096, so that an O_DIRECT descriptor will do.
 */
const char *disk_format_name(int fd, uint64_t size_bytes);

#endif
