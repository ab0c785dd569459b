/* SPDX-License-Identifier: MIT */
/*
 * For fuzzers of virtio devices: RAM with nothing mapped around it, the driver's part of bringing a
 * device up, and an event loop that goes round until nothing is left to do.
 *
 * Each fuzzer lays out queues of good chains and XORs its input over all of RAM, so that each byte
 * of the input that is not zero is one thing that a driver does wrong.
 */
#ifndef TESTS_FUZZ_VDEV_H
#define TESTS_FUZZ_VDEV_H

#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/core/device.h"
#include "virtio/vdev.h"

#define QUEUE_SIZE  16u
#define QUEUE_BYTES 0x300u /* of RAM; queue i begins at i times this */
#define AVAIL	    0x100u /* in there */
#define USED	    0x200u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void check(bool condition)
{
	if (!condition)
		abort();
}

/* Takes the place of the C library's: instead of waiting it ends evloop_run(). */
int epoll_wait(int epfd, struct epoll_event *events, int max, int timeout_ms)
{
	int n = (int)syscall(SYS_epoll_wait, epfd, events, max, 0);

	(void)timeout_ms;
	if (n > 0)
		return n;
	errno = EBADF;
	return -1;
}

struct fuzz_guest {
	uint8_t *ram;
	uint32_t ram_bytes;
	struct gmem mem;
	struct log log;
	struct log_limit log_limit;
	struct device_env env;
};

static inline void fuzz_guest_init(struct fuzz_guest *g, uint32_t ram_bytes)
{
	uint8_t *map = mmap(NULL, 3ul * ram_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(map != MAP_FAILED);
	g->ram = map + ram_bytes;
	g->ram_bytes = ram_bytes;
	check(!mprotect(g->ram, ram_bytes, PROT_READ | PROT_WRITE));
	check(!gmem_add(&g->mem, gpa(0), ram_bytes, g->ram));
	g->log = (struct log){.level = LOG_ERROR};
	g->env = (struct device_env){.mem = &g->mem, .log = &g->log, .log_limit = &g->log_limit};
	check(!evloop_create(&g->env.loop));
}

static inline void fuzz_clear(struct fuzz_guest *g)
{
	memset(g->ram, 0, g->ram_bytes);
}

static inline void fuzz_change(struct fuzz_guest *g, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size && i < g->ram_bytes; i++)
		g->ram[i] ^= data[i];
}

static inline void fuzz_interrupt(void *ctx, uint32_t isr_bits)
{
	(void)ctx;
	(void)isr_bits;
}

/* All of 3.1.1 with what is offered of `features`, from the reset to DRIVER_OK. */
static inline void fuzz_handshake(struct vdev *vdev, uint64_t features)
{
	const uint8_t seen = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER;

	vdev->transport.interrupt = fuzz_interrupt;
	vdev_write_status(vdev, 0);
	vdev_write_status(vdev, seen);
	features = (features & vdev->features_offered) | 1ull << VIRTIO_F_VERSION_1;
	vdev_write_features(vdev, 0, (uint32_t)features);
	vdev_write_features(vdev, 1, (uint32_t)(features >> 32));
	vdev_write_status(vdev, seen | VIRTIO_STATUS_FEATURES_OK);
	for (unsigned int i = 0; i < vdev->nr_queues; i++) {
		vdev->queue[i].size = QUEUE_SIZE;
		vdev->queue[i].desc = gpa(i * QUEUE_BYTES);
		vdev->queue[i].driver = gpa(i * QUEUE_BYTES + AVAIL);
		vdev->queue[i].device = gpa(i * QUEUE_BYTES + USED);
		vdev_enable_queue(vdev, i);
	}
	vdev_write_status(vdev, seen | VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK);
	check(vdev->active);
}

/*
 * A chain of `out` bytes to the device at `at`, and behind them `in` bytes from it, as number `n`.
 */
static inline void fuzz_put_chain(struct fuzz_guest *g, unsigned int queue, uint16_t n, gpa_t at,
				  uint32_t out, uint32_t in)
{
	struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next;
	} desc[2] = {
		{htole64(at.addr), htole32(out), htole16(VIRTQ_DESC_F_NEXT), htole16(2 * n + 1)},
		{htole64(at.addr + out), htole32(in), htole16(VIRTQ_DESC_F_WRITE), 0},
	};
	gpa_t base = gpa(queue * QUEUE_BYTES);
	uint16_t head = htole16((uint16_t)(2 * n));

	check(!gmem_write(&g->mem, gpa_add(base, 2 * n * sizeof(desc[0])), desc, sizeof(desc)));
	check(!gmem_write(&g->mem, gpa_add(base, AVAIL + 4 + 2 * n), &head, sizeof(head)));
	check(!gmem_store_release16(&g->mem, gpa_add(base, AVAIL + 2), htole16((uint16_t)(n + 1))));
}

static inline uint16_t fuzz_used(const struct fuzz_guest *g, unsigned int queue)
{
	uint16_t index;

	check(!gmem_load_acquire16(&g->mem, gpa(queue * QUEUE_BYTES + USED + 2), &index));
	return le16toh(index);
}

#endif
