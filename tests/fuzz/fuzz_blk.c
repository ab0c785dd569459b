/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as what a driver leaves in RAM: descriptors, rings, requests. The device may refuse,
 * fault or serve; it must stay in RAM, leave the event loop idle, and still serve after a reset.
 *
 * RAM is two pages. They begin as a ring of good requests, one of each type, and the fuzzer's bytes
 * are XORed over that, so that each byte that is not zero is one thing a driver does wrong. The
 * first byte chooses the disk and the features.
 */
#include <endian.h>
#include <errno.h>
#include <linux/virtio_blk.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "virtio/blk.h"

#define RAM_BYTES     0x2000u
#define QUEUE_SIZE    16u
#define AVAIL	      0x100u
#define USED	      0x200u
#define REQUESTS      0x300u
#define REQUEST_BYTES 0x300u
#define READ_OUT      (uint32_t) offsetof(struct request, data)
#define SECTORS	      8u
#define KICKS	      3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
	if (!condition)
		abort();
}

/* The event loop goes round until nothing is left to do, and then ends. */
int epoll_wait(int epfd, struct epoll_event *events, int max, int timeout_ms)
{
	int n = (int)syscall(SYS_epoll_wait, epfd, events, max, 0);

	(void)timeout_ms;
	if (n > 0)
		return n;
	errno = EBADF; /* what evloop_run() returns with */
	return -1;
}

static void interrupt(void *ctx, uint32_t isr_bits)
{
	(void)ctx;
	(void)isr_bits;
}

/* The driver's part of 3.1.1; the features are the first byte's bits of what is offered. */
static void handshake(struct vdev *vdev, uint64_t features)
{
	const uint8_t ok = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER;
	struct virtq *vq = &vdev->queue[0];

	vdev_write_status(vdev, 0);
	vdev_write_status(vdev, ok);
	features &= vdev->features_offered;
	features |= 1ull << VIRTIO_F_VERSION_1;
	vdev_write_features(vdev, 0, (uint32_t)features);
	vdev_write_features(vdev, 1, (uint32_t)(features >> 32));
	vdev_write_status(vdev, ok | VIRTIO_STATUS_FEATURES_OK);
	vq->size = QUEUE_SIZE;
	vq->desc = gpa(0);
	vq->driver = gpa(AVAIL);
	vq->device = gpa(USED);
	vdev_enable_queue(vdev, 0);
	vdev_write_status(vdev, ok | VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK);
	check(vdev->active);
}

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

/* A request of two descriptors: `out` bytes to the device, and behind them `in` bytes from it. */
static void put_request(struct gmem *mem, unsigned int number, uint32_t type, uint32_t out,
			uint32_t in)
{
	const gpa_t at = gpa(REQUESTS + number * REQUEST_BYTES);
	const uint16_t head = (uint16_t)(2 * number);
	const struct desc desc[2] = {
		{htole64(at.addr), htole32(out), htole16(VIRTQ_DESC_F_NEXT), htole16(head + 1)},
		{htole64(at.addr + out), htole32(in), htole16(VIRTQ_DESC_F_WRITE), 0},
	};
	const struct virtio_blk_outhdr header = {.type = htole32(type), .sector = htole64(number)};
	const struct virtio_blk_discard_write_zeroes range = {
		.sector = htole64(2),
		.num_sectors = htole32(3),
	};
	const uint16_t entry = htole16(head);

	check(!gmem_write(mem, at, &header, sizeof(header)));
	check(!gmem_write(mem, gpa_add(at, sizeof(header)), &range, sizeof(range)));
	check(!gmem_fill(mem, gpa_add(at, out), 0xff, in));
	check(!gmem_write(mem, gpa(head * sizeof(desc[0])), desc, sizeof(desc)));
	check(!gmem_write(mem, gpa(AVAIL + 4 + 2 * number), &entry, sizeof(entry)));
	check(!gmem_store_release16(mem, gpa(AVAIL + 2), htole16((uint16_t)(number + 1))));
}

static void put_all_requests(struct gmem *mem)
{
	check(!gmem_fill(mem, gpa(0), 0, RAM_BYTES));
	put_request(mem, 0, VIRTIO_BLK_T_IN, 16, 513);
	put_request(mem, 1, VIRTIO_BLK_T_OUT, 528, 1);
	put_request(mem, 2, VIRTIO_BLK_T_DISCARD, 32, 1);
	put_request(mem, 3, VIRTIO_BLK_T_WRITE_ZEROES, 32, 1);
	put_request(mem, 4, VIRTIO_BLK_T_GET_ID, 16, 21);
	put_request(mem, 5, VIRTIO_BLK_T_FLUSH, 16, 1);
}

/* A read by the book must succeed whatever came before. */
static void serves_still(struct vdev *vdev, struct gmem *mem)
{
	uint8_t status;
	uint16_t index;

	check(!gmem_fill(mem, gpa(0), 0, RAM_BYTES));
	put_request(mem, 0, VIRTIO_BLK_T_IN, 16, 513);
	handshake(vdev, ~0ull);
	vdev_notify(vdev, 0);
	evloop_run(vdev->loop);
	check(!gmem_load_acquire16(mem, gpa(USED + 2), &index) && le16toh(index) == 1);
	check(!gmem_read(mem, gpa(REQUESTS + 16 + 512), &status, 1));
	check(status == VIRTIO_BLK_S_OK);
}

struct machine {
	struct gmem mem;
	uint8_t *ram;
	struct log log;
	struct disk disk;
	struct vdev *vdev;
};

/* Once for all inputs, each of which begins with a reset: an AIO context takes 30 ms to end. */
static void create(struct machine *m)
{
	struct device_env env = {.mem = &m->mem, .log = &m->log};

	/* With nothing mapped around it, so that a step outside RAM ends the fuzzer. */
	m->ram = mmap(NULL, 3 * RAM_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(m->ram != MAP_FAILED);
	m->ram += RAM_BYTES;
	check(!mprotect(m->ram, RAM_BYTES, PROT_READ | PROT_WRITE));
	check(!gmem_add(&m->mem, gpa(0), RAM_BYTES, m->ram));
	m->log = (struct log){.level = LOG_ERROR, .fd = -1};
	m->disk = (struct disk){
		.fd = memfd_create("disk", MFD_CLOEXEC),
		.size_bytes = SECTORS * DISK_SECTOR_BYTES,
		.logical_bytes = DISK_SECTOR_BYTES,
		.physical_bytes = DISK_SECTOR_BYTES,
		.align_bytes = DISK_SECTOR_BYTES,
		.can_discard = true,
		.can_write_zeroes = true,
	};
	check(m->disk.fd >= 0 && !ftruncate(m->disk.fd, (off_t)m->disk.size_bytes));
	check(!evloop_create(&env.loop));
	check(!blk_create(&env, &m->disk, &m->vdev));
	m->vdev->transport.interrupt = interrupt;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct machine machine;
	struct machine *m = &machine;

	if (size == 0)
		return 0;
	if (m->vdev == NULL)
		create(m);
	m->disk.read_only = (data[0] & 1) != 0;
	m->disk.direct = (data[0] & 2) != 0; /* bounces; the file in memory takes anything */
	put_all_requests(&m->mem);
	for (size_t i = 0; i < RAM_BYTES && i + 1 < size; i++)
		m->ram[i] ^= data[i + 1];
	handshake(m->vdev, (data[0] & 4) != 0 ? ~0ull : 0);
	for (int i = 0; i < KICKS; i++) {
		vdev_notify(m->vdev, 0);
		evloop_run(m->vdev->loop);
	}
	serves_still(m->vdev, &m->mem);
	return 0;
}
