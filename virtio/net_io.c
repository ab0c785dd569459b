/* SPDX-License-Identifier: MIT */
/*
 * How virtio-net moves packets (virtio 1.2, sections 5.1.6.2 to 5.1.6.4).
 *
 *	receive:  TAP -> read(2) -> one buffer here -> as many chains as the packet needs
 *	transmit: chain -> header judged -> writev(2) of the frame from guest RAM -> TAP
 */
#include "virtio/net_io.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "virtio/net_header.h"

/* ---- receiving ---- */

/* Reads the next packet from the TAP into `packet`. False: there is none. */
static bool fetch(struct net *net)
{
	struct virtio_net_hdr_v1 header;
	ssize_t n = read(net->tap->fd, net->packet, sizeof(net->packet));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false; /* if there was one, epoll says so again */
	if (n <= 0) {
		net_lose_tap(net, n < 0 ? errno : EPIPE);
		return false;
	}
	memcpy(&header, net->packet, sizeof(header));
	if ((size_t)n < sizeof(header) ||
	    !net_header_admit_received(&net->terms, &header, (size_t)n - sizeof(header))) {
		net->rx_dropped++;
		return true;
	}
	memcpy(net->packet, &header, sizeof(header));
	net->packet_len = (size_t)n;
	return true;
}

/*
 * Takes a chain for the packet. False: there is none now, and the driver will notify of the next.
 * It has to be asked while the ring is seen empty, before the chains already taken are put back:
 * with VIRTIO_F_EVENT_IDX it notifies when it passes the place that we have come to (2.7.10).
 */
static bool take_buffer(struct net *net, struct vchain *chain)
{
	struct virtq *vq = &net->vdev.queue[NET_RX];

	if (vdev_pop(&net->vdev, vq, chain) > 0)
		return true;
	return virtq_want_notify(vq, true) && vdev_pop(&net->vdev, vq, chain) > 0;
}

static void put_back(struct virtq *vq, uint16_t count)
{
	while (count-- > 0)
		virtq_unpop(vq);
}

/* Writes the header's count of chains, for which `first` is at its start again (5.1.6.3.2). */
static void set_num_buffers(struct net *net, struct vchain *first, uint16_t count)
{
	struct virtio_net_hdr_v1 header;

	memcpy(&header, net->packet, sizeof(header));
	header.num_buffers = htole16(count);
	vchain_write(first, &header, sizeof(header));
}

/*
 * Spreads the packet over chains and publishes them together, so that the driver never sees a part
 * of it. False: there are too few now; the packet waits. A packet that no number of buffers could
 * hold is dropped, as is any after a fault.
 */
static bool deliver(struct net *net)
{
	bool mergeable = vdev_has_feature(&net->vdev, VIRTIO_NET_F_MRG_RXBUF);
	struct virtq *vq = &net->vdev.queue[NET_RX];
	uint16_t most = mergeable ? vq->size : 1; /* 5.1.6.3.2: one, if not negotiated */
	struct vchain_pos start = {0};
	uint16_t count = 0;
	size_t done = 0;

	while (done < net->packet_len && count < most) {
		struct vchain *chain = &net->chain[count == 0 ? 0 : 1];
		size_t part;

		if (!take_buffer(net, chain)) {
			put_back(vq, count);
			return !net_is_live(net);
		}
		/* 5.1.6.3.1: each holds the header at least. */
		if (chain->writable_bytes < NET_HEADER_BYTES) {
			vdev_guest_fault(&net->vdev, "a receive buffer smaller than the header");
			return true;
		}
		if (count == 0)
			start = chain->write_pos;
		part = vchain_write(chain, net->packet + done, net->packet_len - done);
		virtq_fill(vq, chain->head, (uint32_t)part, count++);
		done += part;
	}
	if (done < net->packet_len) {
		put_back(vq, count);
		net->rx_dropped++;
		return true;
	}
	net->chain[0].write_pos = start;
	set_num_buffers(net, &net->chain[0], count);
	if (virtq_publish(vq, count) != 0)
		vdev_guest_fault(&net->vdev, "a used ring outside RAM");
	return true;
}

void net_receive(struct net *net)
{
	/* We come back by ourselves, unless deliver() finds that buffers are missing. */
	virtq_want_notify(&net->vdev.queue[NET_RX], false);
	net->rx_starved = false;
	for (int budget = NET_BUDGET; budget > 0 && net_is_live(net) && !net->tap_is_gone;
	     budget--) {
		if (net->packet_len == 0 && !fetch(net))
			break;
		if (net->packet_len == 0) /* dropped */
			continue;
		if (!deliver(net)) {
			net->rx_starved = true;
			break;
		}
		net->packet_len = 0;
	}
	vdev_queue_interrupt(&net->vdev, &net->vdev.queue[NET_RX]);
}

/* ---- transmitting ---- */

/*
 * Describes the packet in `chain` in `iov`: a copy of its header, which was judged, and the frame
 * where it is. Their number, or 0: the host must not see it.
 */
static int describe_packet(struct net *net, struct vchain *chain)
{
	struct virtio_net_hdr_v1 *header = &net->tx_header;
	size_t frame_len;
	int nr;

	if (chain->readable_bytes > NET_PACKET_MAX)
		return 0;
	frame_len = (size_t)chain->readable_bytes - vchain_read(chain, header, sizeof(*header));
	if (!net_header_admit_sent(&net->terms, header, frame_len))
		return 0;
	net->iov[0] = (struct iovec){.iov_base = header, .iov_len = sizeof(*header)};
	nr = vchain_iov_readable(chain, frame_len, net->iov + 1, VIRTQ_MAX_SIZE);
	return nr > 0 ? nr + 1 : 0;
}

/* Sends the packet in `chain`. False: the TAP takes no more now. */
static bool send_packet(struct net *net, struct vchain *chain)
{
	int nr = describe_packet(net, chain);
	ssize_t n;

	if (nr == 0 || net->tap_is_gone) {
		net->tx_dropped++;
		return true;
	}
	do
		n = writev(net->tap->fd, net->iov, nr);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return true;
	if (errno == EAGAIN)
		return false;
	/*
	 * The kernel checks the header and the packet once more (EINVAL), and takes nothing while
	 * the interface is down (EIO). The wire loses packets too.
	 */
	net->tx_dropped++;
	if (errno == EBADFD)
		net_lose_tap(net, errno);
	return true;
}

void net_transmit(struct net *net)
{
	struct virtq *vq = &net->vdev.queue[NET_TX];
	struct vchain *chain = &net->chain[0];
	int budget;

	virtq_want_notify(vq, false);
	net->tx_blocked = false;
	for (budget = NET_BUDGET; budget > 0 && net_is_live(net); budget--) {
		if (vdev_pop(&net->vdev, vq, chain) <= 0) {
			if (!virtq_want_notify(vq, true))
				break;
			continue;
		}
		if (chain->readable_bytes < NET_HEADER_BYTES) { /* 5.1.6.2 */
			vdev_guest_fault(&net->vdev, "a packet without its header");
			break;
		}
		if (!send_packet(net, chain)) {
			virtq_unpop(vq);
			net->tx_blocked = true;
			break;
		}
		if (virtq_push(vq, chain) != 0)
			vdev_guest_fault(&net->vdev, "a used ring outside RAM");
	}
	if (budget == 0)
		vdev_event_signal(&net->again);
	vdev_queue_interrupt(&net->vdev, vq);
}
