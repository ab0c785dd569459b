/* SPDX-License-Identifier: MIT */
/*
 * The driver's side of virtio-mmio (virtio 1.2, 4.2) with split rings (2.7), polled: as much as a
 * payload needs, one request at a time.
 */
#ifndef PAYLOAD_VIRTIO_H
#define PAYLOAD_VIRTIO_H

#include "guest/payload/lib/devtree.h"

/* Registers (virtio 1.2, 4.2.2). */
#define VIRTIO_MAGIC		0x000
#define VIRTIO_VERSION		0x004
#define VIRTIO_DEVICE_ID	0x008
#define VIRTIO_FEATURES		0x010
#define VIRTIO_FEATURES_SEL	0x014
#define VIRTIO_DRIVER_FEATURES	0x020
#define VIRTIO_DRIVER_SEL	0x024
#define VIRTIO_QUEUE_SEL	0x030
#define VIRTIO_QUEUE_MAX	0x034
#define VIRTIO_QUEUE_SIZE	0x038
#define VIRTIO_QUEUE_READY	0x044
#define VIRTIO_NOTIFY		0x050
#define VIRTIO_INTERRUPT_STATUS 0x060
#define VIRTIO_INTERRUPT_ACK	0x064
#define VIRTIO_STATUS		0x070
#define VIRTIO_QUEUE_DESC	0x080
#define VIRTIO_QUEUE_DRIVER	0x090
#define VIRTIO_QUEUE_DEVICE	0x0a0
#define VIRTIO_CONFIG		0x100

/* Device status (2.1). */
#define VIRTIO_ACKNOWLEDGE 1
#define VIRTIO_DRIVER	   2
#define VIRTIO_DRIVER_OK   4
#define VIRTIO_FEATURES_OK 8

/* Device types (5). */
#define VIRTIO_NET 1
#define VIRTIO_BLK 2
#define VIRTIO_RNG 4

#define VIRTIO_F_VERSION_1 (1ull << 32)

#define VIRTQ_SIZE	 8
#define VIRTQ_DESC_NEXT	 1
#define VIRTQ_DESC_WRITE 2

struct virtq {
	struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next;
	} desc[VIRTQ_SIZE];
	struct {
		uint16_t flags, idx, ring[VIRTQ_SIZE];
	} avail;
	struct {
		uint16_t flags, idx;
		struct {
			uint32_t id, len;
		} ring[VIRTQ_SIZE];
	} used __attribute__((aligned(4)));
	uint64_t base; /* of the device's registers */
	uint32_t index;
	uint16_t seen; /* used.idx as far as it was consumed */
} __attribute__((aligned(16)));

/* One piece of a request. */
struct virtio_buffer {
	const void *at;
	uint32_t len;
	bool device_writes;
};

/* The registers of the `nth` device of this type, from the device tree; 0 if there is none. */
static inline uint64_t virtio_find(const void *fdt, uint32_t device_id, unsigned int nth)
{
	struct devtree tree;

	for (unsigned int i = 0; devtree_find(&tree, fdt, "virtio", "reg", i); i++) {
		uint64_t base = be64(tree.value); /* two address cells */

		EXPECT_EQUAL(mmio_read32(base + VIRTIO_MAGIC), 0x74726976);
		EXPECT_EQUAL(mmio_read32(base + VIRTIO_VERSION), 2);
		if (mmio_read32(base + VIRTIO_DEVICE_ID) == device_id && nth-- == 0)
			return base;
	}
	return 0;
}

static inline uint64_t virtio_offered(uint64_t base)
{
	uint64_t low;

	mmio_write32(base + VIRTIO_FEATURES_SEL, 0);
	low = mmio_read32(base + VIRTIO_FEATURES);
	mmio_write32(base + VIRTIO_FEATURES_SEL, 1);
	return (uint64_t)mmio_read32(base + VIRTIO_FEATURES) << 32 | low;
}

/* Reset and negotiation, 3.1.1 steps 1 to 6; queues and DRIVER_OK are the caller's. */
static inline void virtio_negotiate(uint64_t base, uint64_t features)
{
	features |= VIRTIO_F_VERSION_1;
	mmio_write32(base + VIRTIO_STATUS, 0);
	while (mmio_read32(base + VIRTIO_STATUS) != 0)
		pause();
	mmio_write32(base + VIRTIO_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	EXPECT_EQUAL(virtio_offered(base) & features, features);
	mmio_write32(base + VIRTIO_DRIVER_SEL, 0);
	mmio_write32(base + VIRTIO_DRIVER_FEATURES, (uint32_t)features);
	mmio_write32(base + VIRTIO_DRIVER_SEL, 1);
	mmio_write32(base + VIRTIO_DRIVER_FEATURES, (uint32_t)(features >> 32));
	mmio_write32(base + VIRTIO_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
	EXPECT(mmio_read32(base + VIRTIO_STATUS) & VIRTIO_FEATURES_OK);
}

static inline void virtio_write_address(uint64_t reg, const volatile void *at)
{
	mmio_write32(reg, (uint32_t)(uintptr_t)at);
	mmio_write32(reg + 4, (uint32_t)((uintptr_t)at >> 32));
}

/* 4.2.3.2 */
static inline void virtio_add_queue(uint64_t base, uint32_t index, struct virtq *queue)
{
	queue->base = base;
	queue->index = index;
	queue->seen = queue->used.idx = queue->avail.idx = 0;
	mmio_write32(base + VIRTIO_QUEUE_SEL, index);
	EXPECT_EQUAL(mmio_read32(base + VIRTIO_QUEUE_READY), 0);
	EXPECT(mmio_read32(base + VIRTIO_QUEUE_MAX) >= VIRTQ_SIZE);
	mmio_write32(base + VIRTIO_QUEUE_SIZE, VIRTQ_SIZE);
	virtio_write_address(base + VIRTIO_QUEUE_DESC, queue->desc);
	virtio_write_address(base + VIRTIO_QUEUE_DRIVER, &queue->avail);
	virtio_write_address(base + VIRTIO_QUEUE_DEVICE, &queue->used);
	mmio_write32(base + VIRTIO_QUEUE_READY, 1);
}

static inline void virtio_driver_ok(uint64_t base)
{
	mmio_write32(base + VIRTIO_STATUS,
		     VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
}

/* Makes one chain of the buffers available and tells the device (2.7.13). */
static inline void virtq_post(struct virtq *queue, const struct virtio_buffer *buffer,
			      unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		queue->desc[i].addr = (uintptr_t)buffer[i].at;
		queue->desc[i].len = buffer[i].len;
		queue->desc[i].flags = (uint16_t)((buffer[i].device_writes ? VIRTQ_DESC_WRITE : 0) |
						  (i + 1 < nr ? VIRTQ_DESC_NEXT : 0));
		queue->desc[i].next = (uint16_t)(i + 1);
	}
	queue->avail.ring[queue->avail.idx % VIRTQ_SIZE] = 0;
	__atomic_store_n(&queue->avail.idx, (uint16_t)(queue->avail.idx + 1), __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	mmio_write32(queue->base + VIRTIO_NOTIFY, queue->index);
}

static inline bool virtq_done(const struct virtq *queue)
{
	return __atomic_load_n(&queue->used.idx, __ATOMIC_ACQUIRE) != queue->seen;
}

/* Consumes the completion that is there; returns how many bytes the device wrote. */
static inline uint32_t virtq_consume(struct virtq *queue)
{
	uint32_t len = queue->used.ring[queue->seen % VIRTQ_SIZE].len;

	EXPECT_EQUAL(queue->used.ring[queue->seen % VIRTQ_SIZE].id, 0);
	queue->seen++;
	return len;
}

/* A whole request, waited for. */
static inline uint32_t virtq_request(struct virtq *queue, const struct virtio_buffer *buffer,
				     unsigned int nr)
{
	virtq_post(queue, buffer, nr);
	while (!virtq_done(queue))
		pause();
	return virtq_consume(queue);
}

#endif
