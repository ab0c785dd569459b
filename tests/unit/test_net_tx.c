/* SPDX-License-Identifier: MIT */
/* How virtio-net transmits (virtio 1.2, 5.1.6.2): cuts, waiting, headers, what is dropped. */
#include "tests/unit/net_fixture.h"

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
	for (unsigned int i = 0; i < 2 * NR_OF(piece); i++) {
		unsigned int nr;

		make_packet(packet, sizeof(packet), i);
		packet[0] = VIRTIO_NET_HDR_F_NEEDS_CSUM; /* the header passes through as well */
		packet[6] = 34;				 /* csum_start */
		packet[8] = 16;				 /* csum_offset */
		nr = fake_cut(fake_out(&m->g, packet, sizeof(packet)), piece[i / 2], part,
			      NR_OF(part));
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

/*
 * What the host does not take is lost as on a wire: the buffer comes back, the next one goes out.
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
	for (size_t i = 0; i < NR_OF(len); i++) {
		/*
		 * The first two are longer than any packet, to the last the socket says EMSGSIZE.
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

/* 5.1.6.2.2; what a header may say is in test_net_header.c. */
static void headers_are_judged_before_the_host_sees_them(void **state)
{
	static const struct {
		uint64_t features;
		uint8_t header[10];
		int flags_seen; /* -1: the host does not see it */
	} cases[] = {
		{0, {0}, 0},
		{0, {0xfe}, 0},
		{0, {1, 0, 0, 0, 0, 0, 34, 0, 16, 0}, -1},
		{FEATURE(VIRTIO_NET_F_CSUM), {0xff, 0, 0, 0, 0, 0, 34, 0, 16, 0}, 1},
		{ALL, {1, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}, -1},
		{ALL, {1, VIRTIO_NET_HDR_GSO_UDP, 0, 0, 0, 1, 34, 0, 16, 0}, -1},
		{ALL, {1, VIRTIO_NET_HDR_GSO_TCPV4, 0, 0, 0, 0, 34, 0, 16, 0}, -1},
		{ALL, {1, VIRTIO_NET_HDR_GSO_TCPV4, 0, 0, 0, 1, 34, 0, 16, 0}, 1},
	};
	struct machine *m = *state;
	uint8_t packet[112], got[112];
	struct fake_buf part[112];
	uint16_t head;
	uint32_t written;

	start(m, ALL, 128);
	for (unsigned int i = 0; i < NR_OF(cases); i++) {
		assert_true(fake_handshake(&m->g, FEATURE(VIRTIO_F_VERSION_1) | cases[i].features,
					   128));
		for (unsigned int last = 0; last < 2; last++) {
			make_packet(packet, sizeof(packet), i);
			if (!last)
				memcpy(packet, cases[i].header, sizeof(cases[i].header));
			fake_add(&m->g.vq[TX], part,
				 fake_cut(fake_out(&m->g, packet, sizeof(packet)), last ? 5 : 200,
					  part, NR_OF(part)));
			fake_kick(&m->g.vq[TX]);
			assert_true(fake_wait(&m->g.vq[TX], &head, &written));
			assert_int_equal(written, 0);
			if (!last && cases[i].flags_seen < 0)
				continue;
			assert_int_equal(wire_receive(m, got, sizeof(got)), sizeof(got));
			assert_int_equal(got[0], last ? 0 : cases[i].flags_seen);
			assert_memory_equal(got + HEADER, packet + HEADER, sizeof(got) - HEADER);
		}
	}
}

/* 5.1.4.2: frames longer than the MTU that was negotiated are lost, in both directions. */
static void frames_longer_than_the_mtu_are_dropped(void **state)
{
	static const size_t len[] = {HEADER + 1518, HEADER + 1519, HEADER + 60};
	struct machine *m = *state;
	struct rx_buffers rx;
	uint8_t packet[2000], got[2000];
	uint16_t head;
	uint32_t written;

	m->tap.mtu = 1500;
	start(m, ALL, 16);
	add_rx(m, &rx, 3, sizeof(packet));
	fake_kick(&m->g.vq[RX]);
	for (unsigned int i = 0; i < NR_OF(len); i++) {
		struct fake_buf buf;

		send_made(m, len[i], i);
		make_packet(packet, len[i], 10 + i);
		buf = fake_out(&m->g, packet, (uint32_t)len[i]);
		fake_add(&m->g.vq[TX], &buf, 1);
		fake_kick(&m->g.vq[TX]);
		assert_true(fake_wait(&m->g.vq[TX], &head, &written));
		if (i == 1)
			continue;
		assert_int_equal(wire_receive(m, got, sizeof(got)), len[i]);
		assert_memory_equal(got + HEADER, packet + HEADER, len[i] - HEADER);
		assert_receives(m, &rx, len[i], i);
	}
}

/* 5.1.6.2: the header comes first; a packet without one is none. */
static void a_packet_shorter_than_its_header_is_a_fault(void **state)
{
	static const uint32_t len[] = {0, 1, 11};
	struct machine *m = *state;
	uint8_t packet[HEADER] = {0};

	start(m, ALL, 8);
	for (size_t i = 0; i < NR_OF(len); i++) {
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

/* How many frames of `len` bytes the wire takes before it is full. */
static unsigned int capacity(struct machine *m, size_t len)
{
	uint8_t packet[1500] = {0};
	unsigned int nr = 0;

	while (send(m->tap.fd, packet, len, MSG_DONTWAIT) >= 0)
		nr++;
	while (recv(m->wire, packet, sizeof(packet), 0) >= 0)
		;
	return nr;
}

static void add_made(struct machine *m, size_t len, unsigned int nr)
{
	uint8_t packet[1500];

	for (unsigned int i = 0; i < nr; i++) {
		struct fake_buf buf;

		make_packet(packet, len, i);
		buf = fake_out(&m->g, packet, (uint32_t)len);
		fake_add(&m->g.vq[TX], &buf, 1);
	}
	fake_kick(&m->g.vq[TX]);
}

static void assert_wire_has_made(struct machine *m, size_t len, unsigned int nr)
{
	uint8_t packet[1500], got[1500];

	for (unsigned int i = 0; i < nr; i++) {
		make_packet(packet, len, i);
		assert_int_equal(wire_receive(m, got, sizeof(got)), len);
		assert_memory_equal(got, packet, len);
	}
}

/* A round is 64 packets; a wire that is full in the second one is waited for like any other. */
static void a_wire_that_is_full_in_a_later_round_is_waited_for(void **state)
{
	struct machine *m = *state;
	unsigned int room = 0;

	for (int bytes = 1 << 12; room <= 64 && bytes < 1 << 20; bytes += 1 << 12) {
		assert_int_equal(
			setsockopt(m->tap.fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)), 0);
		room = capacity(m, 100);
	}
	assert_in_range(room, 65, 128);
	start(m, ALL, 256);
	add_made(m, 100, 200);
	assert_wire_has_made(m, 100, 200);
	assert_alive(m);
}

/* What the device waited for in its last life is not what it waits for now. */
static void a_driver_that_only_sends_is_served_after_one_that_does_both(void **state)
{
	struct machine *m = *state;
	int small = 1;

	assert_int_equal(setsockopt(m->tap.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	start(m, ALL, 256);
	assert_alive(m);
	assert_true(fake_negotiate(&m->g, ALL));
	fake_vq_layout(&m->g.vq[TX], 256);
	fake_vq_set(&m->g.vq[TX]);
	assert_true(fake_vq_ready(&m->g.vq[TX]));
	fake_add_status(&m->g, VIRTIO_STATUS_DRIVER_OK);
	add_made(m, 1500, 200);
	assert_wire_has_made(m, 1500, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(sends_packets_however_they_are_cut),
		net_test(one_kick_sends_all_that_is_there),
		net_test(a_full_wire_is_waited_for),
		net_test(a_wire_that_is_full_in_a_later_round_is_waited_for),
		net_test(a_driver_that_only_sends_is_served_after_one_that_does_both),
		net_test(a_packet_that_is_refused_is_dropped),
		net_test(headers_are_judged_before_the_host_sees_them),
		net_test(frames_longer_than_the_mtu_are_dropped),
		net_test(a_packet_shorter_than_its_header_is_a_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
