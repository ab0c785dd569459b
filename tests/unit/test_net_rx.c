/* SPDX-License-Identifier: MIT */
/* How virtio-net receives (virtio 1.2, 5.1.6.3, 5.1.6.4): buffers, merging, waiting, headers. */
#include "tests/unit/net_fixture.h"

/* 5.1.6.3.2, 5.1.6.4: any packet over buffers of any size; the header counts them. */
static void a_packet_fills_as_many_buffers_as_it_needs(void **state)
{
	static const size_t len[] = {HEADER + 1, HEADER + 60, 1514, 1526, 9000, LARGEST};
	static const uint32_t size[] = {HEADER, 13, 100, 1526, 4096, LARGEST, 100000};
	struct machine *m = *state;
	uint8_t *want = malloc(LARGEST), *got = malloc(LARGEST);
	unsigned int seed = 0;

	start(m, ALL, 256);
	for (size_t s = 0; s < NR_OF(size); s++) {
		struct rx_buffers rx;

		for (size_t l = 0; l < NR_OF(len); l++) {
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
	for (unsigned int i = 0; i < NR_OF(piece); i++) {
		struct fake_buf whole = fake_in(&m->g, 120);

		fake_add(&m->g.vq[RX], part, fake_cut(whole, piece[i], part, NR_OF(part)));
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

/* Packets wait for buffers where they are; nothing is lost, and no thread spins. */
static void packets_wait_for_buffers(void **state)
{
	static const uint64_t features[] = {ALL, ALL & ~FEATURE(VIRTIO_F_EVENT_IDX)};
	struct machine *m = *state;
	struct rx_buffers rx;
	unsigned int before;

	start(m, ALL, 16);
	for (size_t f = 0; f < NR_OF(features); f++) {
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
	for (size_t f = 0; f < NR_OF(features); f++) {
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
	for (size_t i = 0; i < NR_OF(cases); i++) {
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
	for (size_t i = 0; i < NR_OF(cases); i++) {
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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
