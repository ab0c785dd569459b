/* SPDX-License-Identifier: MIT */
/*
 * virtio-net (virtio 1.2, section 5.1) on a TAP, served from the I/O thread.
 *
 * The header of a packet is the same on both sides, so it passes through with the packet, once it
 * has been judged; the host's network stack takes on what the guest left undone, and the other way
 * round, as negotiated.
 *
 * No packet is dropped for want of room: without receive buffers the TAP is not listened to until
 * the driver brings some (its own queue fills then, as a network card's would), and a TAP that
 * takes no more is waited for. Each round moves a bounded number of packets, so that one busy
 * network does not hold up the other devices.
 */
#include "virtio/net.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_tun.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "virtio/net_io.h"
#include "vmm/core/array.h"

/* Starts of the device in one second; more are refused. */
#define NET_STARTS_PER_SECOND 16

/* ---- events ---- */

/* Listens to the TAP for those events that net_io.c can act on, and not at all without any. */
static void update_listening(struct net *net)
{
	uint32_t wanted = 0;
	int ret = 0;

	if (net_is_live(net) && !net->tap_is_gone)
		wanted = (net->rx_starved ? 0u : EPOLLIN) | (net->tx_blocked ? EPOLLOUT : 0u);
	if (wanted == net->listening)
		return;
	if (wanted == 0)
		vdev_event_ignore(&net->tap_ready);
	else if (net->listening == 0)
		ret = vdev_event_watch(&net->tap_ready, wanted);
	else
		ret = evloop_modify(net->vdev.loop, &net->tap_ready.source, wanted);
	if (ret != 0)
		vdev_log(&net->vdev, LOG_ERROR, "cannot listen to the TAP: %s", strerror(-ret));
	else
		net->listening = wanted;
}

static void update_link(struct net *net)
{
	bool up = !net->tap_is_gone && tap_link_is_up(net->tap);
	uint16_t status = htole16(up ? VIRTIO_NET_S_LINK_UP : 0);

	if (status == net->config.status)
		return;
	net->config.status = status;
	vdev_config_changed(&net->vdev);
}

void net_lose_tap(struct net *net, int error)
{
	if (net->tap_is_gone)
		return;
	net->tap_is_gone = true;
	vdev_log(&net->vdev, LOG_WARN, "the TAP is gone (%s); the guest sees a link that is down",
		 strerror(error));
	update_link(net);
}

static void tap_ready(struct vdev_event *event, uint32_t epoll_events)
{
	struct net *net = (struct net *)event->vdev;

	if ((epoll_events & (EPOLLERR | EPOLLHUP)) != 0)
		net_lose_tap(net, ENODEV);
	if (net->tx_blocked && (epoll_events & (uint32_t)~EPOLLIN) != 0)
		net_transmit(net);
	if ((epoll_events & EPOLLIN) != 0)
		net_receive(net);
	update_listening(net);
}

static void transmit_again(struct vdev_event *event, uint32_t epoll_events)
{
	struct net *net = (struct net *)event->vdev;

	(void)epoll_events;
	net_transmit(net);
	update_listening(net);
}

static void link_changed(struct vdev_event *event, uint32_t epoll_events)
{
	struct net *net = (struct net *)event->vdev;

	(void)epoll_events;
	tap_link_events_drain(net->tap);
	update_link(net);
}

static void net_notify(struct vdev *vdev, unsigned int queue)
{
	struct net *net = (struct net *)vdev;

	if (queue == NET_RX)
		net_receive(net);
	else if (!net->tx_blocked)
		net_transmit(net);
	update_listening(net);
}

/* ---- the device ---- */

/* What the host may leave to this guest, in the TAP's terms. */
static uint32_t accepted_offloads(const struct vdev *vdev)
{
	uint32_t offloads = 0;

	/* 5.1.3.1: nothing without checksums; the driver may not have read that. */
	if (!vdev_has_feature(vdev, VIRTIO_NET_F_GUEST_CSUM))
		return 0;
	if (vdev_has_feature(vdev, VIRTIO_NET_F_GUEST_TSO4))
		offloads |= TUN_F_TSO4;
	if (vdev_has_feature(vdev, VIRTIO_NET_F_GUEST_TSO6))
		offloads |= TUN_F_TSO6;
	if (offloads != 0 && vdev_has_feature(vdev, VIRTIO_NET_F_GUEST_ECN))
		offloads |= TUN_F_TSO_ECN;
	return offloads | TUN_F_CSUM;
}

/*
 * Each start may change the interface, which the kernel announces to the whole host, and takes
 * locks that all interfaces share. A driver starts the device once in its life, or a few times.
 */
static bool may_start(struct net *net)
{
	struct timespec now = {0};

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (net->start_second != (uint64_t)now.tv_sec) {
		net->start_second = (uint64_t)now.tv_sec;
		net->starts = 0;
	}
	return net->starts++ < NET_STARTS_PER_SECOND;
}

static int listen_to_host(struct net *net)
{
	int ret = vdev_event_watch(&net->link_changed, EPOLLIN);

	if (ret < 0)
		return ret;
	ret = vdev_event_watch(&net->again, EPOLLIN);
	if (ret < 0)
		goto ignore_link;
	net->rx_starved = !net->vdev.queue[NET_RX].enabled;
	if (net->rx_starved)
		return 0;
	ret = vdev_event_watch(&net->tap_ready, EPOLLIN);
	if (ret < 0)
		goto ignore_again;
	net->listening = EPOLLIN;
	return 0;

ignore_again:
	vdev_event_ignore(&net->again);
ignore_link:
	vdev_event_ignore(&net->link_changed);
	return ret;
}

static int net_activate(struct vdev *vdev)
{
	struct net *net = (struct net *)vdev;
	int ret;

	if (!may_start(net)) {
		vdev_log(vdev, LOG_WARN, "the driver restarts it more than %d times in a second",
			 NET_STARTS_PER_SECOND);
		return -EBUSY;
	}
	net->listening = 0;
	net->tap_is_gone = false;
	net->tx_blocked = false;
	net->packet_len = 0;
	net->terms.features = vdev->features_driver;
	net->terms.mtu = net->tap->mtu;
	ret = tap_set_offloads(net->tap, accepted_offloads(vdev));
	if (ret == 0)
		ret = listen_to_host(net);
	if (ret < 0)
		return ret;
	update_link(net);
	return 0;
}

static void net_deactivate(struct vdev *vdev)
{
	struct net *net = (struct net *)vdev;

	if (net->listening != 0)
		vdev_event_ignore(&net->tap_ready);
	vdev_event_ignore(&net->again);
	vdev_event_ignore(&net->link_changed);
	if (net->rx_dropped != 0 || net->tx_dropped != 0)
		vdev_log(vdev, LOG_INFO,
			 "dropped %" PRIu64 " received and %" PRIu64 " sent packets",
			 net->rx_dropped, net->tx_dropped);
	net->rx_dropped = 0;
	net->tx_dropped = 0;
}

static void net_destroy(struct vdev *vdev)
{
	struct net *net = (struct net *)vdev;

	vdev_fini(vdev);
	vdev_event_close(&net->again);
	free(net);
}

static const struct vdev_ops net_ops = {
	.name = "virtio-net",
	.device_id = VIRTIO_ID_NET,
	.activate = net_activate,
	.deactivate = net_deactivate,
	.notify = net_notify,
	.destroy = net_destroy,
};

static uint64_t offered_features(const struct tap *tap)
{
	static const struct {
		uint32_t offload;
		unsigned int feature;
	} to_guest[] = {
		{TUN_F_CSUM, VIRTIO_NET_F_GUEST_CSUM},
		{TUN_F_TSO4, VIRTIO_NET_F_GUEST_TSO4},
		{TUN_F_TSO6, VIRTIO_NET_F_GUEST_TSO6},
		{TUN_F_TSO_ECN, VIRTIO_NET_F_GUEST_ECN},
	};
	/* A TAP with virtio-net headers takes these from any guest. */
	uint64_t features = 1ull << VIRTIO_NET_F_CSUM | 1ull << VIRTIO_NET_F_HOST_TSO4 |
			    1ull << VIRTIO_NET_F_HOST_TSO6 | 1ull << VIRTIO_NET_F_HOST_ECN |
			    1ull << VIRTIO_NET_F_MAC | 1ull << VIRTIO_NET_F_STATUS |
			    1ull << VIRTIO_NET_F_MRG_RXBUF;

	if (tap->mtu != 0)
		features |= 1ull << VIRTIO_NET_F_MTU;
	for (size_t i = 0; i < NR_OF(to_guest); i++) {
		if ((tap->offloads & to_guest[i].offload) != 0)
			features |= 1ull << to_guest[i].feature;
	}
	return features;
}

int net_create(const struct device_env *env, struct tap *tap, struct vdev **vdev)
{
	struct net *net = calloc(1, sizeof(*net));
	int ret;

	if (net == NULL)
		return -ENOMEM;
	net->tap = tap;
	vdev_event_init(&net->tap_ready, &net->vdev, tap->fd, tap_ready);
	vdev_event_init(&net->link_changed, &net->vdev, tap->link_events, link_changed);
	ret = vdev_event_open(&net->again, &net->vdev, transmit_again);
	if (ret < 0)
		goto free_net;
	memcpy(net->config.mac, tap->mac, sizeof(net->config.mac));
	net->config.mtu = htole16(tap->mtu);
	net->config.status = htole16(tap_link_is_up(tap) ? VIRTIO_NET_S_LINK_UP : 0);
	net->vdev.ops = &net_ops;
	net->vdev.id = tap->ifname;
	net->vdev.features_offered = offered_features(tap);
	net->vdev.config = (uint8_t *)&net->config;
	net->vdev.config_size = sizeof(net->config);
	net->vdev.nr_queues = 2;
	ret = vdev_init(&net->vdev, env);
	if (ret < 0)
		goto close_again;
	*vdev = &net->vdev;
	return 0;

close_again:
	vdev_event_close(&net->again);
free_net:
	free(net);
	return ret;
}
