/* SPDX-License-Identifier: MIT */
/*
 * A hostile driver of virtio-blk (virtio 1.2, 5.2): 256 reads of 2 GiB in one doorbell, which is
 * one indirect table that every entry of the available ring names. Says "flood" and waits for the
 * end, which has to come from outside.
 */
#include "guest/payload/lib/virtio.h"

PAYLOAD(0);

#define QUEUE_SIZE    256
#define BUFFER_BYTES  (8u << 20)
#define BUFFERS	      254 /* 2,032 MiB */
#define DESC_INDIRECT 4

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

static struct desc table[BUFFERS + 2] __attribute__((aligned(16)));
static struct desc queue[QUEUE_SIZE] __attribute__((aligned(16)));
static struct {
	uint16_t flags, idx, ring[QUEUE_SIZE];
} avail;
static struct {
	uint16_t flags, idx;
	uint32_t ring[QUEUE_SIZE][2];
} used __attribute__((aligned(4)));

static void put(struct desc *desc, const volatile void *at, uint32_t len, uint16_t flags,
		uint16_t next)
{
	*desc = (struct desc){.addr = (uintptr_t)at, .len = len, .flags = flags, .next = next};
}

int payload_main(const void *fdt, unsigned long cpu)
{
	static uint8_t buffer[BUFFER_BYTES] __attribute__((aligned(4096)));
	static uint64_t header[2]; /* VIRTIO_BLK_T_IN from sector 0 */
	static uint8_t status;
	uint64_t base = virtio_find(fdt, VIRTIO_BLK, 0);

	(void)cpu;
	EXPECT(base != 0);
	put(&table[0], header, sizeof(header), VIRTQ_DESC_NEXT, 1);
	for (uint16_t i = 1; i <= BUFFERS; i++)
		put(&table[i], buffer, BUFFER_BYTES, VIRTQ_DESC_NEXT | VIRTQ_DESC_WRITE,
		    (uint16_t)(i + 1));
	put(&table[BUFFERS + 1], &status, 1, VIRTQ_DESC_WRITE, 0);
	put(&queue[0], table, sizeof(table), DESC_INDIRECT, 0); /* the ring is all zeroes */

	virtio_negotiate(base, 0);
	mmio_write32(base + VIRTIO_QUEUE_SEL, 0);
	mmio_write32(base + VIRTIO_QUEUE_SIZE, QUEUE_SIZE);
	virtio_write_address(base + VIRTIO_QUEUE_DESC, queue);
	virtio_write_address(base + VIRTIO_QUEUE_DRIVER, &avail);
	virtio_write_address(base + VIRTIO_QUEUE_DEVICE, &used);
	mmio_write32(base + VIRTIO_QUEUE_READY, 1);
	virtio_driver_ok(base);
	__atomic_store_n(&avail.idx, QUEUE_SIZE, __ATOMIC_RELEASE);
	mmio_write32(base + VIRTIO_NOTIFY, 0);
	print("flood\n");
	for (;;)
		pause();
}
