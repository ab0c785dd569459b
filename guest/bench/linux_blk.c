/* SPDX-License-Identifier: MIT */
/* Block requests by libaio's system calls (io_setup(2) and its relatives), without the library. */
#include <linux/aio_abi.h>
#include <asm/fcntl.h>

#include "guest/bench/blk_io.h"
#include "guest/bench/linux_syscall.h"

#define SEEK_END 2

struct control {
	struct iocb iocb[BLK_MAX_DEPTH];
	struct iocb *queued[BLK_MAX_DEPTH];
};

static const char *open_file(struct blk_io *io, const struct options *options)
{
	const char *reason = NULL;

	if (!options->file)
		return "no file; use file=PATH";
	io->aio.fd = linux_call3(__NR_open, options->file, O_RDWR | O_DIRECT, 0);
	if (io->aio.fd < 0) {
		io->read_only = true;
		io->aio.fd = linux_call3(__NR_open, options->file, O_RDONLY | O_DIRECT, 0);
	}
	if (io->aio.fd < 0)
		return "cannot open the file with O_DIRECT";
	io->size = (uint64_t)linux_call3(__NR_lseek, io->aio.fd, 0, SEEK_END);
	io->aio.context = 0;
	io->aio.control =
		io->env->ops->alloc(io->env, sizeof(struct control), ENV_PAGES_4K, &reason);
	if (!io->aio.control) {
		linux_call1(__NR_close, io->aio.fd);
		return reason;
	}
	if (linux_call2(__NR_io_setup, io->depth, &io->aio.context) < 0) {
		linux_call1(__NR_close, io->aio.fd);
		return "io_setup: no asynchronous I/O";
	}
	return NULL;
}

static void queue(struct blk_io *io, unsigned int slot, bool is_write, uint64_t offset, void *data,
		  uint32_t len)
{
	struct control *control = io->aio.control;

	control->iocb[slot] = (struct iocb){
		.aio_data = slot,
		.aio_lio_opcode = is_write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
		.aio_fildes = (uint32_t)io->aio.fd,
		.aio_buf = (uintptr_t)data,
		.aio_nbytes = len,
		.aio_offset = (int64_t)offset,
	};
	control->queued[io->queued++] = &control->iocb[slot];
}

static bool push(struct blk_io *io)
{
	struct control *control = io->aio.control;
	unsigned int done = 0;

	while (done < io->queued) {
		long n = linux_call3(__NR_io_submit, io->aio.context, io->queued - done,
				     control->queued + done);

		if (n <= 0)
			return false;
		done += (unsigned int)n;
	}
	io->queued = 0;
	return true;
}

static int wait(struct blk_io *io, unsigned int slots[BLK_MAX_DEPTH])
{
	const struct control *control = io->aio.control;
	struct io_event events[BLK_MAX_DEPTH];
	long n = linux_call6(__NR_io_getevents, (long)io->aio.context, 1, BLK_MAX_DEPTH,
			     (long)events, 0, 0);

	for (long i = 0; i < n; i++) {
		slots[i] = (unsigned int)events[i].data;
		if (events[i].res != (int64_t)control->iocb[slots[i]].aio_nbytes)
			return -1;
	}
	return n > 0 ? (int)n : -1;
}

static const char *flush(struct blk_io *io)
{
	return linux_call1(__NR_fdatasync, io->aio.fd) == 0 ? NULL : "fdatasync failed";
}

static void close_file(struct blk_io *io)
{
	linux_call1(__NR_io_destroy, io->aio.context);
	linux_call1(__NR_close, io->aio.fd);
}

const struct blk_ops linux_blk_ops = {
	.open = open_file,
	.queue = queue,
	.push = push,
	.wait = wait,
	.flush = flush,
	.close = close_file,
};
