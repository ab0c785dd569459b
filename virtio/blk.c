/* SPDX-License-Identifier: MIT */
/*
 * virtio-blk (virtio 1.2, section 5.2) on a host disk, served with Linux AIO.
 *
 *	doorbell -> pop chains -> one io_submit(2) -> eventfd -> io_getevents(2) -> used ring, one
 *	interrupt
 *
 * All of it runs with the device's lock held, nearly always on the I/O thread. With cache=none the
 * thread waits for the disk only to discard and to write zeroes. With cache=writeback io_submit()
 * copies from or to the page cache and so waits for a read that misses it; flushes are
 * asynchronous in either case. So a turn is bounded in chains and in bytes, a large request is
 * served in pieces, and the event loop comes between: other devices and the end of the run.
 *
 * What requests mean is in blk_request.c; this file moves them: a chain is popped into a free slot,
 * the slot waits in `pending` for the io_submit() that ends the batch, and its completion gives the
 * chain back. A reset waits for what is in the kernel's hands, because that writes to guest RAM.
 */
#include "virtio/blk.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <libaio.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "virtio/blk_request.h"
#include "vmm/core/array.h"

#define BLK_SLOTS VIRTQ_MAX_SIZE

struct blk {
	struct vdev vdev; /* first */
	struct virtio_blk_config config;
	struct blk_backend backend;
	struct vdev_event completed; /* completions, and our own "another turn" */

	/*
	 * Made when a driver first comes, and kept over resets: the kernel takes some 30 ms to
	 * dissolve it (two RCU grace periods), in io_destroy(2) or when the process ends.
	 */
	io_context_t aio;

	/* Between activate and deactivate. */
	struct blk_request *slot; /* BLK_SLOTS of them; only those in use are backed by memory */
	uint16_t free_slot[BLK_SLOTS];
	unsigned int nr_free;
	struct iocb *pending[BLK_SLOTS]; /* prepared, not yet taken by io_submit() */
	unsigned int nr_pending;
	unsigned int nr_submitted;
	uint64_t bytes_in_flight; /* pending or submitted */
};

static struct virtq *blk_queue(struct blk *blk)
{
	return &blk->vdev.queue[0];
}

/* After a guest fault nothing is served until the reset; what is in flight is only taken back. */
static bool is_live(struct blk *blk)
{
	return blk->vdev.active && (blk->vdev.status & VIRTIO_STATUS_NEEDS_RESET) == 0 &&
	       blk_queue(blk)->enabled;
}

/* ---- slots ---- */

/* The last slot given back comes first: its memory is backed and in the cache. */
static struct blk_request *take_slot(struct blk *blk)
{
	return blk->nr_free > 0 ? &blk->slot[blk->free_slot[--blk->nr_free]] : NULL;
}

static void release_slot(struct blk *blk, struct blk_request *req)
{
	blk_request_release(&blk->backend, req);
	blk->free_slot[blk->nr_free++] = (uint16_t)(req - blk->slot);
}

/* Answers the request and gives its slot back. The caller interrupts, once for many. */
static void finish(struct blk *blk, struct blk_request *req, uint8_t status)
{
	if (is_live(blk)) {
		blk_request_answer(req, status);
		if (virtq_push(blk_queue(blk), &req->chain) != 0)
			vdev_guest_fault(&blk->vdev, "a used ring outside RAM");
	}
	release_slot(blk, req);
}

/* ---- the queue ---- */

static void disk_failed(struct blk *blk, int error)
{
	vdev_log(&blk->vdev, LOG_WARN, "the host's disk fails a request: %s", strerror(error));
}

/* Says why a piece that returned `res` has failed, if it has. */
static void judge(struct blk *blk, const struct blk_request *req, long res)
{
	if (res < 0)
		disk_failed(blk, (int)-res);
	else if ((uint64_t)res != req->piece && req->is_read)
		vdev_log(&blk->vdev, LOG_WARN,
			 "the image ends before the disk does: it was shortened while in use; "
			 "restore its size of %" PRIu64 " bytes",
			 blk->backend.disk->size_bytes);
	else if ((uint64_t)res != req->piece)
		vdev_log(&blk->vdev, LOG_WARN,
			 "the host's disk took %ld of the %" PRIu64 " bytes of a write; look "
			 "whether its file system is full",
			 res, req->piece);
}

/* The kernel did not take a request at all. */
static void refused(struct blk *blk, struct blk_request *req, int error)
{
	bool ok = false;

	/* Linux before 4.18 has no asynchronous fdatasync. */
	if (req->iocb.aio_lio_opcode == IO_CMD_FDSYNC && error == -EINVAL)
		ok = fdatasync(blk->backend.disk->fd) == 0;
	if (!ok)
		disk_failed(blk, -error);
	blk->bytes_in_flight -= req->piece;
	finish(blk, req, ok ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR);
}

/* Hands over what is pending; what the kernel has no room for waits for the next completion. */
static void submit(struct blk *blk)
{
	unsigned int done = 0;

	while (done < blk->nr_pending) {
		int n = io_submit(blk->aio, blk->nr_pending - done, blk->pending + done);

		if (n > 0) {
			done += (unsigned int)n;
			blk->nr_submitted += (unsigned int)n;
		} else if (n == -EAGAIN && blk->nr_submitted > 0) {
			break;
		} else {
			refused(blk, blk->pending[done++]->data, n);
		}
	}
	blk->nr_pending -= done;
	memmove(blk->pending, blk->pending + done, blk->nr_pending * sizeof(blk->pending[0]));
}

static void enqueue(struct blk *blk, struct blk_request *req)
{
	req->iocb.data = req;
	io_set_eventfd(&req->iocb, blk->completed.source.fd);
	blk->pending[blk->nr_pending++] = &req->iocb;
	blk->bytes_in_flight += req->piece;
}

/* What taking a chain says about taking the next. */
enum turn {
	TURN_CONTINUES,
	TURN_IS_LONG, /* the I/O thread has waited for the disk; others come first */
	TURN_IS_FULL, /* there is no room now, the chain stays in the ring */
};

static enum turn serve_chain(struct blk *blk, struct blk_request *req)
{
	enum turn turn;
	int ret;

	if (!blk_request_is_well_formed(&req->chain)) {
		vdev_guest_fault(&blk->vdev, "a request without a header or room for its status");
		release_slot(blk, req);
		return TURN_CONTINUES;
	}
	ret = blk_request_start(&blk->backend, req);
	if (ret == BLK_REQUEST_NO_ROOM) {
		virtq_unpop(blk_queue(blk));
		release_slot(blk, req);
		return TURN_IS_FULL;
	}
	turn = req->waited ? TURN_IS_LONG : TURN_CONTINUES;
	if (ret == BLK_REQUEST_PREPARED)
		enqueue(blk, req);
	else
		finish(blk, req, (uint8_t)ret); /* another request may take the slot now */
	return turn;
}

/*
 * Takes at most a queue full of chains, so that a driver that refills the ring as fast as it is
 * emptied does not keep the I/O thread, and chains only as long as few bytes are in flight, since
 * io_submit() may copy them while the device's lock is held.
 */
static enum turn serve_chains(struct blk *blk)
{
	struct virtq *vq = blk_queue(blk);
	enum turn turn = TURN_CONTINUES;

	for (unsigned int budget = vq->size; is_live(blk) && turn == TURN_CONTINUES; budget--) {
		struct blk_request *req;

		if (budget == 0)
			return TURN_IS_LONG;
		if (blk->bytes_in_flight >= BLK_PIECE_MAX_BYTES)
			return TURN_IS_FULL;
		req = take_slot(blk);
		if (req == NULL)
			return TURN_IS_FULL;
		if (vdev_pop(&blk->vdev, vq, &req->chain) > 0) {
			turn = serve_chain(blk, req);
			continue;
		}
		release_slot(blk, req);
		if (!virtq_want_notify(vq, true))
			break;
	}
	return turn;
}

/*
 * What stays in the ring is served when the other devices had their turn, or when there is room
 * again: a completion calls us, and where all was refused and none will come, we do so ourselves.
 */
static void serve_queue(struct blk *blk)
{
	struct virtq *vq = blk_queue(blk);
	enum turn turn;

	virtq_want_notify(vq, false);
	turn = serve_chains(blk);
	submit(blk);
	if (turn == TURN_IS_LONG || (turn == TURN_IS_FULL && blk->nr_submitted == 0))
		vdev_event_signal(&blk->completed);
	vdev_queue_interrupt(&blk->vdev, vq);
}

/* Takes back whatever has completed. */
static void reap(struct blk *blk)
{
	struct timespec at_once = {0};
	struct io_event event[32];
	const int max = NR_OF(event);
	int n;

	do {
		n = io_getevents(blk->aio, 0, max, event, &at_once);
		for (int i = 0; i < n; i++) {
			struct blk_request *req = event[i].data;
			long res = (long)event[i].res;
			int status;

			blk->nr_submitted--;
			blk->bytes_in_flight -= req->piece;
			judge(blk, req, res);
			status = blk_request_end(req, res);
			if (status == BLK_REQUEST_PREPARED)
				enqueue(blk, req);
			else
				finish(blk, req, (uint8_t)status);
		}
	} while (n == max);
}

static void blk_completed(struct vdev_event *event, uint32_t epoll_events)
{
	struct blk *blk = (struct blk *)event->vdev;

	(void)epoll_events;
	reap(blk);
	serve_queue(blk);
}

/* ---- the device ---- */

static void blk_notify(struct vdev *vdev, unsigned int queue)
{
	(void)queue; /* there is one */
	serve_queue((struct blk *)vdev);
}

static int blk_activate(struct vdev *vdev)
{
	struct blk *blk = (struct blk *)vdev;
	int ret = 0;

	/* Not malloc(): this must stay untouched, 2 MiB that only a deep queue comes to use. */
	blk->slot = mmap(NULL, BLK_SLOTS * sizeof(*blk->slot), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (blk->slot == MAP_FAILED)
		return -errno;
	if (blk->aio == NULL)
		ret = io_setup(BLK_SLOTS, &blk->aio);
	if (ret == -EAGAIN)
		vdev_log(vdev, LOG_ERROR,
			 "the host's asynchronous requests are used up; raise the limit "
			 "with \"sysctl fs.aio-max-nr=1048576\"");
	if (ret == 0)
		ret = vdev_event_watch(&blk->completed, EPOLLIN);
	if (ret < 0) {
		munmap(blk->slot, BLK_SLOTS * sizeof(*blk->slot));
		return ret;
	}
	for (uint16_t i = 0; i < BLK_SLOTS; i++)
		blk->free_slot[i] = (uint16_t)(BLK_SLOTS - 1 - i);
	blk->nr_free = BLK_SLOTS;
	blk->backend.discard = vdev_has_feature(vdev, VIRTIO_BLK_F_DISCARD);
	blk->backend.write_zeroes = vdev_has_feature(vdev, VIRTIO_BLK_F_WRITE_ZEROES);
	blk->backend.write_through = !vdev_has_feature(vdev, VIRTIO_BLK_F_FLUSH);
	return 0;
}

/* Waits for the host's disk, and for nothing else: what it was given cannot be taken back. */
static void blk_deactivate(struct vdev *vdev)
{
	struct blk *blk = (struct blk *)vdev;
	struct io_event event;

	vdev_event_ignore(&blk->completed);
	for (unsigned int i = 0; i < blk->nr_pending; i++)
		release_slot(blk, blk->pending[i]->data);
	blk->nr_pending = 0;
	blk->bytes_in_flight = 0;
	while (blk->nr_submitted > 0) {
		int n = io_getevents(blk->aio, 1, 1, &event, NULL);

		assert(n == 1 || n == -EINTR);
		if (n != 1)
			continue;
		release_slot(blk, event.data);
		blk->nr_submitted--;
	}
	munmap(blk->slot, BLK_SLOTS * sizeof(*blk->slot));
}

static void blk_destroy(struct vdev *vdev)
{
	struct blk *blk = (struct blk *)vdev;

	vdev_fini(vdev);
	if (blk->aio != NULL)
		io_destroy(blk->aio);
	vdev_event_close(&blk->completed);
	free(blk);
}

static const struct vdev_ops blk_ops = {
	.name = "virtio-blk",
	.device_id = VIRTIO_ID_BLOCK,
	.activate = blk_activate,
	.deactivate = blk_deactivate,
	.notify = blk_notify,
	.destroy = blk_destroy,
};

static uint64_t offered_features(const struct disk *disk)
{
	uint64_t features = 1ull << VIRTIO_BLK_F_SEG_MAX | 1ull << VIRTIO_BLK_F_BLK_SIZE |
			    1ull << VIRTIO_BLK_F_TOPOLOGY | 1ull << VIRTIO_BLK_F_FLUSH;

	if (disk->read_only)
		features |= 1ull << VIRTIO_BLK_F_RO;
	if (disk->can_discard)
		features |= 1ull << VIRTIO_BLK_F_DISCARD;
	if (disk->can_write_zeroes)
		features |= 1ull << VIRTIO_BLK_F_WRITE_ZEROES;
	return features;
}

static struct virtio_blk_config describe(const struct disk *disk)
{
	uint32_t blocks = disk->physical_bytes / disk->logical_bytes;
	struct virtio_blk_config config = {
		.capacity = htole64(disk->size_bytes / DISK_SECTOR_BYTES),
		.seg_max = htole32(VIRTQ_MAX_SIZE - 2), /* besides the header and the status */
		.blk_size = htole32(disk->logical_bytes),
		.physical_block_exp = (uint8_t)__builtin_ctz(blocks),
		.min_io_size = htole16((uint16_t)blocks),
	};

	if (disk->can_discard) {
		config.max_discard_sectors = htole32(BLK_MAX_DISCARD_SECTORS);
		config.max_discard_seg = htole32(1);
		config.discard_sector_alignment = htole32(disk->physical_bytes / DISK_SECTOR_BYTES);
	}
	if (disk->can_write_zeroes) {
		config.max_write_zeroes_sectors = htole32(BLK_MAX_WRITE_ZEROES_SECTORS);
		config.max_write_zeroes_seg = htole32(1);
		config.write_zeroes_may_unmap = disk->can_discard || disk->is_block_device;
	}
	return config;
}

int blk_create(const struct device_env *env, struct disk *disk, struct vdev **vdev)
{
	struct blk *blk = calloc(1, sizeof(*blk));
	int ret;

	if (blk == NULL)
		return -ENOMEM;
	blk->backend.disk = disk;
	blk->config = describe(disk);
	blk->vdev.ops = &blk_ops;
	blk->vdev.id = disk->id;
	blk->vdev.features_offered = offered_features(disk);
	blk->vdev.config = (uint8_t *)&blk->config;
	blk->vdev.config_size = sizeof(blk->config);
	blk->vdev.nr_queues = 1;

	ret = vdev_event_open(&blk->completed, &blk->vdev, blk_completed);
	if (ret < 0)
		goto free_blk;
	ret = vdev_init(&blk->vdev, env);
	if (ret < 0)
		goto close_event;
	*vdev = &blk->vdev;
	return 0;

close_event:
	vdev_event_close(&blk->completed);
free_blk:
	free(blk);
	return ret;
}
