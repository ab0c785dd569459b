/* SPDX-License-Identifier: MIT */
/* virtio/net_header.h: what a virtio-net header may say (virtio 1.2, 5.1.6.2.1, 5.1.6.2.2). */
#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "virtio/net_header.h"
#include "vmm/core/array.h"

#define CSUM	(1ull << VIRTIO_NET_F_CSUM)
#define TSO4	(1ull << VIRTIO_NET_F_HOST_TSO4)
#define TSO6	(1ull << VIRTIO_NET_F_HOST_TSO6)
#define ECN	(1ull << VIRTIO_NET_F_HOST_ECN)
#define MTU	(1ull << VIRTIO_NET_F_MTU)
#define GUEST	(1ull << VIRTIO_NET_F_GUEST_CSUM | 1ull << VIRTIO_NET_F_GUEST_TSO4)
#define NOTHING 0ull
#define ALL	UINT64_MAX

#define NEEDS	VIRTIO_NET_HDR_F_NEEDS_CSUM
#define TCPV4	VIRTIO_NET_HDR_GSO_TCPV4
#define TCPV6	VIRTIO_NET_HDR_GSO_TCPV6
#define UFO	VIRTIO_NET_HDR_GSO_UDP
#define USO	5 /* VIRTIO_NET_HDR_GSO_UDP_L4 */
#define ECN_BIT VIRTIO_NET_HDR_GSO_ECN

/* A header in the host's byte order; the count of buffers is always nonsense before. */
struct fields {
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset;
};

static struct virtio_net_hdr_v1 make(const struct fields *f)
{
	return (struct virtio_net_hdr_v1){
		.flags = f->flags,
		.gso_type = f->gso_type,
		.hdr_len = htole16(f->hdr_len),
		.gso_size = htole16(f->gso_size),
		.csum_start = htole16(f->csum_start),
		.csum_offset = htole16(f->csum_offset),
		.num_buffers = 0xaaaa,
	};
}

static void assert_header(const struct virtio_net_hdr_v1 *header, const struct fields *want)
{
	assert_int_equal(header->flags, want->flags);
	assert_int_equal(header->gso_type, want->gso_type);
	assert_int_equal(le16toh(header->hdr_len), want->hdr_len);
	assert_int_equal(le16toh(header->gso_size), want->gso_size);
	assert_int_equal(le16toh(header->csum_start), want->csum_start);
	assert_int_equal(le16toh(header->csum_offset), want->csum_offset);
	assert_int_equal(header->num_buffers, 0);
}

/* What is sent on, and with which header. */
static void a_header_that_is_sent_says_what_was_agreed(void **state)
{
	static const struct {
		const char *rule;
		uint64_t features;
		size_t frame_len;
		struct fields before, after;
	} cases[] = {
		{"a whole packet", NOTHING, 60, {0}, {0}},
		{"an Ethernet header and nothing else", ALL, 14, {0}, {0}},
		{"unknown flags are ignored", NOTHING, 60, {0xfe, 0, 0, 0, 0, 0}, {0}},
		{"unknown flags are ignored, the known one is kept",
		 ALL,
		 60,
		 {0xff, 0, 0, 0, 34, 16},
		 {NEEDS, 0, 0, 0, 34, 16}},
		{"without NEEDS_CSUM the place of the checksum means nothing",
		 ALL,
		 60,
		 {0, 0, 0, 0, 0xffff, 0xffff},
		 {0}},
		{"without segments their size means nothing",
		 ALL,
		 60,
		 {0, 0, 0xffff, 0xffff, 0, 0},
		 {0}},
		{"a checksum", CSUM, 60, {NEEDS, 0, 54, 0, 34, 16}, {NEEDS, 0, 0, 0, 34, 16}},
		{"a checksum right behind the link's header",
		 CSUM,
		 60,
		 {NEEDS, 0, 0, 0, 14, 0},
		 {NEEDS, 0, 0, 0, 14, 0}},
		{"a checksum in the last two bytes",
		 CSUM,
		 60,
		 {NEEDS, 0, 0, 0, 42, 16},
		 {NEEDS, 0, 0, 0, 42, 16}},
		{"TCPv4 segments",
		 CSUM | TSO4,
		 5000,
		 {NEEDS, TCPV4, 66, 1448, 34, 16},
		 {NEEDS, TCPV4, 66, 1448, 34, 16}},
		{"TCPv6 segments",
		 CSUM | TSO6,
		 5000,
		 {NEEDS, TCPV6, 86, 1428, 54, 16},
		 {NEEDS, TCPV6, 86, 1428, 54, 16}},
		{"segments with ECN",
		 CSUM | TSO4 | ECN,
		 5000,
		 {NEEDS, TCPV4 | ECN_BIT, 66, 1448, 34, 16},
		 {NEEDS, TCPV4 | ECN_BIT, 66, 1448, 34, 16}},
		{"segments ignore unknown flags too",
		 ALL,
		 5000,
		 {0xff, TCPV4, 66, 1448, 34, 16},
		 {NEEDS, TCPV4, 66, 1448, 34, 16}},
		{"a length of headers that is a lie",
		 CSUM | TSO4,
		 5000,
		 {NEEDS, TCPV4, 0xffff, 1448, 34, 16},
		 {NEEDS, TCPV4, 5000, 1448, 34, 16}},
		{"a length of headers that is the frame",
		 CSUM | TSO4,
		 5000,
		 {NEEDS, TCPV4, 5000, 1448, 34, 16},
		 {NEEDS, TCPV4, 5000, 1448, 34, 16}},
		{"segments larger than the packet",
		 CSUM | TSO4,
		 60,
		 {NEEDS, TCPV4, 54, 0xffff, 34, 16},
		 {NEEDS, TCPV4, 54, 0xffff, 34, 16}},
		{"a TCP header and not a byte more",
		 CSUM | TSO4,
		 54,
		 {NEEDS, TCPV4, 54, 1, 34, 16},
		 {NEEDS, TCPV4, 54, 1, 34, 16}},
		{"5.1.4: a packet of the MTU", MTU, 1500 + 14, {0}, {0}},
		{"5.1.4: and with a VLAN's tag", MTU, 1500 + 18, {0}, {0}},
		{"5.1.4: the MTU was not negotiated", ALL & ~MTU, 9014, {0}, {0}},
		{"5.1.4: segments may be longer than the MTU",
		 ALL,
		 65000,
		 {NEEDS, TCPV4, 54, 1448, 34, 16},
		 {NEEDS, TCPV4, 54, 1448, 34, 16}},
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct net_terms terms = {.features = cases[i].features, .mtu = 1500};
		struct virtio_net_hdr_v1 header = make(&cases[i].before);

		print_message("%s\n", cases[i].rule);
		assert_true(net_header_admit_sent(&terms, &header, cases[i].frame_len));
		assert_header(&header, &cases[i].after);
	}
}

/* What does not reach the host. */
static void a_header_that_breaks_the_agreement_is_not_sent(void **state)
{
	static const struct {
		const char *rule;
		uint64_t features;
		size_t frame_len;
		struct fields header;
	} cases[] = {
		{"no frame", ALL, 0, {0}},
		{"less than an Ethernet header", ALL, 13, {0}},
		{"5.1.6.2.1: a checksum without CSUM", ALL & ~CSUM, 60, {NEEDS, 0, 0, 0, 34, 16}},
		{"the driver's features, not the other direction's",
		 GUEST,
		 60,
		 {NEEDS, 0, 0, 0, 34, 16}},
		{"all flags without CSUM", NOTHING, 60, {0xff, 0, 0, 0, 34, 16}},
		{"a checksum from before the frame's payload", ALL, 60, {NEEDS, 0, 0, 0, 13, 16}},
		{"a checksum of everything", ALL, 60, {NEEDS, 0, 0, 0, 0, 0}},
		{"a checksum half behind the frame", ALL, 60, {NEEDS, 0, 0, 0, 43, 16}},
		{"a checksum behind the frame", ALL, 60, {NEEDS, 0, 0, 0, 34, 26}},
		{"a checksum that starts at the frame's end", ALL, 60, {NEEDS, 0, 0, 0, 60, 0}},
		{"a checksum that starts behind the frame", ALL, 60, {NEEDS, 0, 0, 0, 61, 0}},
		{"a checksum at the end of the world", ALL, 60, {NEEDS, 0, 0, 0, 0xffff, 0xffff}},
		{"offsets that add up to 0 in 16 bits", ALL, 60, {NEEDS, 0, 0, 0, 34, 0xffde}},
		{"5.1.6.2.1: TCPv4 without HOST_TSO4",
		 ALL & ~TSO4,
		 5000,
		 {NEEDS, TCPV4, 66, 1448, 34, 16}},
		{"5.1.6.2.1: TCPv6 without HOST_TSO6",
		 ALL & ~TSO6,
		 5000,
		 {NEEDS, TCPV6, 86, 1428, 54, 16}},
		{"5.1.6.2.1: UDP fragments, never offered",
		 ALL,
		 5000,
		 {NEEDS, UFO, 42, 1472, 34, 6}},
		{"5.1.6.2.1: UDP segments, never offered",
		 ALL,
		 5000,
		 {NEEDS, USO, 42, 1472, 34, 6}},
		{"the same as if it were TCP", ALL, 5000, {NEEDS, USO, 66, 1448, 34, 16}},
		{"5.1.6.2.1: ECN without HOST_ECN",
		 ALL & ~ECN,
		 5000,
		 {NEEDS, TCPV4 | ECN_BIT, 66, 1448, 34, 16}},
		{"ECN of no segments", ALL, 60, {NEEDS, ECN_BIT, 0, 1448, 34, 16}},
		{"a type that does not exist", ALL, 5000, {NEEDS, 2, 66, 1448, 34, 16}},
		{"all types", ALL, 5000, {NEEDS, 0xff, 66, 1448, 34, 16}},
		{"5.1.6.2.1: segments without NEEDS_CSUM", ALL, 5000, {0, TCPV4, 66, 1448, 34, 16}},
		{"segments of no bytes", ALL, 5000, {NEEDS, TCPV4, 66, 0, 34, 16}},
		{"a checksum that is not TCP's", ALL, 5000, {NEEDS, TCPV4, 66, 1448, 34, 6}},
		{"half a TCP header", ALL, 53, {NEEDS, TCPV4, 53, 1, 34, 16}},
		{"5.1.4.2: longer than the MTU", MTU, 1500 + 19, {0}},
		{"5.1.4.2: longer than the MTU, with a checksum",
		 ALL,
		 9014,
		 {NEEDS, 0, 0, 0, 34, 16}},
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct net_terms terms = {.features = cases[i].features, .mtu = 1500};
		struct virtio_net_hdr_v1 header = make(&cases[i].header);

		print_message("%s\n", cases[i].rule);
		assert_false(net_header_admit_sent(&terms, &header, cases[i].frame_len));
	}
}

/* 5.1.4.1: what the host sends is no longer than the MTU that the driver has read. */
static void what_is_received_keeps_to_the_mtu(void **state)
{
	static const struct {
		uint64_t features;
		uint16_t mtu;
		size_t frame_len;
		uint8_t gso_type;
		bool admitted;
	} cases[] = {
		{MTU, 1500, 1514, 0, true},	      {MTU, 1500, 1518, 0, true},
		{MTU, 1500, 1519, 0, false},	      {NOTHING, 1500, 9014, 0, true},
		{MTU, 9000, 9018, 0, true},	      {MTU, 9000, 9019, 0, false},
		{MTU, 65535, 65535 + 18, 0, true},    {MTU | GUEST, 1500, 65000, TCPV4, true},
		{MTU | GUEST, 1500, 65000, 0, false}, {MTU, 1500, 0, 0, true},
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct net_terms terms = {.features = cases[i].features, .mtu = cases[i].mtu};
		struct virtio_net_hdr_v1 header = {.gso_type = cases[i].gso_type};

		assert_int_equal(net_header_admit_received(&terms, &header, cases[i].frame_len),
				 cases[i].admitted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_that_is_sent_says_what_was_agreed),
		cmocka_unit_test(a_header_that_breaks_the_agreement_is_not_sent),
		cmocka_unit_test(what_is_received_keeps_to_the_mtu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
