/* SPDX-License-Identifier: MIT */
/* What a virtio-net header may say (virtio 1.2, 5.1.4 and 5.1.6.2 to 5.1.6.4). */
#include "virtio/net_header.h"

#include <endian.h>
#include <linux/if_ether.h>

#define VLAN_TAG_BYTES	 4u
#define TCP_HEADER_BYTES 20u
#define TCP_CHECK_OFFSET 16u /* of the checksum in the TCP header */

/* The features of one direction. */
struct offload_bits {
	unsigned int csum, tso4, tso6, ecn;
};

static const struct offload_bits sent = {
	.csum = VIRTIO_NET_F_CSUM,
	.tso4 = VIRTIO_NET_F_HOST_TSO4,
	.tso6 = VIRTIO_NET_F_HOST_TSO6,
	.ecn = VIRTIO_NET_F_HOST_ECN,
};

static const struct offload_bits received = {
	.csum = VIRTIO_NET_F_GUEST_CSUM,
	.tso4 = VIRTIO_NET_F_GUEST_TSO4,
	.tso6 = VIRTIO_NET_F_GUEST_TSO6,
	.ecn = VIRTIO_NET_F_GUEST_ECN,
};

static bool has(const struct net_terms *terms, unsigned int bit)
{
	return (terms->features >> bit) & 1;
}

/* UDP fragmentation and segmentation are never offered. */
static bool is_known_gso(const struct net_terms *terms, const struct offload_bits *bits,
			 uint8_t gso_type)
{
	if ((gso_type & VIRTIO_NET_HDR_GSO_ECN) != 0 && !has(terms, bits->ecn))
		return false;
	switch (gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return has(terms, bits->tso4);
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return has(terms, bits->tso6);
	}
	return false;
}

/*
 * 5.1.4.1, 5.1.4.2: with VIRTIO_NET_F_MTU no packet that is not to be segmented is longer than the
 * MTU and the link's header, of which a VLAN's tag is a part.
 */
static bool fits_mtu(const struct net_terms *terms, size_t frame_len)
{
	return !has(terms, VIRTIO_NET_F_MTU) || frame_len <= terms->mtu + ETH_HLEN + VLAN_TAG_BYTES;
}

/* Does the checksum lie in the frame, behind the link's header? */
static bool is_sane_checksum(const struct virtio_net_hdr_v1 *header, size_t frame_len)
{
	uint16_t start = le16toh(header->csum_start);

	return start >= ETH_HLEN && start <= frame_len &&
	       frame_len - start >= le16toh(header->csum_offset) + sizeof(uint16_t);
}

/* Is there a TCP header where the checksum says, and a size to cut the rest to? */
static bool is_sane_segment(const struct virtio_net_hdr_v1 *header, size_t frame_len)
{
	return header->gso_size != 0 && le16toh(header->csum_offset) == TCP_CHECK_OFFSET &&
	       frame_len - le16toh(header->csum_start) >= TCP_HEADER_BYTES;
}

bool net_header_admit_sent(const struct net_terms *terms, struct virtio_net_hdr_v1 *header,
			   size_t frame_len)
{
	header->flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM; /* 5.1.6.2.2: the others are ignored */
	header->num_buffers = 0;		      /* 5.1.6.2.1 */
	if (frame_len < ETH_HLEN)
		return false;
	if (header->flags == 0) {
		header->csum_start = 0; /* 5.1.6.2.2: not to be used */
		header->csum_offset = 0;
	} else if (!has(terms, sent.csum) || !is_sane_checksum(header, frame_len)) {
		return false;
	}
	if (header->gso_type == VIRTIO_NET_HDR_GSO_NONE) {
		header->gso_size = 0;
		header->hdr_len = 0;
		return fits_mtu(terms, frame_len);
	}
	/* 5.1.6.2.1: segments need their checksums made. */
	if (header->flags == 0 || !is_known_gso(terms, &sent, header->gso_type) ||
	    !is_sane_segment(header, frame_len))
		return false;
	/* 5.1.6.2.2: a hint that must not be relied on. */
	if (le16toh(header->hdr_len) > frame_len)
		header->hdr_len = htole16((uint16_t)frame_len);
	return true;
}

bool net_header_admit_received(const struct net_terms *terms, struct virtio_net_hdr_v1 *header,
			       size_t frame_len)
{
	if (!has(terms, received.csum)) {
		if ((header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0)
			return false;
		header->flags = 0; /* 5.1.6.4.1 */
	}
	header->flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID;
	if (header->gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return fits_mtu(terms, frame_len);
	return is_known_gso(terms, &received, header->gso_type);
}
