/* SPDX-License-Identifier: MIT */
/*
 * A guest for tests of virtio devices: RAM, a bus with one virtio-mmio slot, an interrupt line that
 * counts, and a driver that lays out split virtqueues (virtio 1.2, section 2.7) and talks to the
 * device only as a guest can, through registers and RAM. Register numbers come from Linux's
 * header, so that one that the device has wrong shows.
 *
 *	struct fake_guest g;
 *	fake_guest_init(&g);
 *	assert_int_equal(rng_create(&g.env, &vdev), 0);
 *	fake_guest_plug(&g, vdev);
 *	assert_true(fake_handshake(&g, ~0ull, 8));	// all that is offered; queues of 8
 *
 *	struct fake_buf buf[] = {fake_in(&g, 16)};
 *	head = fake_add(&g.vq[0], buf, 1);
 *	fake_kick(&g.vq[0]);
 *	assert_true(fake_reap(&g.vq[0], &head, &len));
 *	fake_get(&g, buf[0].at, bytes, len);
 *
 *	fake_guest_fini(&g);
 *
 * RAM is [FAKE_RAM_START, FAKE_RAM_END), with inaccessible pages before and after it: a device that
 * strays from it on the host's side dies.
 */
#ifndef TESTS_FAKE_DRIVER_H
#define TESTS_FAKE_DRIVER_H

#include <assert.h>
#include <linux/virtio_mmio.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/checked_mutex.h"
#include "vmm/core/device.h"
#include "virtio/mmio.h"
#include "virtio/vdev.h"

#define FAKE_RAM_START 0x100000ull
#define FAKE_RAM_BYTES 0x1000000ull
#define FAKE_RAM_END   (FAKE_RAM_START + FAKE_RAM_BYTES)
#define FAKE_GUARD     0x1000u
#define FAKE_SLOT      0xd0000000ull
#define FAKE_WAIT_MS   10000 /* for what another thread does; only a failing test waits so long */

/* --- the guest --- */

struct fake_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

/* A buffer of a chain, as the driver sees it. */
struct fake_buf {
	gpa_t at;
	uint32_t len;
	bool device_writes;
};

/* The driver's side of a queue. */
struct fake_vq {
	struct fake_guest *guest;
	unsigned int index;
	uint16_t size;
	gpa_t desc, avail, used;
	uint16_t next_avail;	       /* where the next chain's head goes */
	uint16_t next_used;	       /* the used entry that is looked at next */
	bool busy[VIRTQ_MAX_SIZE];     /* descriptors in use */
	uint16_t next[VIRTQ_MAX_SIZE]; /* the chains, as the driver remembers them */
	uint16_t count[VIRTQ_MAX_SIZE];
};

struct fake_guest {
	uint8_t *ram;
	uint64_t heap; /* RAM below this address is given out */
	struct gmem mem;
	struct bus pio, mmio;
	struct log log; /* to nowhere; tests may set level and output */
	struct log_limit log_limit;
	struct device_env env;
	struct device *device; /* behind the slot */
	atomic_uint interrupts;
	uint64_t features; /* negotiated */
	struct fake_vq vq[VDEV_MAX_QUEUES];
	pthread_t io_thread;
	bool io_runs;
};

static inline void fake_raise(void *ctx)
{
	struct fake_guest *g = (struct fake_guest *)ctx;

	atomic_fetch_add(&g->interrupts, 1);
}

/* RAM, buses, event loop and environment. Doorbells are unconnected: kicks are served at once. */
static inline void fake_guest_init(struct fake_guest *g)
{
	size_t mapped = FAKE_RAM_BYTES + 2 * FAKE_GUARD;
	uint8_t *map = (uint8_t *)mmap(NULL, mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int err;

	assert(map != MAP_FAILED);
	memset(g, 0, sizeof(*g));
	g->ram = map + FAKE_GUARD;
	err = mprotect(g->ram, FAKE_RAM_BYTES, PROT_READ | PROT_WRITE);
	assert(err == 0);
	err = gmem_add(&g->mem, gpa(FAKE_RAM_START), FAKE_RAM_BYTES, g->ram);
	assert(err == 0);
	g->heap = FAKE_RAM_START;
	g->log = (struct log){.level = LOG_ERROR};
	g->env = (struct device_env){
		.mem = &g->mem,
		.pio = &g->pio,
		.mmio = &g->mmio,
		.irq = {.raise = fake_raise, .ctx = g},
		.log = &g->log,
		.log_limit = &g->log_limit,
	};
	err = evloop_create(&g->env.loop);
	assert(err == 0);
	for (unsigned int i = 0; i < VDEV_MAX_QUEUES; i++)
		g->vq[i] = (struct fake_vq){.guest = g, .index = i};
}

/* Puts the device behind the slot. */
static inline void fake_guest_plug(struct fake_guest *g, struct vdev *vdev)
{
	int err = virtio_mmio_create(&g->env, gpa(FAKE_SLOT), vdev, &g->device);

	assert(err == 0);
}

static inline void *fake_io_main(void *ctx)
{
	struct fake_guest *g = (struct fake_guest *)ctx;

	(void)evloop_run(g->env.loop);
	return NULL;
}

/* Runs the event loop on a thread of its own until fake_guest_fini(); once a guest. */
static inline void fake_guest_run_io(struct fake_guest *g)
{
	int err = pthread_create(&g->io_thread, NULL, fake_io_main, g);

	assert(err == 0);
	g->io_runs = true;
}

/* Ends the I/O thread and the device, as a machine does. */
static inline void fake_guest_fini(struct fake_guest *g)
{
	if (g->io_runs) {
		evloop_stop(g->env.loop);
		pthread_join(g->io_thread, NULL);
	}
	device_destroy(g->device);
	evloop_destroy(g->env.loop);
	munmap(g->ram - FAKE_GUARD, FAKE_RAM_BYTES + 2 * FAKE_GUARD);
}

/* --- RAM --- */

static inline gpa_t fake_alloc(struct fake_guest *g, uint64_t bytes, uint64_t align)
{
	uint64_t at = (g->heap + align - 1) / align * align;

	assert(bytes <= FAKE_RAM_END - at);
	g->heap = at + bytes;
	return gpa(at);
}

static inline void fake_put(struct fake_guest *g, gpa_t at, const void *from, size_t len)
{
	int err = gmem_write(&g->mem, at, from, len);

	assert(err == 0);
}

static inline void fake_get(const struct fake_guest *g, gpa_t at, void *to, size_t len)
{
	int err = gmem_read(&g->mem, at, to, len);

	assert(err == 0);
}

static inline void fake_put16(struct fake_guest *g, gpa_t at, uint16_t value)
{
	fake_put(g, at, &value, sizeof(value));
}

static inline uint16_t fake_get16(const struct fake_guest *g, gpa_t at)
{
	uint16_t value;

	fake_get(g, at, &value, sizeof(value));
	return value;
}

/* --- registers --- */

static inline uint32_t fake_read32(struct fake_guest *g, uint64_t reg)
{
	uint32_t value;

	bus_read(&g->mmio, FAKE_SLOT + reg, &value, sizeof(value), 1);
	return value;
}

static inline void fake_write32(struct fake_guest *g, uint64_t reg, uint32_t value)
{
	bus_write(&g->mmio, FAKE_SLOT + reg, &value, sizeof(value), 1);
}

static inline uint32_t fake_status(struct fake_guest *g)
{
	return fake_read32(g, VIRTIO_MMIO_STATUS);
}

/* Adds bits to the status register, as a driver does. */
static inline void fake_add_status(struct fake_guest *g, uint32_t bits)
{
	fake_write32(g, VIRTIO_MMIO_STATUS, fake_status(g) | bits);
}

static inline uint64_t fake_offered(struct fake_guest *g)
{
	uint64_t features;

	fake_write32(g, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	features = (uint64_t)fake_read32(g, VIRTIO_MMIO_DEVICE_FEATURES) << 32;
	fake_write32(g, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	return features | fake_read32(g, VIRTIO_MMIO_DEVICE_FEATURES);
}

static inline void fake_accept(struct fake_guest *g, uint64_t features)
{
	fake_write32(g, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	fake_write32(g, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32));
	fake_write32(g, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	fake_write32(g, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)features);
	g->features = features;
}

/* --- setting a device up (3.1.1, 4.2.3) --- */

/* Gives the queue fresh rings in RAM, all zero. */
static inline void fake_vq_layout(struct fake_vq *vq, uint16_t size)
{
	struct fake_guest *g = vq->guest;
	unsigned int index = vq->index;

	*vq = (struct fake_vq){.guest = g, .index = index, .size = size};
	vq->desc = fake_alloc(g, 16u * size, 16);
	vq->avail = fake_alloc(g, 6u + 2u * size, 2);
	vq->used = fake_alloc(g, 6u + 8u * size, 4);
}

/* Tells the device where the queue is; the driver does not look whether it is content. */
static inline void fake_vq_set(struct fake_vq *vq)
{
	struct fake_guest *g = vq->guest;

	fake_write32(g, VIRTIO_MMIO_QUEUE_SEL, vq->index);
	fake_write32(g, VIRTIO_MMIO_QUEUE_NUM, vq->size);
	fake_write32(g, VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)vq->desc.addr);
	fake_write32(g, VIRTIO_MMIO_QUEUE_DESC_HIGH, (uint32_t)(vq->desc.addr >> 32));
	fake_write32(g, VIRTIO_MMIO_QUEUE_AVAIL_LOW, (uint32_t)vq->avail.addr);
	fake_write32(g, VIRTIO_MMIO_QUEUE_AVAIL_HIGH, (uint32_t)(vq->avail.addr >> 32));
	fake_write32(g, VIRTIO_MMIO_QUEUE_USED_LOW, (uint32_t)vq->used.addr);
	fake_write32(g, VIRTIO_MMIO_QUEUE_USED_HIGH, (uint32_t)(vq->used.addr >> 32));
}

static inline bool fake_vq_ready(struct fake_vq *vq)
{
	fake_write32(vq->guest, VIRTIO_MMIO_QUEUE_SEL, vq->index);
	fake_write32(vq->guest, VIRTIO_MMIO_QUEUE_READY, 1);
	return fake_read32(vq->guest, VIRTIO_MMIO_QUEUE_READY) == 1;
}

/* Steps 1 to 6: resets, and accepts what is both wanted and offered. */
static inline bool fake_negotiate(struct fake_guest *g, uint64_t wanted)
{
	fake_write32(g, VIRTIO_MMIO_STATUS, 0);
	fake_add_status(g, VIRTIO_STATUS_ACKNOWLEDGE);
	fake_add_status(g, VIRTIO_STATUS_DRIVER);
	fake_accept(g, fake_offered(g) & wanted);
	fake_add_status(g, VIRTIO_STATUS_FEATURES_OK);
	return (fake_status(g) & VIRTIO_STATUS_FEATURES_OK) != 0;
}

/*
 * The whole of 3.1.1: resets the device, accepts the features that are wanted (VERSION_1 must be
 * among them) and offered, sets up every queue that the device has with `queue_size` entries, and
 * sets DRIVER_OK. False if the device balks.
 */
static inline bool fake_handshake(struct fake_guest *g, uint64_t wanted, uint16_t queue_size)
{
	if (!fake_negotiate(g, wanted))
		return false;
	for (unsigned int i = 0; i < VDEV_MAX_QUEUES; i++) {
		fake_write32(g, VIRTIO_MMIO_QUEUE_SEL, i);
		if (fake_read32(g, VIRTIO_MMIO_QUEUE_NUM_MAX) == 0)
			break;
		fake_vq_layout(&g->vq[i], queue_size);
		fake_vq_set(&g->vq[i]);
		if (!fake_vq_ready(&g->vq[i]))
			return false;
	}
	fake_add_status(g, VIRTIO_STATUS_DRIVER_OK);
	return (fake_status(g) & (VIRTIO_STATUS_DRIVER_OK | VIRTIO_STATUS_NEEDS_RESET)) ==
	       VIRTIO_STATUS_DRIVER_OK;
}

/* --- buffers and chains --- */

/* A buffer with data for the device, and one with room for it to write to. */
static inline struct fake_buf fake_out(struct fake_guest *g, const void *data, uint32_t len)
{
	struct fake_buf buf = {.at = fake_alloc(g, len, 1), .len = len, .device_writes = false};

	fake_put(g, buf.at, data, len);
	return buf;
}

static inline struct fake_buf fake_in(struct fake_guest *g, uint32_t len)
{
	return (struct fake_buf){.at = fake_alloc(g, len, 1), .len = len, .device_writes = true};
}

/*
 * Cuts a buffer into `piece` bytes each (the last may be shorter), which lie in RAM in a row: the
 * device must not care (2.7.4.1). Returns the number of parts; `max` is the room for them.
 */
static inline unsigned int fake_cut(struct fake_buf whole, uint32_t piece, struct fake_buf *parts,
				    unsigned int max)
{
	unsigned int nr = 0;

	for (uint32_t done = 0; done < whole.len; nr++) {
		uint32_t len = whole.len - done < piece ? whole.len - done : piece;

		assert(nr < max);
		parts[nr] = (struct fake_buf){
			.at = gpa_add(whole.at, done),
			.len = len,
			.device_writes = whole.device_writes,
		};
		done += len;
	}
	return nr;
}

/* Writes entry `index` of a descriptor table, whatever it says. */
static inline void fake_put_desc(struct fake_guest *g, gpa_t table, uint32_t index,
				 struct fake_desc desc)
{
	fake_put(g, gpa_add(table, sizeof(desc) * (uint64_t)index), &desc, sizeof(desc));
}

/* Puts a head into the next place of the available ring, without moving its index. */
static inline void fake_put_head(struct fake_vq *vq, uint16_t head)
{
	fake_put16(vq->guest, gpa_add(vq->avail, 4 + 2 * (uint64_t)(vq->next_avail % vq->size)),
		   head);
	vq->next_avail++;
}

static inline uint16_t fake_free_desc(struct fake_vq *vq)
{
	for (uint16_t i = 0; i < vq->size; i++) {
		if (!vq->busy[i]) {
			vq->busy[i] = true;
			return i;
		}
	}
	assert(!"the test's queue has no free descriptor");
	return 0;
}

/* Makes a chain and puts its head into the ring; fake_publish() or fake_kick() shows it. */
static inline uint16_t fake_add(struct fake_vq *vq, const struct fake_buf *bufs, unsigned int nr)
{
	uint16_t head = fake_free_desc(vq);
	uint16_t index = head;

	assert(nr > 0);
	vq->count[head] = (uint16_t)nr;
	for (unsigned int i = 0; i < nr; i++) {
		bool last = i + 1 == nr;
		uint16_t next = last ? 0 : fake_free_desc(vq);
		int flags = (bufs[i].device_writes ? VIRTQ_DESC_F_WRITE : 0) |
			    (last ? 0 : VIRTQ_DESC_F_NEXT);

		fake_put_desc(vq->guest, vq->desc, index,
			      (struct fake_desc){.addr = bufs[i].at.addr,
						 .len = bufs[i].len,
						 .flags = (uint16_t)flags,
						 .next = next});
		vq->next[index] = next;
		index = next;
	}
	fake_put_head(vq, head);
	return head;
}

/* The same with the whole chain in an indirect table (2.7.5.3). */
static inline uint16_t fake_add_indirect(struct fake_vq *vq, const struct fake_buf *bufs,
					 unsigned int nr)
{
	uint16_t head = fake_free_desc(vq);
	gpa_t table = fake_alloc(vq->guest, 16ull * nr, 16);

	for (unsigned int i = 0; i < nr; i++) {
		bool last = i + 1 == nr;
		int flags = (bufs[i].device_writes ? VIRTQ_DESC_F_WRITE : 0) |
			    (last ? 0 : VIRTQ_DESC_F_NEXT);

		fake_put_desc(vq->guest, table, i,
			      (struct fake_desc){.addr = bufs[i].at.addr,
						 .len = bufs[i].len,
						 .flags = (uint16_t)flags,
						 .next = (uint16_t)(last ? 0 : i + 1)});
	}
	fake_put_desc(vq->guest, vq->desc, head,
		      (struct fake_desc){
			      .addr = table.addr, .len = 16 * nr, .flags = VIRTQ_DESC_F_INDIRECT});
	vq->count[head] = 1;
	fake_put_head(vq, head);
	return head;
}

/* Shows the device everything that was put into the ring (2.7.13.3). */
static inline void fake_publish(struct fake_vq *vq)
{
	int err = gmem_store_release16(&vq->guest->mem, gpa_add(vq->avail, 2), vq->next_avail);

	assert(err == 0);
}

/* Publishes, and rings whether the device wants it or not (2.7.10.2: it must cope). */
static inline void fake_kick(struct fake_vq *vq)
{
	fake_publish(vq);
	fake_write32(vq->guest, VIRTIO_MMIO_QUEUE_NOTIFY, vq->index);
}

/* How many chains the device has given back that were not reaped yet. */
static inline uint16_t fake_used(const struct fake_vq *vq)
{
	uint16_t idx;
	int err = gmem_load_acquire16(&vq->guest->mem, gpa_add(vq->used, 2), &idx);

	assert(err == 0);
	return (uint16_t)(idx - vq->next_used);
}

/* Takes the next chain that the device has given back: its head and the bytes written. */
static inline bool fake_reap(struct fake_vq *vq, uint16_t *head, uint32_t *written)
{
	uint32_t elem[2];
	uint16_t index;

	if (fake_used(vq) == 0)
		return false;
	fake_get(vq->guest, gpa_add(vq->used, 4 + 8 * (uint64_t)(vq->next_used % vq->size)), elem,
		 sizeof(elem));
	vq->next_used++;
	assert(elem[0] < vq->size);
	*head = (uint16_t)elem[0];
	*written = elem[1];
	index = *head;
	for (uint16_t i = 0; i < vq->count[*head]; i++) {
		vq->busy[index] = false;
		index = vq->next[index];
	}
	return true;
}

static inline void fake_nap(void)
{
	struct timespec ms = {.tv_nsec = 1000000};

	nanosleep(&ms, NULL);
}

/* As fake_reap(), for devices that answer on the I/O thread: waits for it. */
static inline bool fake_wait(struct fake_vq *vq, uint16_t *head, uint32_t *written)
{
	for (int waited_ms = 0; waited_ms < FAKE_WAIT_MS && fake_used(vq) == 0; waited_ms++)
		fake_nap();
	return fake_reap(vq, head, written);
}

#endif
