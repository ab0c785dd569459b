/* SPDX-License-Identifier: MIT */
/* One virtio-blk request (virtio 1.2, section 5.2.6): checked, prepared, and answered. */
#include "virtio/blk_request.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_blk.h>
#include <stdlib.h>
#include <string.h>

/* ---- reads and writes ---- */

static bool in_capacity(const struct disk *disk, uint64_t sector, uint64_t nr_sectors)
{
	uint64_t capacity = disk->size_bytes / DISK_SECTOR_BYTES;

	return sector <= capacity && nr_sectors <= capacity - sector;
}

static bool is_aligned(const struct blk_request *req, uint32_t align)
{
	for (int i = 0; i < req->nr_iov; i++) {
		if (((uintptr_t)req->iov[i].iov_base | req->iov[i].iov_len) & (align - 1))
			return false;
	}
	return true;
}

static void copy_from_guest(struct blk_request *req)
{
	uint8_t *to = req->bounce.iov_base;

	for (int i = 0; i < req->nr_iov; to += req->iov[i++].iov_len)
		memcpy(to, req->iov[i].iov_base, req->iov[i].iov_len);
}

static void copy_to_guest(struct blk_request *req)
{
	const uint8_t *from = req->bounce.iov_base;

	for (int i = 0; i < req->nr_iov; from += req->iov[i++].iov_len)
		memcpy(req->iov[i].iov_base, from, req->iov[i].iov_len);
}

/*
 * O_DIRECT wants whole blocks in aligned memory, but 2.7.4 lets the driver cut its buffers
 * anywhere. Linux never does; whoever does pays for a copy. 0, or why it cannot be.
 */
static int bounce(struct blk_backend *backend, struct blk_request *req)
{
	size_t len = (size_t)req->len;
	void *buffer;

	if (len > BLK_BOUNCE_MAX_BYTES)
		return VIRTIO_BLK_S_IOERR;
	if (len > BLK_BOUNCE_MAX_BYTES - backend->bounce_bytes)
		return BLK_REQUEST_NO_ROOM;
	if (posix_memalign(&buffer, backend->disk->align_bytes, len) != 0)
		return VIRTIO_BLK_S_IOERR;
	req->bounce = (struct iovec){.iov_base = buffer, .iov_len = len};
	backend->bounce_bytes += len;
	if (!req->is_read)
		copy_from_guest(req);
	return 0;
}

static int start_transfer(struct blk_backend *backend, struct blk_request *req, uint64_t sector)
{
	struct vchain *chain = &req->chain;
	const struct disk *disk = backend->disk;
	const struct iovec *iov = req->iov;
	int ret;

	req->len = req->is_read ? vchain_writable(chain) - 1 : vchain_readable(chain);
	if (!req->is_read && disk->read_only) /* 5.2.6.2 */
		return VIRTIO_BLK_S_IOERR;
	/* 5.2.6.1: whole sectors, none of them beyond the capacity. */
	if (req->len == 0 || req->len % DISK_SECTOR_BYTES != 0 ||
	    !in_capacity(disk, sector, req->len / DISK_SECTOR_BYTES))
		return VIRTIO_BLK_S_IOERR;

	req->nr_iov = req->is_read ? vchain_iov_writable(chain, req->len, req->iov, VIRTQ_MAX_SIZE)
				   : vchain_iov_readable(chain, req->len, req->iov, VIRTQ_MAX_SIZE);
	if (req->nr_iov < 0)
		return VIRTIO_BLK_S_IOERR;
	if (disk->direct && !is_aligned(req, disk->align_bytes)) {
		ret = bounce(backend, req);
		if (ret != 0)
			return ret;
		iov = &req->bounce;
	}

	if (req->is_read)
		io_prep_preadv(&req->iocb, disk->fd, iov, iov == req->iov ? req->nr_iov : 1,
			       (long long)(sector * DISK_SECTOR_BYTES));
	else
		/*
		 * 5.2.6.2: a driver that cannot flush is promised that completed writes are stable.
		 */
		io_prep_pwritev2(&req->iocb, disk->fd, iov, iov == req->iov ? req->nr_iov : 1,
				 (long long)(sector * DISK_SECTOR_BYTES),
				 backend->write_through ? RWF_DSYNC : 0);
	return BLK_REQUEST_PREPARED;
}

/* ---- the other requests ---- */

/* Makes stable what has been completed before (5.2.6.2); a write still in flight need not be. */
static int start_flush(struct blk_backend *backend, struct blk_request *req)
{
	if (backend->disk->read_only)
		return VIRTIO_BLK_S_OK;
	req->len = 0;
	io_prep_fdsync(&req->iocb, backend->disk->fd);
	return BLK_REQUEST_PREPARED;
}

static int get_id(struct blk_backend *backend, struct blk_request *req)
{
	size_t room = vchain_writable(&req->chain) - 1;

	/* NUL-padded, without a NUL if all 20 bytes are used (5.2.6). */
	vchain_write(&req->chain, backend->disk->id,
		     room < VIRTIO_BLK_ID_BYTES ? room : VIRTIO_BLK_ID_BYTES);
	return VIRTIO_BLK_S_OK;
}

/* 5.2.6.2: what is wrong with one range of a discard or write-zeroes; S_OK if nothing is. */
static int check_range(const struct blk_backend *backend,
		       const struct virtio_blk_discard_write_zeroes *range, bool discard)
{
	uint32_t max = discard ? BLK_MAX_DISCARD_SECTORS : BLK_MAX_WRITE_ZEROES_SECTORS;
	uint32_t known_flags = discard ? 0 : VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
	uint32_t nr_sectors = le32toh(range->num_sectors);

	if ((le32toh(range->flags) & ~known_flags) != 0)
		return VIRTIO_BLK_S_UNSUPP;
	if (nr_sectors > max || !in_capacity(backend->disk, le64toh(range->sector), nr_sectors))
		return VIRTIO_BLK_S_IOERR;
	return VIRTIO_BLK_S_OK;
}

static int run_range(const struct blk_backend *backend,
		     const struct virtio_blk_discard_write_zeroes *range, bool discard)
{
	uint64_t offset = le64toh(range->sector) * DISK_SECTOR_BYTES;
	uint64_t len = (uint64_t)le32toh(range->num_sectors) * DISK_SECTOR_BYTES;
	bool unmap = (le32toh(range->flags) & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP) != 0;
	int ret = discard ? disk_discard(backend->disk, offset, len)
			  : disk_write_zeroes(backend->disk, offset, len, unmap);

	if (ret == -EOPNOTSUPP)
		return VIRTIO_BLK_S_UNSUPP;
	return ret == 0 ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
}

static int run_ranges(struct blk_backend *backend, struct blk_request *req, bool discard)
{
	struct virtio_blk_discard_write_zeroes range[BLK_MAX_RANGES];
	size_t bytes = vchain_readable(&req->chain);
	size_t nr = bytes / sizeof(range[0]);
	int status = VIRTIO_BLK_S_OK;

	if (backend->disk->read_only || nr == 0 || bytes % sizeof(range[0]) != 0 ||
	    nr > BLK_MAX_RANGES)
		return VIRTIO_BLK_S_IOERR;
	vchain_read(&req->chain, range, bytes);
	/* All are checked before the first is touched. */
	for (size_t i = 0; i < nr && status == VIRTIO_BLK_S_OK; i++)
		status = check_range(backend, &range[i], discard);
	req->waited = status == VIRTIO_BLK_S_OK;
	for (size_t i = 0; i < nr && status == VIRTIO_BLK_S_OK; i++)
		status = run_range(backend, &range[i], discard);
	if (status != VIRTIO_BLK_S_OK || !backend->write_through)
		return status;
	return start_flush(backend, req);
}

int blk_request_start(struct blk_backend *backend, struct blk_request *req)
{
	struct virtio_blk_outhdr header;
	uint32_t type;

	vchain_read(&req->chain, &header, sizeof(header));
	type = le32toh(header.type);
	req->is_read = type == VIRTIO_BLK_T_IN;
	req->waited = false;
	switch (type) {
	case VIRTIO_BLK_T_IN:
	case VIRTIO_BLK_T_OUT:
		return start_transfer(backend, req, le64toh(header.sector));
	case VIRTIO_BLK_T_FLUSH:
		return start_flush(backend, req);
	case VIRTIO_BLK_T_GET_ID:
		return get_id(backend, req);
	case VIRTIO_BLK_T_DISCARD:
		if (backend->discard)
			return run_ranges(backend, req, true);
		break;
	case VIRTIO_BLK_T_WRITE_ZEROES:
		if (backend->write_zeroes)
			return run_ranges(backend, req, false);
		break;
	}
	return VIRTIO_BLK_S_UNSUPP;
}

/* ---- the answer ---- */

/* The status is the last byte of the writable stream, wherever the driver cut it (5.2.6, 2.7.4). */
static gpa_t status_byte(const struct vchain *chain)
{
	unsigned int last = chain->nr_segments - 1u;

	while (chain->segment[last].len == 0)
		last--;
	return gpa_add(chain->segment[last].at, chain->segment[last].len - 1u);
}

bool blk_request_is_well_formed(const struct vchain *chain)
{
	return chain->readable_bytes >= sizeof(struct virtio_blk_outhdr) &&
	       chain->writable_bytes >= 1;
}

uint8_t blk_request_end(struct blk_request *req, long res)
{
	/* A short transfer is a file that was cut under us, or a host disk that is full. */
	if (res < 0 || (uint64_t)res != req->len)
		return VIRTIO_BLK_S_IOERR;
	if (req->bounce.iov_base != NULL && req->is_read)
		copy_to_guest(req);
	return VIRTIO_BLK_S_OK;
}

void blk_request_answer(struct blk_request *req, uint8_t status)
{
	struct vchain *chain = &req->chain;

	/* The chain was RAM when it was popped, and RAM does not go away. */
	(void)gmem_write(chain->vq->mem, status_byte(chain), &status, sizeof(status));
	/* 2.7.8.2 counts from the front: with the status, everything before it. */
	chain->written = chain->writable_bytes;
}

void blk_request_release(struct blk_backend *backend, struct blk_request *req)
{
	if (req->bounce.iov_base == NULL)
		return;
	backend->bounce_bytes -= req->bounce.iov_len;
	free(req->bounce.iov_base);
	req->bounce = (struct iovec){0};
}
