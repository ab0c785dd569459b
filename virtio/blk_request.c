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
 * anywhere. Linux never does; a driver that does pays for a copy. 0, or why it cannot be.
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

/* How many buffers make the next piece, if all that is left is too much for one; cuts the last. */
static int cut_piece(struct blk_request *req)
{
	struct iovec *iov = req->iov + req->iov_done;
	int nr = 0;

	for (req->piece = 0; req->piece < BLK_PIECE_MAX_BYTES; nr++) {
		size_t room = BLK_PIECE_MAX_BYTES - req->piece;

		if (iov[nr].iov_len > room) {
			req->cut_bytes = iov[nr].iov_len - room;
			iov[nr].iov_len = room;
		}
		req->piece += iov[nr].iov_len;
	}
	return nr;
}

/*
 * Puts the buffers from `iov_done` on into `iocb`, as far as one piece goes. A block is never cut:
 * pieces and the aligned buffers of O_DIRECT are multiples of any block's size.
 */
static void fill_piece(struct blk_request *req, uint64_t first_byte)
{
	int nr = req->nr_iov - req->iov_done;

	req->piece = req->len - req->done;
	req->cut_bytes = 0;
	if (req->piece > BLK_PIECE_MAX_BYTES)
		nr = cut_piece(req);
	req->iocb.u.c.buf = req->iov + req->iov_done;
	req->iocb.u.c.nbytes = (unsigned long)nr;
	req->iocb.u.c.offset = (long long)first_byte;
}

static int start_transfer(struct blk_backend *backend, struct blk_request *req, uint64_t sector)
{
	struct vchain *chain = &req->chain;
	const struct disk *disk = backend->disk;
	long long offset = (long long)(sector * DISK_SECTOR_BYTES);
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
	chain->written = 0; /* what a read has written is known at its end */

	if (req->is_read)
		io_prep_preadv(&req->iocb, disk->fd, &req->bounce, 1, offset);
	else
		/*
		 * 5.2.6.2: a driver that cannot flush is promised that completed writes are stable.
		 */
		io_prep_pwritev2(&req->iocb, disk->fd, &req->bounce, 1, offset,
				 backend->write_through ? RWF_DSYNC : 0);
	if (disk->direct && !is_aligned(req, disk->align_bytes)) {
		req->piece = req->len;
		ret = bounce(backend, req);
		return ret != 0 ? ret : BLK_REQUEST_PREPARED;
	}
	req->waited = !req->is_read && backend->write_through && !disk->direct;
	fill_piece(req, sector * DISK_SECTOR_BYTES);
	return BLK_REQUEST_PREPARED;
}

/* ---- the other requests ---- */

/* Makes stable what has been completed before (5.2.6.2); a write still in flight need not be. */
static int start_flush(struct blk_backend *backend, struct blk_request *req)
{
	if (backend->disk->read_only)
		return VIRTIO_BLK_S_OK;
	req->len = 0;
	req->piece = 0;
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

/* 5.2.6.2: what is wrong with the range of a discard or write-zeroes; S_OK if nothing is. */
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

static int change_range(struct blk_backend *backend, struct blk_request *req, bool discard)
{
	struct virtio_blk_discard_write_zeroes range;
	int status;

	if (backend->disk->read_only || vchain_readable(&req->chain) != sizeof(range))
		return VIRTIO_BLK_S_IOERR;
	vchain_read(&req->chain, &range, sizeof(range));
	status = check_range(backend, &range, discard);
	if (status != VIRTIO_BLK_S_OK)
		return status;
	req->waited = true;
	status = run_range(backend, &range, discard);
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
	req->done = 0;
	req->iov_done = 0;
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
			return change_range(backend, req, true);
		break;
	case VIRTIO_BLK_T_WRITE_ZEROES:
		if (backend->write_zeroes)
			return change_range(backend, req, false);
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

/* Leaves the piece that has completed behind. */
static void next_piece(struct blk_request *req)
{
	uint64_t at = (uint64_t)req->iocb.u.c.offset + req->piece;

	req->done += req->piece;
	req->iov_done += (int)req->iocb.u.c.nbytes;
	if (req->cut_bytes > 0) {
		struct iovec *cut = &req->iov[--req->iov_done];

		cut->iov_base = (uint8_t *)cut->iov_base + cut->iov_len;
		cut->iov_len = req->cut_bytes;
	}
	fill_piece(req, at);
}

int blk_request_end(struct blk_request *req, long res)
{
	bool bounced = req->bounce.iov_base != NULL;

	if (req->is_read && res > 0 && !bounced)
		req->chain.written += (uint64_t)res;
	/* A short transfer is a file that was cut under us, or a host disk that is full. */
	if (res < 0 || (uint64_t)res != req->piece)
		return VIRTIO_BLK_S_IOERR;
	if (req->len - req->done > req->piece) {
		next_piece(req);
		return BLK_REQUEST_PREPARED;
	}
	if (req->is_read && bounced) {
		copy_to_guest(req);
		req->chain.written += req->len;
	}
	return VIRTIO_BLK_S_OK;
}

void blk_request_answer(struct blk_request *req, uint8_t status)
{
	struct vchain *chain = &req->chain;

	/* The chain was RAM when it was popped, and RAM does not go away. */
	(void)gmem_write(chain->vq->mem, status_byte(chain), &status, sizeof(status));
	chain->written += sizeof(status); /* 2.7.8: what was written, and no more */
}

void blk_request_release(struct blk_backend *backend, struct blk_request *req)
{
	if (req->bounce.iov_base == NULL)
		return;
	backend->bounce_bytes -= req->bounce.iov_len;
	free(req->bounce.iov_base);
	req->bounce = (struct iovec){0};
}
