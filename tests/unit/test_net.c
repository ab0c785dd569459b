/* SPDX-License-Identifier: MIT */
/*
 * virtio-net (virtio 1.2, section 5.1) as a driver sees it. In place of the TAP is one end of a
 * socket pair that keeps packets apart; the test holds the other end, the wire. The functions of
 * tap.c are replaced by ones that remember what they were asked.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "fake_driver.h"
#include "virtio/net.h"

#define ALL	     (~0ull)
#define FEATURE(bit) (1ull << (bit))
#define NR(array)    (sizeof(array) / sizeof((array)[0]))
#define RX	     0
#define TX	     1
#define HEADER	     12		  /* 5.1.6: struct virtio_net_hdr with num_buffers */
#define LARGEST	     (12 + 65550) /* 5.1.6.3.1 */

/* ---- a TAP of sockets ---- */

/* What the functions below replace has no state of its own either; they are called by name. */
static struct {
	uint32_t offloads;
	_Atomic bool link_up;
	int link_events;     /* an eventfd, as the device got it */
	atomic_uint wakeups; /* of the event loop */
} host;

int tap_set_offloads(const struct tap *tap, uint32_t offloads)
{
	(void)tap;
	host.offloads = offloads;
	return 0;
}

bool tap_link_is_up(const struct tap *tap)
{
	(void)tap;
	return host.link_up;
}

int tap_link_events_open(void)
{
	host.link_events = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return host.link_events;
}

void tap_link_events_drain(int fd)
{
	eventfd_t count;

	(void)!eventfd_read(fd, &count);
}

/* Counts how often the event loop wakes up: a device that waits must not spin. */
int epoll_wait(int epfd, struct epoll_event *events, int max, int timeout_ms)
{
	atomic_fetch_add(&host.wakeups, 1);
	return (int)syscall(SYS_epoll_wait, epfd, events, max, timeout_ms);
}

struct machine {
	struct fake_guest g;
	struct tap tap;
	int wire;
	bool plugged;
};

static int create(void **state)
{
	struct machine *m = calloc(1, sizeof(*m));
	int large = 1 << 20;
	int fd[2];

	assert_non_null(m);
	memset(&host, 0, sizeof(host));
	host.link_up = true;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd),
			 0);
	assert_int_equal(setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &large, sizeof(large)), 0);
	assert_int_equal(setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &large, sizeof(large)), 0);
	m->tap = (struct tap){
		.fd = fd[0],
		.ifname = "tap-test",
		.mac = {0x52, 0x54, 0, 1, 2, 3},
		.offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN,
	};
	m->wire = fd[1];
	*state = m;
	return 0;
}

static int destroy(void **state)
{
	struct machine *m = *state;

	if (m->plugged)
		fake_guest_fini(&m->g);
	close(m->tap.fd);
	if (m->wire >= 0)
		close(m->wire);
	free(m);
	return 0;
}

static void plug(struct machine *m)
{
	struct vdev *vdev = NULL;

	fake_guest_init(&m->g);
	assert_int_equal(net_create(&m->g.env, &m->tap, &vdev), 0);
	fake_guest_plug(&m->g, vdev);
	m->plugged = true;
}

static void start(struct machine *m, uint64_t features, uint16_t queue_size)
{
	plug(m);
	assert_true(fake_handshake(&m->g, features, queue_size));
	fake_guest_run_io(&m->g);
}

/* A packet whose content depends on `seed`, behind an empty header; `len` has both. */
static void make_packet(uint8_t *packet, size_t len, unsigned int seed)
{
	memset(packet, 0, len < HEADER ? len : HEADER);
	for (size_t i = HEADER; i < len; i++)
		packet[i] = (uint8_t)(seed * 31 + i * 7 + (i >> 8));
}

static void wire_send(struct machine *m, const void *packet, size_t len)
{
	assert_int_equal(send(m->wire, packet, len, 0), len);
}

/* The next packet that the device sent; waits for it. */
static size_t wire_receive(struct machine *m, void *packet, size_t max)
{
	for (int waited_ms = 0; waited_ms < FAKE_WAIT_MS; waited_ms++) {
		ssize_t n = recv(m->wire, packet, max, 0);

		if (n >= 0)
			return (size_t)n;
		assert_int_equal(errno, EAGAIN);
		fake_nap();
	}
	fail_msg("no packet came");
	return 0;
}

/* Rings only if the device asked for it, as drivers do (2.7.10). */
static bool kick_if_wanted(struct fake_vq *vq, uint16_t added)
{
	struct fake_guest *g = vq->guest;
	uint16_t avail_event, flags;

	fake_publish(vq);
	atomic_thread_fence(memory_order_seq_cst);
	assert_int_equal(gmem_load_acquire16(&g->mem, vq->used, &flags), 0);
	assert_int_equal(
		gmem_load_acquire16(&g->mem, gpa_add(vq->used, 4 + 8ull * vq->size), &avail_event),
		0);
	if ((g->features & FEATURE(VIRTIO_F_EVENT_IDX)) == 0) {
		if ((flags & VIRTQ_USED_F_NO_NOTIFY) != 0)
			return false;
	} else if ((uint16_t)(vq->next_avail - avail_event - 1) >= added) {
		return false;
	}
	fake_write32(g, VIRTIO_MMIO_QUEUE_NOTIFY, vq->index);
	return true;
}

/* ---- receive buffers ---- */

struct rx_buffers {
	struct fake_buf buf[VIRTQ_MAX_SIZE]; /* by head */
};

static void add_rx(struct machine *m, struct rx_buffers *rx, unsigned int nr, uint32_t len)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct fake_buf buf = fake_in(&m->g, len);

		rx->buf[fake_add(&m->g.vq[RX], &buf, 1)] = buf;
	}
}

/*
 * Takes one packet as a driver does: the first buffer's header says how many there are. Returns
 * its length with the header; *nr_buffers is what the header said.
 */
static size_t take_packet(struct machine *m, const struct rx_buffers *rx, uint8_t *packet,
			  uint16_t *nr_buffers)
{
	uint16_t count = 1, head = 0;
	uint32_t written = 0;
	size_t len = 0;

	for (uint16_t i = 0; i < count; i++) {
		if (i == 0)
			assert_true(fake_wait(&m->g.vq[RX], &head, &written));
		else /* all of a packet appears at once */
			assert_true(fake_reap(&m->g.vq[RX], &head, &written));
		assert_true(written <= rx->buf[head].len);
		fake_get(&m->g, rx->buf[head].at, packet + len, written);
		len += written;
		if (i == 0) {
			memcpy(&count, packet + 10, sizeof(count));
			count = le16toh(count);
		}
	}
	*nr_buffers = count;
	return len;
}

/* The next packet received is the one that make_packet() makes. */
static void assert_receives(struct machine *m, const struct rx_buffers *rx, size_t len,
			    unsigned int seed)
{
	uint8_t *want = malloc(LARGEST), *got = malloc(LARGEST);
	uint16_t nr;

	make_packet(want, len, seed);
	assert_int_equal(take_packet(m, rx, got, &nr), len);
	assert_memory_equal(got + HEADER, want + HEADER, len - HEADER);
	free(want);
	free(got);
}

static void send_made(struct machine *m, size_t len, unsigned int seed)
{
	uint8_t *packet = malloc(len);

	make_packet(packet, len, seed);
	wire_send(m, packet, len);
	free(packet);
}

/* The device still passes packets in both directions. */
static void assert_alive(struct machine *m)
{
	struct rx_buffers rx;
	uint8_t packet[100], got[100];
	struct fake_buf buf;
	uint16_t head;
	uint32_t written;

	add_rx(m, &rx, 1, 1526);
	fake_kick(&m->g.vq[RX]);
	send_made(m, sizeof(packet), 77);
	assert_receives(m, &rx, sizeof(packet), 77);

	make_packet(packet, sizeof(packet), 78);
	buf = fake_out(&m->g, packet, sizeof(packet));
	fake_add(&m->g.vq[TX], &buf, 1);
	fake_kick(&m->g.vq[TX]);
	assert_true(fake_wait(&m->g.vq[TX], &head, &written));
	assert_int_equal(wire_receive(m, got, sizeof(got)), sizeof(got));
	assert_memory_equal(got, packet, sizeof(got));
}

/* ---- what the device says about itself ---- */

static uint8_t config_byte(struct machine *m, size_t offset)
{
	uint8_t byte;

	bus_read(&m->g.mmio, FAKE_SLOT + VIRTIO_MMIO_CONFIG + offset, &byte, 1, 1);
	return byte;
}

static bool link_is_up(struct machine *m)
{
	return config_byte(m, offsetof(struct virtio_net_config, status)) == VIRTIO_NET_S_LINK_UP;
}

static void config_has_the_address_and_the_link(void **state)
{
	struct machine *m = *state;

	plug(m);
	assert_int_equal(fake_read32(&m->g, VIRTIO_MMIO_DEVICE_ID), 1);
	for (size_t i = 0; i < TAP_MAC_BYTES; i++)
		assert_int_equal(config_byte(m, i), m->tap.mac[i]);
	assert_true(link_is_up(m));
}

/* 5.1.3: what the host takes is always on offer; what it gives depends on the TAP. */
static void offers_the_offloads_of_the_tap(void **state)
{
	const uint64_t always = FEATURE(VIRTIO_NET_F_CSUM) | FEATURE(VIRTIO_NET_F_HOST_TSO4) |
				FEATURE(VIRTIO_NET_F_HOST_TSO6) | FEATURE(VIRTIO_NET_F_HOST_ECN) |
				FEATURE(VIRTIO_NET_F_MAC) | FEATURE(VIRTIO_NET_F_STATUS) |
				FEATURE(VIRTIO_NET_F_MRG_RXBUF);
	const uint64_t by_tap = FEATURE(VIRTIO_NET_F_GUEST_CSUM) |
				FEATURE(VIRTIO_NET_F_GUEST_TSO4) |
				FEATURE(VIRTIO_NET_F_GUEST_TSO6) | FEATURE(VIRTIO_NET_F_GUEST_ECN);
	const struct {
		uint32_t tap;
		uint64_t features;
	} cases[] = {
		{0, 0},
		{TUN_F_CSUM, FEATURE(VIRTIO_NET_F_GUEST_CSUM)},
		{TUN_F_CSUM | TUN_F_TSO6,
		 FEATURE(VIRTIO_NET_F_GUEST_CSUM) | FEATURE(VIRTIO_NET_F_GUEST_TSO6)},
		{TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN, by_tap},
	};
	struct machine *m = *state;

	for (size_t i = 0; i < NR(cases); i++) {
		m->tap.offloads = cases[i].tap;
		plug(m);
		assert_int_equal(fake_offered(&m->g) & always, always);
		assert_int_equal(fake_offered(&m->g) & by_tap, cases[i].features);
		fake_guest_fini(&m->g);
		m->plugged = false;
	}
}

/* 5.1.3.1: each of these features requires another, without which it is nothing. */
static void tells_the_tap_what_the_driver_accepted(void **state)
{
	const uint64_t csum = FEATURE(VIRTIO_NET_F_GUEST_CSUM);
	const uint64_t tso4 = FEATURE(VIRTIO_NET_F_GUEST_TSO4);
	const uint64_t tso6 = FEATURE(VIRTIO_NET_F_GUEST_TSO6);
	const uint64_t ecn = FEATURE(VIRTIO_NET_F_GUEST_ECN);
	const struct {
		uint64_t features;
		uint32_t offloads;
	} cases[] = {
		{0, 0},
		{csum, TUN_F_CSUM},
		{csum | tso4, TUN_F_CSUM | TUN_F_TSO4},
		{csum | tso6, TUN_F_CSUM | TUN_F_TSO6},
		{csum | tso4 | tso6 | ecn, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN},
		{tso4 | tso6 | ecn, 0},
		{csum | ecn, TUN_F_CSUM},
	};
	struct machine *m = *state;

	plug(m);
	for (size_t i = 0; i < NR(cases); i++) {
		assert_true(
			fake_handshake(&m->g, FEATURE(VIRTIO_F_VERSION_1) | cases[i].features, 8));
		assert_int_equal(host.offloads, cases[i].offloads);
		fake_write32(&m->g, VIRTIO_MMIO_STATUS, 0);
		assert_int_equal(host.offloads, 0);
	}
}

/* ---- transmitting ---- */

/* 2.7.4: header and packet in one buffer or in many, directly or by a table. */
static void sends_packets_however_they_are_cut(void **state)
{
	static const uint32_t piece[] = {1526, 12, 11, 13, 1, 200, 7};
	struct machine *m = *state;
	uint8_t packet[200], got[300];
	struct fake_buf part[200];
	uint16_t head;
	uint32_t written;

	start(m, ALL, 256);
	for (unsigned int i = 0; i < 2 * NR(piece); i++) {
		unsigned int nr;

		make_packet(packet, sizeof(packet), i);
		packet[0] = VIRTIO_NET_HDR_F_NEEDS_CSUM; /* the header passes through as well */
		nr = fake_cut(fake_out(&m->g, packet, sizeof(packet)), piece[i / 2], part,
			      NR(part));
		if (i % 2 != 0)
			fake_add_indirect(&m->g.vq[TX], part, nr);
		else
			fake_add(&m->g.vq[TX], part, nr);
		fake_kick(&m->g.vq[TX]);
		assert_true(fake_wait(&m->g.vq[TX], &head, &written));
		assert_int_equal(written, 0);
		assert_int_equal(wire_receive(m, got, sizeof(got)), sizeof(packet));
		assert_memory_equal(got, packet, sizeof(packet));
	}
}

/* More than a round of packets behind one kick; the ring is not left half full. */
static void one_kick_sends_all_that_is_there(void **state)
{
	struct machine *m = *state;
	uint8_t packet[64], got[64];

	start(m, ALL, 256);
	for (unsigned int i = 0; i < 256; i++) {
		struct fake_buf buf;

		make_packet(packet, sizeof(packet), i);
		buf = fake_out(&m->g, packet, sizeof(packet));
		fake_add(&m->g.vq[TX], &buf, 1);
	}
	fake_kick(&m->g.vq[TX]);
	for (unsigned int i = 0; i < 256; i++) {
		make_packet(packet, sizeof(packet), i);
		assert_int_equal(wire_receive(m, got, sizeof(got)), sizeof(got));
		assert_memory_equal(got, packet, sizeof(got));
	}
	for (int ms = 0; ms < FAKE_WAIT_MS && fake_used(&m->g.vq[TX]) < 256; ms++)
		fake_nap();
	assert_int_equal(fake_used(&m->g.vq[TX]), 256);
}

/* A wire that is full is waited for, without a loss, a change of order, or a busy loop. */
static void a_full_wire_is_waited_for(void **state)
{
	const unsigned int packets = 200;
	struct machine *m = *state;
	uint8_t packet[1500], got[1500];
	unsigned int before;
	int small = 1;

	assert_int_equal(setsockopt(m->tap.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	start(m, ALL, 256);
	for (unsigned int i = 0; i < packets; i++) {
		struct fake_buf buf;

		make_packet(packet, sizeof(packet), i);
		buf = fake_out(&m->g, packet, sizeof(packet));
		fake_add(&m->g.vq[TX], &buf, 1);
	}
	fake_kick(&m->g.vq[TX]);
	for (int ms = 0; ms < 5; ms++)
		fake_nap();
	assert_true(fake_used(&m->g.vq[TX]) < packets);
	before = host.wakeups;
	for (int ms = 0; ms < 20; ms++)
		fake_nap();
	assert_true(host.wakeups - before < 5);
	for (unsigned int i = 0; i < packets; i++) {
		make_packet(packet, sizeof(packet), i);
		assert_int_equal(wire_receive(m, got, sizeof(got)), sizeof(got));
		assert_memory_equal(got, packet, sizeof(got));
	}
	assert_alive(m);
}

/* What the host does not take is lost as on a wire: the buffer comes back, the next one goes out.
 */
static void a_packet_that_is_refused_is_dropped(void **state)
{
	static const uint32_t len[] = {70000, 1 << 20, 60000};
	struct machine *m = *state;
	struct fake_buf large, many[3];
	uint16_t head;
	uint32_t written;
	int small = 1;

	start(m, ALL, 8);
	large = fake_in(&m->g, 8 << 20);
	large.device_writes = false;
	for (size_t i = 0; i < NR(len); i++) {
		/* The first two are longer than any packet, to the last the socket says EMSGSIZE.
		 */
		if (len[i] == 60000)
			assert_int_equal(
				setsockopt(m->tap.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)),
				0);
		large.len = len[i];
		fake_add(&m->g.vq[TX], &large, 1);
		fake_kick(&m->g.vq[TX]);
		assert_true(fake_wait(&m->g.vq[TX], &head, &written));
		assert_int_equal(written, 0);
		assert_alive(m);
	}
	large.len = 8 << 20;
	many[0] = many[1] = many[2] = large;
	fake_add(&m->g.vq[TX], many, 3);
	fake_kick(&m->g.vq[TX]);
	assert_true(fake_wait(&m->g.vq[TX], &head, &written));
	assert_alive(m);
}

/* 5.1.6.2: the header comes first; a packet without one is none. */
static void a_packet_shorter_than_its_header_is_a_fault(void **state)
{
	static const uint32_t len[] = {0, 1, 11};
	struct machine *m = *state;
	uint8_t packet[HEADER] = {0};

	start(m, ALL, 8);
	for (size_t i = 0; i < NR(len); i++) {
		struct fake_buf buf = fake_out(&m->g, packet, len[i]);

		assert_true(fake_handshake(&m->g, ALL, 8));
		fake_add(&m->g.vq[TX], &buf, 1);
		fake_kick(&m->g.vq[TX]);
		assert_true(fake_status(&m->g) & VIRTIO_STATUS_NEEDS_RESET);
		assert_int_equal(fake_used(&m->g.vq[TX]), 0);
		assert_true(fake_handshake(&m->g, ALL, 8));
		assert_alive(m);
	}
}

/* ---- receiving ---- */

/* 5.1.6.3.2, 5.1.6.4: any packet over buffers of any size; the header counts them. */
static void a_packet_fills_as_many_buffers_as_it_needs(void **state)
{
	static const size_t len[] = {HEADER + 1, HEADER + 60, 1514, 1526, 9000, LARGEST};
	static const uint32_t size[] = {HEADER, 13, 100, 1526, 4096, LARGEST, 100000};
	struct machine *m = *state;
	uint8_t *want = malloc(LARGEST), *got = malloc(LARGEST);
	unsigned int seed = 0;

	start(m, ALL, 256);
	for (size_t s = 0; s < NR(size); s++) {
		struct rx_buffers rx;

		for (size_t l = 0; l < NR(len); l++) {
			uint16_t need = (uint16_t)((len[l] + size[s] - 1) / size[s]);
			uint16_t nr;

			if (need > 256)
				continue;
			add_rx(m, &rx, need, size[s]);
			fake_kick(&m->g.vq[RX]);
			make_packet(want, len[l], ++seed);
			wire_send(m, want, len[l]);
			assert_int_equal(take_packet(m, &rx, got, &nr), len[l]);
			assert_int_equal(nr, need);
			assert_memory_equal(got, want, 10); /* of the header, all but the count */
			assert_memory_equal(got + HEADER, want + HEADER, len[l] - HEADER);
		}
	}
	free(want);
	free(got);
}

/* 2.7.4: a buffer may be a chain of several, in which even the header is cut. */
static void a_receive_buffer_may_be_cut(void **state)
{
	static const uint32_t piece[] = {1, 5, 11, 12, 13};
	struct machine *m = *state;
	uint8_t want[100], got[100];
	struct fake_buf part[128];
	uint16_t head, nr;
	uint32_t written;

	start(m, ALL, 256);
	for (unsigned int i = 0; i < NR(piece); i++) {
		struct fake_buf whole = fake_in(&m->g, 120);

		fake_add(&m->g.vq[RX], part, fake_cut(whole, piece[i], part, NR(part)));
		fake_kick(&m->g.vq[RX]);
		make_packet(want, sizeof(want), i);
		wire_send(m, want, sizeof(want));
		assert_true(fake_wait(&m->g.vq[RX], &head, &written));
		assert_int_equal(written, sizeof(want));
		fake_get(&m->g, whole.at, got, sizeof(got));
		memcpy(&nr, got + 10, sizeof(nr));
		assert_int_equal(le16toh(nr), 1);
		assert_memory_equal(got + HEADER, want + HEADER, sizeof(want) - HEADER);
	}
}

/* 5.1.6.3.2: without MRG_RXBUF one buffer holds the packet, or the packet is lost. */
static void without_merging_a_packet_has_one_buffer(void **state)
{
	struct machine *m = *state;
	struct rx_buffers rx;
	uint8_t got[LARGEST];
	uint16_t nr;

	start(m, ALL & ~FEATURE(VIRTIO_NET_F_MRG_RXBUF), 8);
	add_rx(m, &rx, 2, 1526);
	fake_kick(&m->g.vq[RX]);
	send_made(m, 1527, 1); /* too long for a buffer */
	send_made(m, 1526, 2);
	assert_int_equal(take_packet(m, &rx, got, &nr), 1526);
	assert_int_equal(nr, 1);
	send_made(m, 100, 3);
	assert_receives(m, &rx, 100, 3);
}

/* A ring full of buffers that are too small for the packet would wait for ever. */
static void a_packet_larger_than_the_whole_ring_is_dropped(void **state)
{
	struct machine *m = *state;
	struct rx_buffers rx;

	start(m, ALL, 4);
	add_rx(m, &rx, 4, 100);
	fake_kick(&m->g.vq[RX]);
	send_made(m, 401, 1);
	send_made(m, 400, 2);
	assert_receives(m, &rx, 400, 2);
	assert_alive(m);
}

/* Packets wait for buffers where they are; nothing is lost, and nobody spins. */
static void packets_wait_for_buffers(void **state)
{
	static const uint64_t features[] = {ALL, ALL & ~FEATURE(VIRTIO_F_EVENT_IDX)};
	struct machine *m = *state;
	struct rx_buffers rx;
	unsigned int before;

	start(m, ALL, 16);
	for (size_t f = 0; f < NR(features); f++) {
		assert_true(fake_handshake(&m->g, features[f], 16));
		for (unsigned int i = 0; i < 10; i++)
			send_made(m, 100 + i, i);
		for (int ms = 0; ms < 5; ms++)
			fake_nap();
		before = host.wakeups;
		for (int ms = 0; ms < 20; ms++)
			fake_nap();
		assert_true(host.wakeups - before < 5);
		for (unsigned int i = 0; i < 10; i++) {
			add_rx(m, &rx, 1, 1526);
			kick_if_wanted(&m->g.vq[RX], 1);
			assert_receives(m, &rx, 100 + i, i);
		}
	}
}

/*
 * A packet that found some buffers but too few puts them back; a driver that rings only when it
 * is asked to (2.7.7, 2.7.10) must be asked behind those.
 */
static void a_packet_waits_for_the_last_of_its_buffers(void **state)
{
	static const uint64_t features[] = {ALL, ALL & ~FEATURE(VIRTIO_F_EVENT_IDX)};
	struct machine *m = *state;
	struct rx_buffers rx;

	start(m, ALL, 16);
	for (size_t f = 0; f < NR(features); f++) {
		assert_true(fake_handshake(&m->g, features[f], 16));
		send_made(m, 1000, (unsigned int)f);
		for (unsigned int i = 0; i < 10; i++) {
			fake_nap();
			assert_int_equal(fake_used(&m->g.vq[RX]), 0);
			add_rx(m, &rx, 1, 100);
			kick_if_wanted(&m->g.vq[RX], 1);
		}
		assert_receives(m, &rx, 1000, (unsigned int)f);
	}
}

/* A driver that brings new buffers while there are some left need not ring (2.7.7). */
static void buffers_in_stock_need_no_notification(void **state)
{
	struct machine *m = *state;
	struct rx_buffers rx;

	start(m, ALL & ~FEATURE(VIRTIO_F_EVENT_IDX), 16);
	add_rx(m, &rx, 4, 1526);
	fake_kick(&m->g.vq[RX]);
	for (unsigned int i = 0; i < 4; i++) {
		send_made(m, 100, i);
		assert_receives(m, &rx, 100, i);
		add_rx(m, &rx, 1, 1526);
		assert_false(kick_if_wanted(&m->g.vq[RX], 1));
	}
}

/* 5.1.6.4.1: what was not negotiated is not in the header; packets that need it are lost. */
static void headers_keep_to_what_was_negotiated(void **state)
{
	const uint64_t csum = FEATURE(VIRTIO_NET_F_GUEST_CSUM);
	const uint64_t tso4 = FEATURE(VIRTIO_NET_F_GUEST_TSO4);
	const uint64_t tso6 = FEATURE(VIRTIO_NET_F_GUEST_TSO6);
	const uint64_t ecn = FEATURE(VIRTIO_NET_F_GUEST_ECN);
	const struct {
		uint64_t features;
		uint8_t flags, gso_type;
		int flags_seen; /* -1: lost */
	} cases[] = {
		{0, 0, VIRTIO_NET_HDR_GSO_NONE, 0},
		{0, VIRTIO_NET_HDR_F_DATA_VALID, VIRTIO_NET_HDR_GSO_NONE, 0},
		{0, VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_NONE, -1},
		{csum, VIRTIO_NET_HDR_F_DATA_VALID, VIRTIO_NET_HDR_GSO_NONE,
		 VIRTIO_NET_HDR_F_DATA_VALID},
		{csum, VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_NONE,
		 VIRTIO_NET_HDR_F_NEEDS_CSUM},
		{csum, 0xfc | VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_NONE,
		 VIRTIO_NET_HDR_F_NEEDS_CSUM},
		{csum, VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV4, -1},
		{csum | tso4, VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV4,
		 VIRTIO_NET_HDR_F_NEEDS_CSUM},
		{csum | tso4, VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV6, -1},
		{csum | tso6, VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV6,
		 VIRTIO_NET_HDR_F_NEEDS_CSUM},
		{csum | tso4, VIRTIO_NET_HDR_F_NEEDS_CSUM,
		 VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN, -1},
		{csum | tso4 | ecn, VIRTIO_NET_HDR_F_NEEDS_CSUM,
		 VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN, VIRTIO_NET_HDR_F_NEEDS_CSUM},
		{ALL, VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_UDP, -1},
		{ALL, VIRTIO_NET_HDR_F_NEEDS_CSUM, 5 /* GSO_UDP_L4 */, -1},
		{ALL, VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_ECN, -1},
	};
	struct machine *m = *state;
	uint8_t packet[64], got[64];
	struct rx_buffers rx;
	uint16_t nr;

	start(m, ALL, 8);
	for (size_t i = 0; i < NR(cases); i++) {
		assert_true(
			fake_handshake(&m->g, FEATURE(VIRTIO_F_VERSION_1) | cases[i].features, 8));
		add_rx(m, &rx, 2, 1526);
		fake_kick(&m->g.vq[RX]);
		make_packet(packet, sizeof(packet), 1);
		packet[0] = cases[i].flags;
		packet[1] = cases[i].gso_type;
		wire_send(m, packet, sizeof(packet));
		if (cases[i].flags_seen >= 0) {
			assert_int_equal(take_packet(m, &rx, got, &nr), sizeof(got));
			assert_int_equal(got[0], cases[i].flags_seen);
			assert_int_equal(got[1], cases[i].gso_type);
		}
		/* The next one arrives in any case, and right behind it. */
		make_packet(packet, sizeof(packet), 2);
		wire_send(m, packet, sizeof(packet));
		assert_int_equal(take_packet(m, &rx, got, &nr), sizeof(got));
		assert_memory_equal(got + HEADER, packet + HEADER, sizeof(got) - HEADER);
	}
}

/* The TAP puts a header before every packet; what has none cannot come from it. */
static void what_is_shorter_than_a_header_is_dropped(void **state)
{
	struct machine *m = *state;

	start(m, ALL, 8);
	wire_send(m, "eleven byte", 11);
	wire_send(m, "1", 1);
	assert_alive(m);
}

static void a_receive_buffer_too_small_for_the_header_is_a_fault(void **state)
{
	static const struct {
		uint32_t first, second;
	} cases[] = {{11, 1526}, {0, 1526}, {100, 11}, {100, 0}};
	struct machine *m = *state;
	struct rx_buffers rx;

	start(m, ALL, 8);
	for (size_t i = 0; i < NR(cases); i++) {
		assert_true(fake_handshake(&m->g, ALL, 8));
		add_rx(m, &rx, 1, cases[i].first);
		add_rx(m, &rx, 1, cases[i].second);
		fake_kick(&m->g.vq[RX]);
		send_made(m, 200, 1);
		for (int ms = 0; ms < FAKE_WAIT_MS; ms++) {
			if ((fake_status(&m->g) & VIRTIO_STATUS_NEEDS_RESET) != 0)
				break;
			fake_nap();
		}
		assert_true(fake_status(&m->g) & VIRTIO_STATUS_NEEDS_RESET);
		assert_int_equal(fake_used(&m->g.vq[RX]), 0);
		assert_true(fake_handshake(&m->g, ALL, 8));
		assert_alive(m);
	}
}

/* ---- the link ---- */

static void wait_for_link(struct machine *m, bool up)
{
	for (int ms = 0; ms < FAKE_WAIT_MS && link_is_up(m) != up; ms++)
		fake_nap();
	assert_int_equal(link_is_up(m), up);
}

/* 5.1.4, 2.5: the status follows the interface, with a configuration interrupt each time. */
static void the_link_follows_the_interface(void **state)
{
	struct machine *m = *state;
	uint32_t generation;

	start(m, ALL, 8);
	assert_true(link_is_up(m));
	generation = fake_read32(&m->g, VIRTIO_MMIO_CONFIG_GENERATION);
	assert_int_equal(fake_read32(&m->g, VIRTIO_MMIO_INTERRUPT_STATUS), 0);

	/* Something changes on the host, but not with us. */
	eventfd_write(host.link_events, 1);
	for (int ms = 0; ms < 5; ms++)
		fake_nap();
	assert_true(link_is_up(m));
	assert_int_equal(fake_read32(&m->g, VIRTIO_MMIO_INTERRUPT_STATUS), 0);

	host.link_up = false;
	eventfd_write(host.link_events, 1);
	wait_for_link(m, false);
	assert_int_not_equal(fake_read32(&m->g, VIRTIO_MMIO_CONFIG_GENERATION), generation);
	assert_true(fake_read32(&m->g, VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_ISR_CONFIG);

	host.link_up = true;
	eventfd_write(host.link_events, 1);
	wait_for_link(m, true);
	assert_alive(m);
}

static void a_link_that_changed_during_a_reset_is_seen_after_it(void **state)
{
	struct machine *m = *state;

	start(m, ALL, 8);
	fake_write32(&m->g, VIRTIO_MMIO_STATUS, 0);
	host.link_up = false;
	assert_true(fake_handshake(&m->g, ALL, 8));
	assert_false(link_is_up(m));
}

/* Somebody deletes the interface: the link goes down, sending goes into the void, nobody spins. */
static void a_tap_that_is_deleted_is_a_link_down(void **state)
{
	struct machine *m = *state;
	uint8_t packet[64] = {0};
	struct fake_buf buf;
	unsigned int before;
	uint16_t head;
	uint32_t written;

	start(m, ALL, 8);
	close(m->wire);
	m->wire = -1;
	wait_for_link(m, false);
	buf = fake_out(&m->g, packet, sizeof(packet));
	fake_add(&m->g.vq[TX], &buf, 1);
	fake_kick(&m->g.vq[TX]);
	assert_true(fake_wait(&m->g.vq[TX], &head, &written));
	before = host.wakeups;
	for (int ms = 0; ms < 20; ms++)
		fake_nap();
	assert_true(host.wakeups - before < 5);
}

/* The same while the device waits for everything: buffers, and room on the wire. */
static void a_tap_that_is_deleted_is_noticed_in_any_state(void **state)
{
	const unsigned int packets = 100;
	struct machine *m = *state;
	uint8_t packet[1500] = {0};
	unsigned int before;
	int small = 1;

	assert_int_equal(setsockopt(m->tap.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	start(m, ALL, 128);
	send_made(m, 100, 1);
	for (unsigned int i = 0; i < packets; i++) {
		struct fake_buf buf = fake_out(&m->g, packet, sizeof(packet));

		fake_add(&m->g.vq[TX], &buf, 1);
	}
	fake_kick(&m->g.vq[TX]);
	for (int ms = 0; ms < 5; ms++)
		fake_nap();
	assert_true(fake_used(&m->g.vq[TX]) < packets);
	close(m->wire);
	m->wire = -1;
	wait_for_link(m, false);
	for (int ms = 0; ms < FAKE_WAIT_MS && fake_used(&m->g.vq[TX]) < packets; ms++)
		fake_nap();
	assert_int_equal(fake_used(&m->g.vq[TX]), packets);
	before = host.wakeups;
	for (int ms = 0; ms < 20; ms++)
		fake_nap();
	assert_true(host.wakeups - before < 5);
}

/* ---- resets ---- */

/* 2.4.1: what arrives after the reset waits for the next life. */
static void a_reset_stops_everything(void **state)
{
	struct machine *m = *state;
	struct rx_buffers rx;

	start(m, ALL, 8);
	assert_alive(m);
	add_rx(m, &rx, 4, 1526);
	fake_kick(&m->g.vq[RX]);
	fake_write32(&m->g, VIRTIO_MMIO_STATUS, 0);
	send_made(m, 100, 5);
	for (int ms = 0; ms < 5; ms++)
		fake_nap();
	assert_int_equal(fake_used(&m->g.vq[RX]), 0);
	assert_true(fake_handshake(&m->g, ALL, 8));
	add_rx(m, &rx, 1, 1526);
	fake_kick(&m->g.vq[RX]);
	assert_receives(m, &rx, 100, 5);
	assert_alive(m);
}

/* 3.1.1: a driver may be content with one of the queues. */
static void a_queue_that_was_not_set_up_is_left_alone(void **state)
{
	struct machine *m = *state;
	struct rx_buffers rx;
	uint8_t packet[64], got[64];
	struct fake_buf buf;
	unsigned int before;

	plug(m);
	fake_guest_run_io(&m->g);
	assert_true(fake_negotiate(&m->g, ALL));
	fake_vq_layout(&m->g.vq[TX], 8);
	fake_vq_set(&m->g.vq[TX]);
	assert_true(fake_vq_ready(&m->g.vq[TX]));
	fake_add_status(&m->g, VIRTIO_STATUS_DRIVER_OK);
	send_made(m, 100, 1);
	make_packet(packet, sizeof(packet), 2);
	buf = fake_out(&m->g, packet, sizeof(packet));
	fake_add(&m->g.vq[TX], &buf, 1);
	fake_kick(&m->g.vq[TX]);
	fake_write32(&m->g, VIRTIO_MMIO_QUEUE_NOTIFY, RX);
	assert_int_equal(wire_receive(m, got, sizeof(got)), sizeof(got));
	assert_memory_equal(got, packet, sizeof(got));
	before = host.wakeups;
	for (int ms = 0; ms < 20; ms++)
		fake_nap();
	assert_true(host.wakeups - before < 5);

	/* What came meanwhile is still there. */
	assert_true(fake_handshake(&m->g, ALL, 8));
	add_rx(m, &rx, 1, 1526);
	fake_kick(&m->g.vq[RX]);
	assert_receives(m, &rx, 100, 1);
}

#define net_test(f) cmocka_unit_test_setup_teardown(f, create, destroy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(config_has_the_address_and_the_link),
		net_test(offers_the_offloads_of_the_tap),
		net_test(tells_the_tap_what_the_driver_accepted),
		net_test(sends_packets_however_they_are_cut),
		net_test(one_kick_sends_all_that_is_there),
		net_test(a_full_wire_is_waited_for),
		net_test(a_packet_that_is_refused_is_dropped),
		net_test(a_packet_shorter_than_its_header_is_a_fault),
		net_test(a_packet_fills_as_many_buffers_as_it_needs),
		net_test(a_receive_buffer_may_be_cut),
		net_test(without_merging_a_packet_has_one_buffer),
		net_test(a_packet_larger_than_the_whole_ring_is_dropped),
		net_test(packets_wait_for_buffers),
		net_test(a_packet_waits_for_the_last_of_its_buffers),
		net_test(buffers_in_stock_need_no_notification),
		net_test(headers_keep_to_what_was_negotiated),
		net_test(what_is_shorter_than_a_header_is_dropped),
		net_test(a_receive_buffer_too_small_for_the_header_is_a_fault),
		net_test(the_link_follows_the_interface),
		net_test(a_link_that_changed_during_a_reset_is_seen_after_it),
		net_test(a_tap_that_is_deleted_is_a_link_down),
		net_test(a_tap_that_is_deleted_is_noticed_in_any_state),
		net_test(a_reset_stops_everything),
		net_test(a_queue_that_was_not_set_up_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
