/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as what a driver of virtio-net leaves in RAM, and any header on the packets from the
 * host. The device may drop or fault; it must stay in RAM, leave the event loop idle, and still
 * pass packets after a reset.
 *
 * Of the input, the first byte chooses the features, the second the length of the packets received,
 * the next 12 are their header, and the rest changes RAM. A socket is in place of the TAP: it has
 * no interface, so the link is down, which hinders no packet.
 */
#include <linux/virtio_net.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "tests/fuzz/fuzz_vdev.h"
#include "virtio/net.h"
#include "virtio/net_io.h"

#define RAM_BYTES    0x2000u
#define BUFFERS	     0x600u
#define BUFFER_BYTES 0x100u
#define CHAINS	     8u
#define HEADER_BYTES 12u
#define ROUNDS	     3
#define RX	     0
#define TX	     1

struct machine {
	struct fuzz_guest g;
	struct tap tap;
	int wire;
	struct vdev *vdev;
};

static void create(struct machine *m)
{
	int fd[2];

	fuzz_guest_init(&m->g, RAM_BYTES);
	check(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd));
	m->tap = (struct tap){.fd = fd[0], .link_events = eventfd(0, 0), .ifname = "fuzz"};
	m->tap.mtu = 200;
	m->wire = fd[1];
	check(!net_create(&m->g.env, &m->tap, &m->vdev));
	/* What a TAP would add. */
	m->vdev->features_offered |=
		1ull << VIRTIO_NET_F_GUEST_CSUM | 1ull << VIRTIO_NET_F_GUEST_TSO4 |
		1ull << VIRTIO_NET_F_GUEST_TSO6 | 1ull << VIRTIO_NET_F_GUEST_ECN;
}

/* The limit of starts in a second is for drivers. */
static void handshake(struct machine *m, uint64_t features)
{
	((struct net *)m->vdev)->starts = 0;
	fuzz_handshake(m->vdev, features);
}

static gpa_t buffer(unsigned int queue, uint16_t n)
{
	return gpa(BUFFERS + (queue * CHAINS + n) * BUFFER_BYTES);
}

static void put_chains(struct machine *m)
{
	fuzz_clear(&m->g);
	for (uint16_t n = 0; n < CHAINS; n++) {
		fuzz_put_chain(&m->g, RX, n, buffer(RX, n), 0, 100 + n);
		fuzz_put_chain(&m->g, TX, n, buffer(TX, n), 100 + n, 0);
	}
}

static void drain_wire(struct machine *m)
{
	uint8_t packet[256];

	while (recv(m->wire, packet, sizeof(packet), MSG_TRUNC) >= 0)
		;
}

static void one_round(struct machine *m)
{
	vdev_notify(m->vdev, TX);
	vdev_notify(m->vdev, RX);
	evloop_run(m->g.env.loop);
	drain_wire(m);
}

/* A packet each way must pass whatever came before. */
static void serves_still(struct machine *m)
{
	const uint8_t packet[50] = {0};

	handshake(m, 0);
	while (recv(m->tap.fd, (uint8_t[1]){0}, 1, MSG_TRUNC) >= 0) /* what was not received */
		;
	put_chains(m);
	handshake(m, ~0ull);
	check(send(m->wire, packet, sizeof(packet), 0) == sizeof(packet));
	one_round(m);
	check(fuzz_used(&m->g, RX) == 1);
	check(fuzz_used(&m->g, TX) == CHAINS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct machine machine;
	struct machine *m = &machine;
	uint8_t packet[HEADER_BYTES + 4 * UINT8_MAX] = {0};

	if (size < 2 + HEADER_BYTES)
		return 0;
	if (m->vdev == NULL)
		create(m);
	put_chains(m);
	fuzz_change(&m->g, data + 2 + HEADER_BYTES, size - 2 - HEADER_BYTES);
	handshake(m, (data[0] & 1) != 0 ? ~0ull : 1ull << VIRTIO_NET_F_MRG_RXBUF);
	memcpy(packet, data + 2, HEADER_BYTES);
	for (int i = 0; i < ROUNDS; i++) {
		(void)!send(m->wire, packet, 1 + 4u * data[1], 0); /* fails if it is full */
		one_round(m);
	}
	serves_still(m);
	return 0;
}
