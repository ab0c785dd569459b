/* SPDX-License-Identifier: MIT */
/*
 * One virtio-blk request (virtio 1.2, section 5.2.6): from the chain that the driver made to the
 * operation that the host is asked for, and from its result to the status byte.
 */
#ifndef VIRTIO_BLK_REQUEST_H
#define VIRTIO_BLK_REQUEST_H

#include <libaio.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "virtio/disk.h"
#include "virtio/virtq.h"

/*
 * How much a discard or write-zeroes may ask for, in its only range: they have no asynchronous
 * form, and must not hold up the I/O thread for long.
 */
#define BLK_MAX_DISCARD_SECTORS	     ((1u << 30) / DISK_SECTOR_BYTES)
#define BLK_MAX_WRITE_ZEROES_SECTORS ((32u << 20) / DISK_SECTOR_BYTES)

/*
 * What the kernel is given of one request at a time. Through the page cache a transfer keeps the
 * I/O thread until it is over, and a disk's end waits for what is in flight.
 */
#define BLK_PIECE_MAX_BYTES (16u << 20)

/* Host memory for buffers that O_DIRECT does not take as the guest cut them, in all. */
#define BLK_BOUNCE_MAX_BYTES BLK_PIECE_MAX_BYTES

/* What all requests of a device share. */
struct blk_backend {
	const struct disk *disk;
	bool discard, write_zeroes; /* negotiated */
	bool write_through;	    /* completed writes are stable (5.2.6.2) */
	size_t bounce_bytes;	    /* in use */
};

struct blk_request {
	struct iocb iocb;
	uint64_t len;	/* bytes to transfer in all */
	uint64_t done;	/* in the pieces before the one in `iocb` */
	uint64_t piece; /* what that one returns when it is complete */
	bool is_read;
	bool waited;	     /* blk_request_start() has waited for the disk, or io_submit() will */
	struct iovec bounce; /* iov_base is NULL if the guest's buffers serve */
	int nr_iov, iov_done;
	size_t cut_bytes; /* of the last buffer in the piece, left to the next piece */
	struct iovec iov[VIRTQ_MAX_SIZE];
	struct vchain chain;
};

/* What blk_request_start() gives besides VIRTIO_BLK_S_*. */
#define BLK_REQUEST_PREPARED 256 /* `iocb` is to be submitted, then comes blk_request_end() */
#define BLK_REQUEST_NO_ROOM  257 /* to be tried again when another request has been released */

/* Has `chain` a header, and room for the status? Nothing can be answered without. */
bool blk_request_is_well_formed(const struct vchain *chain);

/* Starts the request in `chain`, which is well-formed. Everything in it is checked here. */
int blk_request_start(struct blk_backend *backend, struct blk_request *req);

/*
 * The status of an operation that returned `res` (bytes or -errno), or BLK_REQUEST_PREPARED if
 * `iocb` is to be submitted again, for the next piece.
 */
int blk_request_end(struct blk_request *req, long res);

/* Writes the status byte; the chain is ready for virtq_push(). */
void blk_request_answer(struct blk_request *req, uint8_t status);

/* Gives back what the request holds; in any state after blk_request_start(). */
void blk_request_release(struct blk_backend *backend, struct blk_request *req);

#endif
