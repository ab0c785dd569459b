/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as what a driver of virtio-blk leaves in RAM: descriptors, rings, requests. The device
 * may refuse, fault or serve; it must stay in RAM, leave the event loop idle, and still serve after
 * a reset. The first byte of the input chooses the disk and the features.
 */
#include <linux/virtio_blk.h>

#include "tests/fuzz/fuzz_vdev.h"
#include "virtio/blk.h"

#define RAM_BYTES     0x2000u
#define REQUESTS      0x300u
#define REQUEST_BYTES 0x300u
#define SECTORS	      8u
#define KICKS	      3

struct machine {
	struct fuzz_guest g;
	struct disk disk;
	struct vdev *vdev;
};

/* Once for all inputs, each of which begins with a reset: an AIO context takes 30 ms to end. */
static void create(struct machine *m)
{
	fuzz_guest_init(&m->g, RAM_BYTES);
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
	check(!blk_create(&m->g.env, &m->disk, &m->vdev));
}

static void put_request(struct machine *m, uint16_t n, uint32_t type, uint32_t out, uint32_t in)
{
	const struct {
		struct virtio_blk_outhdr header;
		struct virtio_blk_discard_write_zeroes range;
	} request = {
		.header = {.type = htole32(type), .sector = htole64(n)},
		.range = {.sector = htole64(2), .num_sectors = htole32(3)},
	};
	const gpa_t at = gpa(REQUESTS + n * REQUEST_BYTES);

	check(!gmem_write(&m->g.mem, at, &request, sizeof(request)));
	check(!gmem_fill(&m->g.mem, gpa_add(at, out), 0xff, in));
	fuzz_put_chain(&m->g, 0, n, at, out, in);
}

/* A read by the book must succeed whatever came before. */
static void serves_still(struct machine *m)
{
	uint8_t status;

	fuzz_clear(&m->g);
	put_request(m, 0, VIRTIO_BLK_T_IN, 16, 513);
	fuzz_handshake(m->vdev, ~0ull);
	vdev_notify(m->vdev, 0);
	evloop_run(m->g.env.loop);
	check(fuzz_used(&m->g, 0) == 1);
	check(!gmem_read(&m->g.mem, gpa(REQUESTS + 16 + 512), &status, 1));
	check(status == VIRTIO_BLK_S_OK);
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
	fuzz_clear(&m->g);
	put_request(m, 0, VIRTIO_BLK_T_IN, 16, 513);
	put_request(m, 1, VIRTIO_BLK_T_OUT, 528, 1);
	put_request(m, 2, VIRTIO_BLK_T_DISCARD, 32, 1);
	put_request(m, 3, VIRTIO_BLK_T_WRITE_ZEROES, 32, 1);
	put_request(m, 4, VIRTIO_BLK_T_GET_ID, 16, 21);
	put_request(m, 5, VIRTIO_BLK_T_FLUSH, 16, 1);
	fuzz_change(&m->g, data + 1, size - 1);
	fuzz_handshake(m->vdev, (data[0] & 4) != 0 ? ~0ull : 0);
	for (int i = 0; i < KICKS; i++) {
		vdev_notify(m->vdev, 0);
		evloop_run(m->g.env.loop);
	}
	serves_still(m);
	return 0;
}
