/* SPDX-License-Identifier: MIT */
/*
 * virtio-net (virtio 1.2, section 5.1) as a driver sees it: what the device says about itself, the
 * link, and resets.
 */
#include "tests/unit/net_fixture.h"

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

	for (size_t i = 0; i < NR_OF(cases); i++) {
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
	for (size_t i = 0; i < NR_OF(cases); i++) {
		assert_true(
			fake_handshake(&m->g, FEATURE(VIRTIO_F_VERSION_1) | cases[i].features, 8));
		assert_int_equal(host.offloads, cases[i].offloads);
		/* The host announces each change, so a reset alone makes none. */
		fake_write32(&m->g, VIRTIO_MMIO_STATUS, 0);
		assert_int_equal(host.offloads, cases[i].offloads);
	}
}

/* 5.1.4: so that the guest's frames are as long as the host's network takes, and no longer. */
static void offers_the_mtu_of_the_tap(void **state)
{
	static const uint16_t mtu[] = {0, 68, 1500, 9000, 65535};
	struct machine *m = *state;

	for (size_t i = 0; i < NR_OF(mtu); i++) {
		uint16_t seen;

		m->tap.mtu = mtu[i];
		plug(m);
		assert_int_equal((fake_offered(&m->g) & FEATURE(VIRTIO_NET_F_MTU)) != 0,
				 mtu[i] != 0);
		bus_read(&m->g.mmio,
			 FAKE_SLOT + VIRTIO_MMIO_CONFIG + offsetof(struct virtio_net_config, mtu),
			 &seen, 2, 1);
		assert_int_equal(seen, mtu[i]);
		fake_guest_fini(&m->g);
		m->plugged = false;
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

/* Without its interface the link goes down, sending goes into the void, and no thread spins. */
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

/* Each start may make the kernel tell the whole host of a changed interface. */
static void a_driver_that_restarts_the_device_in_a_loop_is_held_back(void **state)
{
	const int at_once = 16; /* in a second: no driver that works needs more */
	struct machine *m = *state;
	struct log_output output;
	FILE *log = tmpfile();
	char said[512] = "";

	assert_non_null(log);
	log_output_open(&output, fileno(log));
	plug(m);
	host.clock_stands = true;
	for (int second = 0; second < 3; second++) {
		for (int i = 0; i < at_once; i++) {
			m->g.heap = FAKE_RAM_START;
			assert_true(fake_handshake(&m->g, ALL, 8));
		}
		m->g.log = (struct log){.level = LOG_WARN, .output = &output};
		for (int i = 0; i < 3; i++) {
			assert_false(fake_handshake(&m->g, ALL, 8));
			assert_true(fake_status(&m->g) & VIRTIO_STATUS_NEEDS_RESET);
		}
		m->g.log.output = NULL;
		host.second++;
	}
	log_output_close(&output);
	assert_true(pread(fileno(log), said, sizeof(said) - 1, 0) > 0);
	assert_non_null(strstr(said, "the driver restarts it more than 16 times in a second"));
	fclose(log);
	host.clock_stands = false;
	assert_true(fake_handshake(&m->g, ALL, 8));
	fake_guest_run_io(&m->g);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(config_has_the_address_and_the_link),
		net_test(offers_the_offloads_of_the_tap),
		net_test(tells_the_tap_what_the_driver_accepted),
		net_test(offers_the_mtu_of_the_tap),
		net_test(the_link_follows_the_interface),
		net_test(a_link_that_changed_during_a_reset_is_seen_after_it),
		net_test(a_tap_that_is_deleted_is_a_link_down),
		net_test(a_tap_that_is_deleted_is_noticed_in_any_state),
		net_test(a_reset_stops_everything),
		net_test(a_driver_that_restarts_the_device_in_a_loop_is_held_back),
		net_test(a_queue_that_was_not_set_up_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
