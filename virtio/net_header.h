/* SPDX-License-Identifier: MIT */
/*
 * The header before every packet of virtio-net (virtio 1.2, 5.1.6), judged against what was
 * negotiated and against the frame that it is about. The inside of net_io.c.
 */
#ifndef VIRTIO_NET_HEADER_H
#define VIRTIO_NET_HEADER_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What driver and device have agreed on. */
struct net_terms {
	uint64_t features;
	uint16_t mtu; /* binding if VIRTIO_NET_F_MTU is among the features */
};

/*
 * For a frame of `frame_len` bytes that the driver sends, its header a copy: false if the host must
 * not see it. Otherwise what the header may not say, or need not, is zero or brought into bounds,
 * so that the checks of the host's kernel are not the only ones.
 */
bool net_header_admit_sent(const struct net_terms *terms, struct virtio_net_hdr_v1 *header,
			   size_t frame_len);

/*
 * The same for a frame from the host: false if this driver cannot be given it. Packets that were
 * queued in the TAP before it was told of the driver's offloads may need more than these.
 */
bool net_header_admit_received(const struct net_terms *terms, struct virtio_net_hdr_v1 *header,
			       size_t frame_len);

#endif
