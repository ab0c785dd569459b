/* SPDX-License-Identifier: MIT */
/*
 * UDP on virtio-net (virtio 1.2, 5.1) from ring 3: Ethernet, ARP (RFC 826), IPv4 (RFC 791) and UDP
 * (RFC 768), polled. No offload is taken, so checksums are made and what arrives is whole.
 */
#include "guest/bench/net_io.h"
#include "guest/payload/lib/cpu.h"

#define F_MAC (1ull << 5)

#define QUEUE_SIZE   128u
#define FRAME_BYTES  2048u
#define HEADER_BYTES 12u /* struct virtio_net_hdr with num_buffers, 5.1.6 */
#define ARP_TRIES    10u
#define ARP_WAIT_MS  100u

#define ETHERTYPE_IP  0x0800
#define ETHERTYPE_ARP 0x0806
#define IP_UDP	      17
#define ARP_REQUEST   1
#define ARP_REPLY     2

struct ethernet {
	uint8_t to[6], from[6];
	uint16_t type;
} __attribute__((packed));

struct arp {
	uint16_t hardware, protocol;
	uint8_t hardware_bytes, protocol_bytes;
	uint16_t operation;
	uint8_t sender_mac[6];
	uint32_t sender_ip;
	uint8_t target_mac[6];
	uint32_t target_ip;
} __attribute__((packed));

struct ip {
	uint8_t version_words, service;
	uint16_t total_bytes, id, fragment;
	uint8_t hops, protocol;
	uint16_t checksum;
	uint32_t from, to;
} __attribute__((packed));

struct udp {
	uint16_t from, to, total_bytes, checksum;
} __attribute__((packed));

struct frame {
	uint8_t virtio[HEADER_BYTES];
	struct ethernet ethernet;
	union {
		struct arp arp;
		struct {
			struct ip ip;
			struct udp udp;
			uint8_t data[NET_MAX_DATA];
		} __attribute__((packed));
	};
} __attribute__((packed));

_Static_assert(sizeof(struct frame) <= FRAME_BYTES, "a frame fits its buffer");

static uint16_t be16(uint16_t value)
{
	return __builtin_bswap16(value);
}

static uint32_t be32(uint32_t value)
{
	return __builtin_bswap32(value);
}

static void copy(void *to, const void *from, size_t len)
{
	__builtin_memcpy(to, from, len);
}

/* RFC 1071 over the header, whose checksum is 0 meanwhile. */
static uint16_t ip_checksum(const struct ip *ip)
{
	const uint8_t *bytes = (const uint8_t *)ip;
	uint32_t sum = 0;

	for (unsigned int i = 0; i < sizeof(*ip); i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return be16((uint16_t)~sum);
}

/* ---- frames ------------------------------------------------------------------------------- */

static struct frame *frame_of(const struct net_io *io, unsigned int i)
{
	return (struct frame *)(io->device.frames + (size_t)i * FRAME_BYTES);
}

static void offer_frame(struct net_io *io, uint16_t i)
{
	io->device.receive.desc[i] = (struct virtq_desc){
		.addr = (uintptr_t)frame_of(io, i), .len = FRAME_BYTES, .flags = VIRTQ_DESC_WRITE};
	virtio_publish(&io->device.receive, i);
}

/* A frame to fill, addressed; waits for one that the device has sent if it holds all. */
static struct frame *begin_frame(struct net_io *io, const uint8_t to[6], uint16_t type)
{
	struct virtio_queue *queue = &io->device.transmit;
	struct frame *frame;
	uint16_t head;
	uint32_t len;

	do {
		while (virtio_reap(queue, &head, &len))
			io->device.transmitting--;
		env_pause();
	} while (io->device.transmitting == queue->size);
	frame = frame_of(io, io->device.receive.size + io->device.next);
	__builtin_memset(frame->virtio, 0, HEADER_BYTES);
	copy(frame->ethernet.to, to, 6);
	copy(frame->ethernet.from, io->device.mac, 6);
	frame->ethernet.type = be16(type);
	return frame;
}

static void send_frame(struct net_io *io, const struct frame *frame, size_t payload_bytes)
{
	struct virtio_queue *queue = &io->device.transmit;
	uint16_t head = io->device.next;

	queue->desc[head] = (struct virtq_desc){
		.addr = (uintptr_t)frame,
		.len = (uint32_t)(HEADER_BYTES + sizeof(struct ethernet) + payload_bytes)};
	io->device.next = (uint16_t)((head + 1) % queue->size);
	io->device.transmitting++;
	virtio_publish(queue, head);
	virtio_kick(queue);
}

/* ---- ARP ------------------------------------------------------------------------------------ */

static void send_arp(struct net_io *io, uint16_t operation, const uint8_t to_mac[6], uint32_t to_ip)
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	struct frame *frame =
		begin_frame(io, operation == ARP_REQUEST ? broadcast : to_mac, ETHERTYPE_ARP);
	struct arp *arp = &frame->arp;

	*arp = (struct arp){.hardware = be16(1),
			    .protocol = be16(ETHERTYPE_IP),
			    .hardware_bytes = 6,
			    .protocol_bytes = 4,
			    .operation = be16(operation),
			    .sender_ip = be32(io->device.own.ip),
			    .target_ip = be32(to_ip)};
	copy(arp->sender_mac, io->device.mac, 6);
	copy(arp->target_mac, to_mac, 6);
	send_frame(io, frame, sizeof(*arp));
}

/* True if the frame had the peer's address. The host asks for ours from time to time. */
static bool take_arp(struct net_io *io, const struct arp *arp)
{
	uint8_t sender[6];

	copy(sender, arp->sender_mac, 6);
	if (arp->operation == be16(ARP_REQUEST) && arp->target_ip == be32(io->device.own.ip))
		send_arp(io, ARP_REPLY, sender, be32(arp->sender_ip));
	if (arp->sender_ip != be32(io->peer.ip))
		return false;
	copy(io->device.peer_mac, sender, 6);
	return true;
}

/* ---- datagrams ---------------------------------------------------------------------------------
 */

/* The length of the datagram that the frame carries from the peer to us, or -1. */
static long datagram_len(const struct net_io *io, const struct frame *frame, uint32_t len)
{
	uint16_t udp_bytes = be16(frame->udp.total_bytes);

	if (len < HEADER_BYTES + sizeof(struct ethernet) + sizeof(struct ip) + sizeof(struct udp) ||
	    frame->ethernet.type != be16(ETHERTYPE_IP) || frame->ip.version_words != 0x45 ||
	    frame->ip.protocol != IP_UDP || frame->ip.from != be32(io->peer.ip) ||
	    frame->udp.from != be16(io->peer.port) || frame->udp.to != be16(io->device.own.port) ||
	    udp_bytes < sizeof(struct udp) || udp_bytes - sizeof(struct udp) > NET_MAX_DATA ||
	    udp_bytes > len - HEADER_BYTES - sizeof(struct ethernet) - sizeof(struct ip))
		return -1;
	return (long)(udp_bytes - sizeof(struct udp));
}

/* What receive_frame() saw. */
enum seen {
	NOTHING,
	PEER_ADDRESS,
	DATAGRAM,
};

static enum seen take_frame(struct net_io *io, const struct frame *frame, uint32_t len, void *data,
			    size_t max, long *data_len)
{
	const uint32_t arp_bytes = HEADER_BYTES + sizeof(struct ethernet) + sizeof(struct arp);

	if (len >= arp_bytes && frame->ethernet.type == be16(ETHERTYPE_ARP))
		return take_arp(io, &frame->arp) ? PEER_ADDRESS : NOTHING;
	*data_len = datagram_len(io, frame, len);
	if (*data_len < 0 || (size_t)*data_len > max)
		return NOTHING;
	copy(data, frame->data, (size_t)*data_len);
	return DATAGRAM;
}

/* Takes frames until `wanted` was seen; false at the deadline. */
static bool receive_frames(struct net_io *io, enum seen wanted, void *data, size_t max,
			   long *data_len, uint64_t deadline)
{
	struct virtio_queue *queue = &io->device.receive;
	enum seen seen = NOTHING;
	uint16_t head;
	uint32_t len;

	while (seen != wanted) {
		if (!virtio_reap(queue, &head, &len)) {
			if (env_ticks() >= deadline)
				return false;
			env_pause();
			continue;
		}
		seen = take_frame(io, frame_of(io, head), len, data, max, data_len);
		offer_frame(io, head);
		virtio_kick(queue);
	}
	return true;
}

static bool send_datagram(struct net_io *io, const void *data, size_t len)
{
	struct frame *frame = begin_frame(io, io->device.peer_mac, ETHERTYPE_IP);
	const size_t udp_bytes = sizeof(frame->udp) + len;

	frame->ip = (struct ip){.version_words = 0x45,
				.total_bytes = be16((uint16_t)(sizeof(frame->ip) + udp_bytes)),
				.fragment = be16(0x4000), /* don't */
				.hops = 64,
				.protocol = IP_UDP,
				.from = be32(io->device.own.ip),
				.to = be32(io->peer.ip)};
	frame->ip.checksum = ip_checksum(&frame->ip);
	/* A checksum of 0 is none, which IPv4 allows. */
	frame->udp = (struct udp){.from = be16(io->device.own.port),
				  .to = be16(io->peer.port),
				  .total_bytes = be16((uint16_t)udp_bytes)};
	copy(frame->data, data, len);
	send_frame(io, frame, sizeof(frame->ip) + udp_bytes);
	return true;
}

static long receive_datagram(struct net_io *io, void *data, size_t max, uint64_t deadline)
{
	long len = -1;

	return receive_frames(io, DATAGRAM, data, max, &len, deadline) ? len : -1;
}

/* ---- life ----------------------------------------------------------------------------------- */

static const char *find_peer(struct net_io *io)
{
	static const uint8_t unknown[6] = {0};

	for (unsigned int i = 0; i < ARP_TRIES; i++) {
		uint64_t deadline = env_ticks() + io->env->tsc_hz / 1000 * ARP_WAIT_MS;

		send_arp(io, ARP_REQUEST, unknown, io->peer.ip);
		if (receive_frames(io, PEER_ADDRESS, NULL, 0, &(long){0}, deadline))
			return NULL;
	}
	return "no host answers for the peer's address (ARP)";
}

static const char *open_queues(struct net_io *io, const struct payload_slot *slot)
{
	struct env *env = io->env;
	const char *reason = virtio_begin(slot, F_MAC, NULL);

	if (!reason)
		reason = virtio_add_queue(env, slot, 0, QUEUE_SIZE, false, &io->device.receive);
	if (!reason)
		reason = virtio_add_queue(env, slot, 1, QUEUE_SIZE, false, &io->device.transmit);
	if (reason)
		return reason;
	io->device.frames =
		env->ops->alloc(env, 2 * QUEUE_SIZE * FRAME_BYTES, ENV_PAGES_2M, &reason);
	for (unsigned int i = 0; i < 6; i++)
		io->device.mac[i] = *(volatile uint8_t *)(slot->base + VIRTIO_CONFIG + i);
	return reason;
}

static const char *open_device(struct net_io *io, const struct options *options)
{
	const char *reason;
	const struct payload_slot *slot = virtio_find(io->env, VIRTIO_NET, &reason);

	if (!slot)
		return "no usable virtio-net; use --net tap";
	if (!options->address || !net_parse(options->address, &io->device.own))
		return "a payload brings its own address; use address=IP";
	if (io->device.own.port == 0)
		io->device.own.port = 49152; /* the first dynamic one, RFC 6335 */
	reason = open_queues(io, slot);
	if (reason)
		return reason;
	virtio_end(slot);
	for (uint16_t i = 0; i < io->device.receive.size; i++)
		offer_frame(io, i);
	virtio_kick(&io->device.receive);
	reason = find_peer(io);
	if (reason)
		virtio_reset(slot);
	return reason;
}

static void close_device(struct net_io *io)
{
	virtio_reset(io->device.receive.slot);
}

const struct net_ops payload_net_ops = {
	.open = open_device,
	.send = send_datagram,
	.receive = receive_datagram,
	.close = close_device,
};
