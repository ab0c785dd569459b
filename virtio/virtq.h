/* SPDX-License-Identifier: MIT */
/*
 * The device's side of a split virtqueue (virtio 1.2, section 2.7).
 *
 * A queue is three arrays in guest RAM. The driver puts buffers into the descriptor table and
 * publishes the head of each chain in the available ring; the device takes heads from there, does
 * the work, and gives them back in the used ring. This file knows neither transport, nor KVM,
 * nor eventfds: only guest RAM and the rings.
 *
 * The guest may write anything, at any time. A descriptor is copied once, the copy is
 * validated, and only the copy is used. Every loop is bounded by the queue's size. Anything that
 * the specification forbids and that we cannot serve makes the queue *broken*: virtq_pop() returns
 * an error until the queue is set up anew, and the device marks itself as needing a reset.
 *
 * A chain is read and written as two byte streams, first everything the driver wrote for the
 * device, then room for the answer. A device may not assume how either is cut into descriptors
 * (2.7.4.1: framing is the driver's choice).
 *
 * Not thread-safe: a queue belongs to its device's lock.
 */
#ifndef VIRTIO_VIRTQ_H
#define VIRTIO_VIRTQ_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vmm/core/gmem.h"

#define VIRTQ_MAX_SIZE 256 /* what our devices offer; a power of two (2.7) */

/* Descriptor and ring flags (2.7.5, 2.7.6, 2.7.8). */
#define VIRTQ_DESC_F_NEXT	   1
#define VIRTQ_DESC_F_WRITE	   2
#define VIRTQ_DESC_F_INDIRECT	   4
#define VIRTQ_AVAIL_F_NO_INTERRUPT 1
#define VIRTQ_USED_F_NO_NOTIFY	   1

struct virtq {
	/* Set by the transport before virtq_enable(). */
	uint16_t size; /* entries: a power of two, at most VIRTQ_MAX_SIZE */
	gpa_t desc;    /* descriptor table */
	gpa_t driver;  /* available ring */
	gpa_t device;  /* used ring */

	/* The queue's own. */
	struct gmem *mem;
	bool enabled;
	bool broken;
	bool event_idx;		 /* VIRTIO_F_EVENT_IDX negotiated (2.7.7.2, 2.7.10) */
	uint16_t next_avail;	 /* index of the next entry to take from the available ring */
	uint16_t next_used;	 /* index of the next entry to fill in the used ring */
	uint16_t signalled_used; /* next_used when virtq_want_interrupt() last looked */
	bool signalled_valid;	 /* fewer than 2^16 entries were published since then */
};

struct virtq_segment {
	gpa_t at;
	uint32_t len;
};

/* How far a stream has been read or written. */
struct vchain_pos {
	uint16_t segment;
	uint32_t offset;
};

/* One descriptor chain, taken from the queue. The caller provides the memory. */
struct vchain {
	struct virtq *vq;
	uint16_t head;
	uint16_t nr_readable;	 /* segment[0 .. nr_readable) is the driver's data */
	uint16_t nr_segments;	 /* segment[nr_readable .. nr_segments) is room for the device's */
	uint64_t readable_bytes; /* in all, at the pop */
	uint64_t writable_bytes;
	struct vchain_pos read_pos, write_pos;
	uint64_t written; /* bytes so far, for virtq_push() */
	struct virtq_segment segment[VIRTQ_MAX_SIZE];
};

/*
 * Makes the queue live: checks size, alignment (2.7: 16, 2, 4 bytes) and that all three parts are
 * RAM, and starts at index 0. 0, or -EINVAL / -EFAULT.
 */
int virtq_enable(struct virtq *vq, struct gmem *mem, bool event_idx);

/* Back to the state after a device reset. */
void virtq_disable(struct virtq *vq);

/*
 * Takes the next chain: 1 if there was one, 0 if the ring is empty or the queue is not live,
 * -EPROTO if the driver broke the rules; the queue is broken then, and *why is the reason, a static
 * string for the log. Such faults are: writable before readable descriptors (2.7.4.2), a
 * loop, a head or next index past the table, an available index that moved by more than the queue's
 * size, an indirect table inside an indirect table or followed by a next descriptor (2.7.5.3.1), a
 * zero-length or odd-sized indirect table, a table or buffer outside RAM, and more than 2^32 bytes
 * in all (2.7.5.2).
 *
 * A buffer must lie in one region of RAM: regions are never adjacent (the 32-bit hole is between
 * them), so none could span two. A buffer of no bytes is not forbidden; it adds nothing to its
 * stream and its address does not matter.
 */
int virtq_pop(struct virtq *vq, struct vchain *chain, const char **why);

/*
 * Undoes the last virtq_pop(): the chain will be returned by the next one. Several pops are undone
 * last to first.
 */
void virtq_unpop(struct virtq *vq);

/*
 * Gives the chain back with `chain->written` bytes written, and publishes it. 0, or -EFAULT if the
 * queue is broken or was taken back: nothing is written to guest RAM then.
 */
int virtq_push(struct virtq *vq, const struct vchain *chain);

/*
 * As virtq_push() in two steps, for devices that give back several chains at once (mergeable
 * receive buffers): fill entry `ahead` places past the last published one, then publish `count`.
 */
int virtq_fill(struct virtq *vq, uint16_t head, uint32_t written, uint16_t ahead);
int virtq_publish(struct virtq *vq, uint16_t count);

/* After pushing: must the driver be interrupted (2.7.7.2)? Call once a batch. */
bool virtq_want_interrupt(struct virtq *vq);

/*
 * Asks the driver to notify of new buffers, or not to bother (2.7.10.2). After enabling the
 * caller must look at the ring once more: returns true if something is there already.
 */
bool virtq_want_notify(struct virtq *vq, bool wanted);

/* Has virtq_pop() anything to say, a chain or a fault? False on a broken queue. */
bool virtq_has_work(const struct virtq *vq);

/* Copies up to `len` bytes from the readable stream, advancing it; returns the bytes copied. */
size_t vchain_read(struct vchain *chain, void *to, size_t len);

/* Copies up to `len` bytes into the writable stream, advancing it; returns the bytes copied. */
size_t vchain_write(struct vchain *chain, const void *from, size_t len);

size_t vchain_readable(const struct vchain *chain); /* bytes left */
size_t vchain_writable(const struct vchain *chain);

/*
 * For data that goes straight between guest RAM and a system call: describes the next `len` bytes
 * of the readable (or writable) stream as host addresses and advances the stream past them. `max`
 * is the room in `iov`. Returns the number of entries, or -EMSGSIZE if the stream holds less than
 * `len`, -E2BIG if `max` is too small; the stream has not moved then. Bytes described as writable
 * count as written; a device that wrote fewer sets `chain->written`.
 */
int vchain_iov_readable(struct vchain *chain, size_t len, struct iovec *iov, int max);
int vchain_iov_writable(struct vchain *chain, size_t len, struct iovec *iov, int max);

#endif
