/* SPDX-License-Identifier: MIT */
/*
 * For tests of virtio-net: in place of the TAP is one end of a socket pair that keeps packets
 * apart; the test holds the other end, the wire. The functions of tap.c are replaced by ones that
 * remember what they were asked, and epoll_wait(2) by one that counts.
 */
#ifndef TESTS_UNIT_NET_FIXTURE_H
#define TESTS_UNIT_NET_FIXTURE_H

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/fake_driver.h"
#include "virtio/net.h"
#include "vmm/core/array.h"

#define ALL	     (~0ull)
#define FEATURE(bit) (1ull << (bit))
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
	bool clock_stands;   /* instead of a second passing at each look at the monotonic clock */
	_Atomic time_t second;
} host;

int tap_set_offloads(struct tap *tap, uint32_t offloads)
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

void tap_link_events_drain(const struct tap *tap)
{
	eventfd_t count;

	(void)!eventfd_read(tap->link_events, &count);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	if (clock != CLOCK_MONOTONIC)
		return (int)syscall(SYS_clock_gettime, clock, now);
	*now = (struct timespec){.tv_sec = host.second};
	if (!host.clock_stands)
		host.second++;
	return 0;
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

static inline int create(void **state)
{
	struct machine *m = calloc(1, sizeof(*m));
	int large = 1 << 20;
	int fd[2];

	assert_non_null(m);
	memset(&host, 0, sizeof(host));
	host.link_up = true;
	host.link_events = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(host.link_events >= 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd),
			 0);
	assert_int_equal(setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &large, sizeof(large)), 0);
	assert_int_equal(setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &large, sizeof(large)), 0);
	m->tap = (struct tap){
		.fd = fd[0],
		.ifname = "tap-test",
		.mac = {0x52, 0x54, 0, 1, 2, 3},
		.link_events = host.link_events,
		.offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN,
	};
	m->wire = fd[1];
	*state = m;
	return 0;
}

static inline int destroy(void **state)
{
	struct machine *m = *state;

	if (m->plugged)
		fake_guest_fini(&m->g);
	close(m->tap.fd);
	close(m->tap.link_events);
	if (m->wire >= 0)
		close(m->wire);
	free(m);
	return 0;
}

static inline void plug(struct machine *m)
{
	struct vdev *vdev = NULL;

	fake_guest_init(&m->g);
	assert_int_equal(net_create(&m->g.env, &m->tap, &vdev), 0);
	fake_guest_plug(&m->g, vdev);
	m->plugged = true;
}

static inline void start(struct machine *m, uint64_t features, uint16_t queue_size)
{
	plug(m);
	assert_true(fake_handshake(&m->g, features, queue_size));
	fake_guest_run_io(&m->g);
}

/* A packet whose content depends on `seed`, behind an empty header; `len` has both. */
static inline void make_packet(uint8_t *packet, size_t len, unsigned int seed)
{
	memset(packet, 0, len < HEADER ? len : HEADER);
	for (size_t i = HEADER; i < len; i++)
		packet[i] = (uint8_t)(seed * 31 + i * 7 + (i >> 8));
}

static inline void wire_send(struct machine *m, const void *packet, size_t len)
{
	assert_int_equal(send(m->wire, packet, len, 0), len);
}

/* The next packet that the device sent; waits for it. */
static inline size_t wire_receive(struct machine *m, void *packet, size_t max)
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
static inline bool kick_if_wanted(struct fake_vq *vq, uint16_t added)
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

static inline void add_rx(struct machine *m, struct rx_buffers *rx, unsigned int nr, uint32_t len)
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
static inline size_t take_packet(struct machine *m, const struct rx_buffers *rx, uint8_t *packet,
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
static inline void assert_receives(struct machine *m, const struct rx_buffers *rx, size_t len,
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

static inline void send_made(struct machine *m, size_t len, unsigned int seed)
{
	uint8_t *packet = malloc(len);

	make_packet(packet, len, seed);
	wire_send(m, packet, len);
	free(packet);
}

/* The device still passes packets in both directions. */
static inline void assert_alive(struct machine *m)
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

#define net_test(f) cmocka_unit_test_setup_teardown(f, create, destroy)

#endif
