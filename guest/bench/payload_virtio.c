/* SPDX-License-Identifier: MIT */
#include "guest/bench/payload_virtio.h"

#include "guest/payload/lib/cpu.h"

/* Registers, 4.2.2. */
#define MAGIC		 0x000
#define VERSION		 0x004
#define DEVICE_ID	 0x008
#define FEATURES	 0x010
#define FEATURES_SEL	 0x014
#define DRIVER_FEATURES	 0x020
#define DRIVER_SEL	 0x024
#define QUEUE_SEL	 0x030
#define QUEUE_MAX	 0x034
#define QUEUE_SIZE	 0x038
#define QUEUE_READY	 0x044
#define QUEUE_NOTIFY	 0x050
#define INTERRUPT_STATUS 0x060
#define INTERRUPT_ACK	 0x064
#define STATUS		 0x070
#define QUEUE_DESC	 0x080
#define QUEUE_DRIVER	 0x090
#define QUEUE_DEVICE	 0x0a0

#define MAGIC_VALUE 0x74726976u

/* 2.1 */
#define STATUS_ACKNOWLEDGE 1u
#define STATUS_DRIVER	   2u
#define STATUS_DRIVER_OK   4u
#define STATUS_FEATURES_OK 8u

#define AVAIL_NO_INTERRUPT 1
#define USED_NO_NOTIFY	   1

const struct payload_slot *virtio_find(const struct env *env, uint32_t device_id,
				       const char **reason)
{
	*reason = "no such virtio device";
	for (uint64_t i = 0; env->payload && i < env->payload->nr_slots; i++) {
		const struct payload_slot *slot = &env->payload->slot[i];

		if (mmio_read32(slot->base + MAGIC) != MAGIC_VALUE ||
		    mmio_read32(slot->base + DEVICE_ID) != device_id)
			continue;
		if (mmio_read32(slot->base + VERSION) == 2)
			return slot;
		*reason = "the virtio device is a legacy one (virtio-mmio version 1)";
	}
	return NULL;
}

static uint64_t offered(uint64_t base)
{
	uint64_t low;

	mmio_write32(base + FEATURES_SEL, 0);
	low = mmio_read32(base + FEATURES);
	mmio_write32(base + FEATURES_SEL, 1);
	return (uint64_t)mmio_read32(base + FEATURES) << 32 | low;
}

void virtio_reset(const struct payload_slot *slot)
{
	mmio_write32(slot->base + STATUS, 0);
	while (mmio_read32(slot->base + STATUS) != 0)
		env_pause();
}

const char *virtio_begin(const struct payload_slot *slot, uint64_t features, uint64_t *agreed)
{
	uint64_t base = slot->base, common;

	virtio_reset(slot);
	mmio_write32(base + STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	common = offered(base) & (features | VIRTIO_F_VERSION_1);
	if (!(common & VIRTIO_F_VERSION_1))
		return "the virtio device does not offer VIRTIO_F_VERSION_1";
	mmio_write32(base + DRIVER_SEL, 0);
	mmio_write32(base + DRIVER_FEATURES, (uint32_t)common);
	mmio_write32(base + DRIVER_SEL, 1);
	mmio_write32(base + DRIVER_FEATURES, (uint32_t)(common >> 32));
	mmio_write32(base + STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
	if (!(mmio_read32(base + STATUS) & STATUS_FEATURES_OK))
		return "the virtio device refuses the features that it offers";
	if (agreed)
		*agreed = common;
	return NULL;
}

static void write_address(uint64_t reg, const volatile void *at)
{
	mmio_write32(reg, (uint32_t)(uintptr_t)at);
	mmio_write32(reg + 4, (uint32_t)((uintptr_t)at >> 32));
}

/* 2.7: alignments 16, 2 and 4. Descriptors come first, so the rest is aligned if they are. */
static const char *place_rings(struct env *env, struct virtio_queue *queue)
{
	size_t desc_bytes = queue->size * sizeof(struct virtq_desc);
	size_t avail_bytes = (3u * 2 + queue->size * 2u + 63) & ~63u;
	size_t used_bytes = 3u * 2 + queue->size * 8u;
	const char *reason = NULL;
	uint8_t *at =
		env->ops->alloc(env, desc_bytes + avail_bytes + used_bytes, ENV_PAGES_2M, &reason);

	if (!at)
		return reason;
	for (size_t i = 0; i < desc_bytes + avail_bytes + used_bytes; i++)
		at[i] = 0;
	queue->desc = (void *)at;
	queue->avail = (void *)(at + desc_bytes);
	queue->used = (void *)(at + desc_bytes + avail_bytes);
	return NULL;
}

const char *virtio_add_queue(struct env *env, const struct payload_slot *slot, uint16_t index,
			     uint16_t size, bool interrupts, struct virtio_queue *queue)
{
	uint64_t base = slot->base;
	uint32_t max;
	const char *reason;

	mmio_write32(base + QUEUE_SEL, index);
	max = mmio_read32(base + QUEUE_MAX);
	if (max == 0)
		return "the virtio device lacks a queue";
	*queue = (struct virtio_queue){.slot = slot, .index = index};
	queue->size = size < max ? size : (uint16_t)max;
	reason = place_rings(env, queue);
	if (reason)
		return reason;
	queue->avail[0] = interrupts ? 0 : AVAIL_NO_INTERRUPT;
	mmio_write32(base + QUEUE_SIZE, queue->size);
	write_address(base + QUEUE_DESC, queue->desc);
	write_address(base + QUEUE_DRIVER, queue->avail);
	write_address(base + QUEUE_DEVICE, queue->used);
	mmio_write32(base + QUEUE_READY, 1);
	return NULL;
}

void virtio_end(const struct payload_slot *slot)
{
	mmio_write32(slot->base + STATUS,
		     STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
}

void virtio_publish(struct virtio_queue *queue, uint16_t head)
{
	queue->avail[2 + queue->published % queue->size] = head;
	queue->published++;
	/* 2.7.13.3: the entry before the index. */
	__atomic_store_n(&queue->avail[1], queue->published, __ATOMIC_RELEASE);
}

void virtio_kick_always(const struct virtio_queue *queue)
{
	mmio_write32(queue->slot->base + QUEUE_NOTIFY, queue->index);
}

void virtio_kick(const struct virtio_queue *queue)
{
	/* 2.7.13.4.1: the index before the look at the device's flags. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!(queue->used[0] & USED_NO_NOTIFY))
		virtio_kick_always(queue);
}

void virtio_acknowledge(const struct virtio_queue *queue)
{
	uint64_t base = queue->slot->base;

	mmio_write32(base + INTERRUPT_ACK, mmio_read32(base + INTERRUPT_STATUS));
}

bool virtio_reap(struct virtio_queue *queue, uint16_t *head, uint32_t *len)
{
	const volatile uint32_t *entry;

	if (__atomic_load_n(&queue->used[1], __ATOMIC_ACQUIRE) == queue->seen)
		return false;
	entry = (const volatile uint32_t *)(queue->used + 2) + 2 * (queue->seen % queue->size);
	*head = (uint16_t)entry[0];
	*len = entry[1];
	queue->seen++;
	return true;
}
