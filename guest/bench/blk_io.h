/* SPDX-License-Identifier: MIT */
/*
 * Asynchronous block requests: libaio's system calls on a file opened with O_DIRECT (linux_blk.c),
 * or virtio-blk (payload_blk.c). One handle, a fixed number of slots; each slot has at most one
 * request under way.
 */
#ifndef BENCH_BLK_IO_H
#define BENCH_BLK_IO_H

#include "guest/bench/bench.h"
#include "guest/bench/payload_virtio.h"

#define BLK_MAX_DEPTH 64
#define BLK_SECTOR    512u

struct blk_io {
	struct env *env;
	unsigned int depth;
	uint64_t size; /* bytes */
	bool read_only;
	unsigned int queued; /* requests since the last blk_push() */
	union {
		struct {
			long fd;
			unsigned long context;
			void *control; /* a struct iocb for each slot, and one pointer each */
		} aio;
		struct {
			struct virtio_queue queue;
			void *header; /* what each slot's request begins and ends with */
			bool has_flush;
		} disk;
	};
};

/* How to open, submit and so on; see below. */
struct blk_ops {
	const char *(*open)(struct blk_io *io, const struct options *options);
	void (*queue)(struct blk_io *io, unsigned int slot, bool is_write, uint64_t offset,
		      void *data, uint32_t len);
	bool (*push)(struct blk_io *io);
	int (*wait)(struct blk_io *io, unsigned int slots[BLK_MAX_DEPTH]);
	const char *(*flush)(struct blk_io *io);
	void (*close)(struct blk_io *io);
};

extern const struct blk_ops linux_blk_ops, payload_blk_ops;

static inline const struct blk_ops *blk_ops(const struct blk_io *io)
{
	return io->env->payload ? &payload_blk_ops : &linux_blk_ops;
}

/* Opens for `depth` slots. NULL, or why it cannot; then nothing has to be closed. */
static inline const char *blk_open(struct blk_io *io, struct env *env, unsigned int depth,
				   const struct options *options)
{
	*io = (struct blk_io){.env = env, .depth = depth};
	return blk_ops(io)->open(io, options);
}

/* Prepares a request; it starts with blk_push(). `data` stays the slot's until it is done. */
static inline void blk_queue(struct blk_io *io, unsigned int slot, bool is_write, uint64_t offset,
			     void *data, uint32_t len)
{
	blk_ops(io)->queue(io, slot, is_write, offset, data, len);
}

/* False if the requests were refused. */
static inline bool blk_push(struct blk_io *io)
{
	return blk_ops(io)->push(io);
}

/* Waits for one request at least; returns how many are done, their slots, or -1 if one failed. */
static inline int blk_wait(struct blk_io *io, unsigned int slots[BLK_MAX_DEPTH])
{
	return blk_ops(io)->wait(io, slots);
}

/* Makes all finished writes durable. NULL or what went wrong. */
static inline const char *blk_flush(struct blk_io *io)
{
	return blk_ops(io)->flush(io);
}

static inline void blk_close(struct blk_io *io)
{
	blk_ops(io)->close(io);
}

#endif
