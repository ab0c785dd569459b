/* SPDX-License-Identifier: MIT */
/*
 * The inside of virtio-net: what its two halves share. net.c has the device and its events,
 * net_io.c moves packets between the TAP and the two queues.
 */
#ifndef VIRTIO_NET_IO_H
#define VIRTIO_NET_IO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "virtio/net_header.h"
#include "virtio/tap.h"
#include "virtio/vdev.h"

#define NET_RX 0
#define NET_TX 1

#define NET_BUDGET 64 /* packets a round and direction */

/* 5.1.6.3.1: header, Ethernet header with a VLAN tag, and the largest segment. */
#define NET_HEADER_BYTES sizeof(struct virtio_net_hdr_v1)
#define NET_PACKET_MAX	 (NET_HEADER_BYTES + 18 + 65536)

struct net {
	struct vdev vdev; /* first */
	struct tap *tap;
	struct virtio_net_config config;
	struct vdev_event tap_ready;
	struct vdev_event link_changed; /* something about the TAP's interface */
	struct vdev_event again;	/* transmit continues after a round */
	uint64_t start_second;		/* of the last activation, by the monotonic clock */
	unsigned int starts;		/* in that second */

	/* Between activate and deactivate. */
	uint32_t listening; /* what the TAP is in the event loop for; 0: it is not there */
	bool tap_is_gone;   /* it was deleted */
	bool rx_starved;    /* wait for receive buffers */
	bool tx_blocked;    /* wait for the TAP */
	struct net_terms terms;
	uint64_t rx_dropped, tx_dropped;
	size_t packet_len; /* a packet from the TAP that waits for buffers; 0: none */
	uint8_t packet[NET_PACKET_MAX];
	struct vchain chain[2];
	struct virtio_net_hdr_v1 tx_header;
	struct iovec iov[1 + VIRTQ_MAX_SIZE]; /* the header, and the frame */
};

/* After a guest fault nothing is served until the reset. */
static inline bool net_is_live(const struct net *net)
{
	return net->vdev.active && (net->vdev.status & VIRTIO_STATUS_NEEDS_RESET) == 0;
}

/*
 * One round in one direction, with the device's lock held. They leave in rx_starved, tx_blocked and
 * tap_is_gone what the next one has to wait for.
 */
void net_receive(struct net *net);
void net_transmit(struct net *net);

/* The TAP does not exist any more: takes the link down. `error` is what told us. */
void net_lose_tap(struct net *net, int error);

#endif
