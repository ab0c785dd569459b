/* SPDX-License-Identifier: MIT */
/*
 * A polling driver for virtio-mmio, version 2 (virtio 1.2, 4.2), with split rings (2.7), in ring 3.
 * The caller owns the descriptors: it fills desc[] and names heads of chains.
 */
#ifndef BENCH_PAYLOAD_VIRTIO_H
#define BENCH_PAYLOAD_VIRTIO_H

#include "guest/bench/env.h"

#define VIRTIO_NET 1
#define VIRTIO_BLK 2
#define VIRTIO_RNG 4

#define VIRTIO_F_VERSION_1 (1ull << 32)

#define VIRTQ_DESC_NEXT	 1
#define VIRTQ_DESC_WRITE 2

#define VIRTIO_CONFIG 0x100 /* the device's own configuration begins here */

/* 2.7.5 */
struct virtq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct virtio_queue {
	const struct payload_slot *slot;
	uint16_t index, size;
	uint16_t published; /* our copy of avail->idx */
	uint16_t seen;	    /* used->idx as far as it was consumed */
	struct virtq_desc *desc;
	volatile uint16_t *avail; /* flags, idx, ring */
	volatile uint16_t *used;  /* flags, idx, ring of {id, len}, 32 bits each */
};

/* The first device of a type, or NULL and the reason. */
const struct payload_slot *virtio_find(const struct env *env, uint32_t device_id,
				       const char **reason);

/*
 * 3.1.1: reset, negotiation of VERSION_1 and of those `features` that are offered; what was agreed
 * on goes to *agreed (may be NULL). NULL, or what went wrong.
 */
const char *virtio_begin(const struct payload_slot *slot, uint64_t features, uint64_t *agreed);

/* Takes memory for a queue of `size` (a power of two; fewer if the device has fewer) and enables
 * it. */
const char *virtio_add_queue(struct env *env, const struct payload_slot *slot, uint16_t index,
			     uint16_t size, bool interrupts, struct virtio_queue *queue);

/* DRIVER_OK: the device may now be used. */
void virtio_end(const struct payload_slot *slot);

void virtio_reset(const struct payload_slot *slot);

/* Makes the chain that begins at `head` available (2.7.13), without telling the device. */
void virtio_publish(struct virtio_queue *queue, uint16_t head);

/* Tells the device, unless it said that it looks by itself (2.7.10). */
void virtio_kick(const struct virtio_queue *queue);

/* Tells it in any case. */
void virtio_kick_always(const struct virtio_queue *queue);

/* Clears what the device interrupted for (4.2.2, InterruptACK). */
void virtio_acknowledge(const struct virtio_queue *queue);

/* Takes the head of a finished chain, and how many bytes the device wrote; false if there is none.
 */
bool virtio_reap(struct virtio_queue *queue, uint16_t *head, uint32_t *len);

#endif
