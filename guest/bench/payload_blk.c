/* SPDX-License-Identifier: MIT */
/* Block requests by virtio-blk (virtio 1.2, 5.2), polled from ring 3. */
#include "guest/bench/blk_io.h"
#include "guest/payload/lib/cpu.h"

#define F_READ_ONLY (1ull << 5)
#define F_FLUSH	    (1ull << 9)

#define TYPE_READ  0u
#define TYPE_WRITE 1u
#define TYPE_FLUSH 4u
#define STATUS_OK  0u

#define DESCS_EACH 3u /* header, data, status */
#define QUEUE_SIZE 256u

/* 5.2.6 */
struct header {
	uint32_t type, reserved;
	uint64_t sector;
	uint8_t status;
} __attribute__((aligned(32)));

#define HEADER_BYTES 16u /* of it the device reads */

static const char *open_disk(struct blk_io *io, const struct options *options)
{
	struct env *env = io->env;
	const char *reason;
	const struct payload_slot *slot = virtio_find(env, VIRTIO_BLK, &reason);
	uint64_t agreed;

	(void)options;
	if (!slot)
		return "no usable virtio-blk; use --disk FILE";
	reason = virtio_begin(slot, F_READ_ONLY | F_FLUSH, &agreed);
	if (!reason)
		reason = virtio_add_queue(env, slot, 0, QUEUE_SIZE, false, &io->disk.queue);
	if (reason)
		return reason;
	if (io->depth * DESCS_EACH > io->disk.queue.size)
		return "the disk's queue is too short for this depth";
	io->disk.header =
		env->ops->alloc(env, sizeof(struct header) * BLK_MAX_DEPTH, ENV_PAGES_2M, &reason);
	if (!io->disk.header)
		return reason;
	io->size = ((uint64_t)mmio_read32(slot->base + VIRTIO_CONFIG + 4) << 32 |
		    mmio_read32(slot->base + VIRTIO_CONFIG)) *
		   BLK_SECTOR;
	io->read_only = agreed & F_READ_ONLY;
	io->disk.has_flush = agreed & F_FLUSH;
	virtio_end(slot);
	return NULL;
}

static void queue_chain(struct blk_io *io, unsigned int slot, uint32_t type, uint64_t offset,
			void *data, uint32_t len)
{
	struct virtio_queue *queue = &io->disk.queue;
	struct header *header = (struct header *)io->disk.header + slot;
	uint16_t head = (uint16_t)(slot * DESCS_EACH);
	struct virtq_desc *desc = &queue->desc[head];

	header->type = type;
	header->sector = offset / BLK_SECTOR;
	header->status = 0xff;
	desc[0] = (struct virtq_desc){.addr = (uintptr_t)header,
				      .len = HEADER_BYTES,
				      .flags = VIRTQ_DESC_NEXT,
				      .next = (uint16_t)(len ? head + 1 : head + 2)};
	desc[1] = (struct virtq_desc){
		.addr = (uintptr_t)data,
		.len = len,
		.flags = (uint16_t)(VIRTQ_DESC_NEXT | (type == TYPE_READ ? VIRTQ_DESC_WRITE : 0)),
		.next = (uint16_t)(head + 2)};
	desc[2] = (struct virtq_desc){
		.addr = (uintptr_t)&header->status, .len = 1, .flags = VIRTQ_DESC_WRITE};
	virtio_publish(queue, head);
}

static void queue(struct blk_io *io, unsigned int slot, bool is_write, uint64_t offset, void *data,
		  uint32_t len)
{
	queue_chain(io, slot, is_write ? TYPE_WRITE : TYPE_READ, offset, data, len);
	io->queued++;
}

static bool push(struct blk_io *io)
{
	if (io->queued > 0)
		virtio_kick(&io->disk.queue);
	io->queued = 0;
	return true;
}

static int wait(struct blk_io *io, unsigned int slots[BLK_MAX_DEPTH])
{
	const struct header *headers = io->disk.header;
	uint16_t head;
	uint32_t len;
	int nr = 0;

	while (!virtio_reap(&io->disk.queue, &head, &len))
		env_pause();
	do {
		slots[nr] = head / DESCS_EACH;
		if (*(const volatile uint8_t *)&headers[slots[nr]].status != STATUS_OK)
			return -1;
		nr++;
	} while (nr < BLK_MAX_DEPTH && virtio_reap(&io->disk.queue, &head, &len));
	return nr;
}

/* Only while no other request is under way. */
static const char *flush(struct blk_io *io)
{
	unsigned int slots[BLK_MAX_DEPTH];

	if (!io->disk.has_flush)
		return "the disk offers no flush";
	queue_chain(io, 0, TYPE_FLUSH, 0, NULL, 0);
	virtio_kick(&io->disk.queue);
	return wait(io, slots) == 1 ? NULL : "the disk's flush failed";
}

static void close_disk(struct blk_io *io)
{
	virtio_reset(io->disk.queue.slot);
}

const struct blk_ops payload_blk_ops = {
	.open = open_disk,
	.queue = queue,
	.push = push,
	.wait = wait,
	.flush = flush,
	.close = close_disk,
};
