/* SPDX-License-Identifier: MIT */
/*
 * For tests of virtio-blk: an image in a temporary directory behind the device, a fake driver in
 * front of it, and requests in any shape. io_submit(2) and epoll_wait(2) are wrapped, so that
 * batches and wake-ups are seen and the kernel can be made to refuse.
 */
#ifndef TESTS_UNIT_BLK_FIXTURE_H
#define TESTS_UNIT_BLK_FIXTURE_H

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <libaio.h>
#include <linux/virtio_blk.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <cmocka.h>

#include "tests/unit/fake_driver.h"
#include "tests/unit/image.h"
#include "virtio/blk.h"
#include "virtio/blk_request.h"
#include "vmm/core/array.h"

#define SECTORS	     256u /* of the image: 128 KiB */
#define ALL	     (~0ull)
#define FEATURE(bit) (1ull << (bit))
#define POISON	     0xaa /* in buffers that the device may write */

/* ---- io_submit(), wrapped ---- */

/* The device calls it by name, so what it does in a test cannot hang on an argument. */
static struct {
	unsigned int calls;
	long taken;	     /* requests that the kernel took, in all */
	uint64_t bytes;	     /* of the transfers among them, in all */
	uint64_t largest;    /* of one of them */
	int rw_flags;	     /* of the last request seen */
	int refuse[4];	     /* what the next calls return instead, 0: nothing special */
	long at_most;	     /* how many one call takes, 0: all */
	short refuse_opcode; /* requests of this kind are refused ... */
	int refuse_with;     /* ... with this, if not 0 */
} aio;

static void count_bytes(const struct iocb *iocb)
{
	uint64_t bytes = 0;

	if (iocb->aio_lio_opcode == IO_CMD_FDSYNC)
		return;
	for (unsigned long i = 0; i < iocb->u.c.nbytes; i++)
		bytes += ((const struct iovec *)iocb->u.c.buf)[i].iov_len;
	aio.bytes += bytes;
	aio.largest = bytes > aio.largest ? bytes : aio.largest;
}

int io_submit(io_context_t ctx, long nr, struct iocb *iocbs[])
{
	unsigned int call = aio.calls++;
	long n;

	if (call < NR_OF(aio.refuse) && aio.refuse[call] != 0)
		return aio.refuse[call];
	if (aio.refuse_with != 0 && iocbs[0]->aio_lio_opcode == aio.refuse_opcode)
		return aio.refuse_with;
	if (aio.at_most != 0 && nr > aio.at_most)
		nr = aio.at_most;
	aio.rw_flags = (int)iocbs[0]->aio_rw_flags;
	n = syscall(SYS_io_submit, ctx, nr, iocbs);
	for (long i = 0; i < n; i++)
		count_bytes(iocbs[i]);
	if (n > 0)
		aio.taken += n;
	return n < 0 ? -errno : (int)n;
}

/* The other system calls that a host may refuse. */
static struct {
	int setup_error;	/* of io_setup(), 0: as the kernel says */
	bool no_memory;		/* posix_memalign() has none */
	int allocate_error;	/* errno of fallocate() */
	int modes[4], nr_modes; /* that it was asked for */
	long short_by;		/* how many bytes a completed transfer is made to lack */
} refuse;

int io_setup(int nr, io_context_t *ctx)
{
	if (refuse.setup_error != 0)
		return refuse.setup_error;
	return syscall(SYS_io_setup, nr, ctx) < 0 ? -errno : 0;
}

int io_getevents(io_context_t ctx, long min, long max, struct io_event *events,
		 struct timespec *timeout)
{
	long n = syscall(SYS_io_getevents, ctx, min, max, events, timeout);

	for (long i = 0; i < n; i++)
		events[i].res -= (unsigned long)refuse.short_by;
	return n < 0 ? -errno : (int)n;
}

int posix_memalign(void **memory, size_t align, size_t size)
{
	*memory =
		refuse.no_memory ? NULL : aligned_alloc(align, (size + align - 1) / align * align);
	return *memory == NULL ? ENOMEM : 0;
}

int fallocate(int fd, int mode, off_t offset, off_t len)
{
	if (refuse.nr_modes < (int)NR_OF(refuse.modes))
		refuse.modes[refuse.nr_modes++] = mode;
	if (refuse.allocate_error == 0)
		return (int)syscall(SYS_fallocate, fd, mode, offset, len);
	errno = refuse.allocate_error;
	return -1;
}

/* Counts how often the event loop wakes up: a disk at rest must not keep it busy. */
static atomic_uint wakeups;

int epoll_wait(int epfd, struct epoll_event *events, int max, int timeout_ms)
{
	atomic_fetch_add(&wakeups, 1);
	return (int)syscall(SYS_epoll_wait, epfd, events, max, timeout_ms);
}

/* ---- the machine under test ---- */

struct machine {
	struct fake_guest g;
	struct image image;
	struct disk disk;
};

static inline int create(void **state)
{
	struct machine *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	memset(&aio, 0, sizeof(aio));
	memset(&refuse, 0, sizeof(refuse));
	image_create(&m->image, SECTORS);
	m->disk.fd = -1;
	*state = m;
	return 0;
}

static inline int destroy(void **state)
{
	struct machine *m = *state;

	if (m->disk.fd >= 0) {
		fake_guest_fini(&m->g);
		disk_close(&m->disk);
	}
	image_remove(&m->image);
	free(m);
	return 0;
}

/* Opens the disk and puts it behind a device, before any driver. False: not possible here. */
static inline bool plug(struct machine *m, char *path, bool read_only, enum disk_cache cache)
{
	struct disk_options options = {.path = path, .read_only = read_only, .cache = cache};
	struct vdev *vdev = NULL;
	struct err err;

	strcpy(options.id, "a-serial-of-20-chars");
	if (disk_open(&m->disk, &options, &err) != 0) {
		print_message("%s\n", err.text);
		return false;
	}
	fake_guest_init(&m->g);
	assert_int_equal(blk_create(&m->g.env, &m->disk, &vdev), 0);
	fake_guest_plug(&m->g, vdev);
	return true;
}

/* A writable disk through the page cache, a driver that accepts `features`, and the I/O thread. */
static inline void start(struct machine *m, uint64_t features)
{
	assert_true(plug(m, m->image.path, false, DISK_CACHE_WRITEBACK));
	assert_true(fake_handshake(&m->g, features, 256));
	fake_guest_run_io(&m->g);
}

/* ---- the log ---- */

struct captured_log {
	struct log_output output;
	FILE *file;
	char said[2048];
};

static inline void log_capture(struct machine *m, struct captured_log *log)
{
	log->file = tmpfile();
	assert_non_null(log->file);
	log_output_open(&log->output, fileno(log->file));
	m->g.log_limit = (struct log_limit){0};
	m->g.log = (struct log){.level = LOG_WARN, .output = &log->output};
}

/* Ends it, with everything that was logged in `said`. */
static inline void log_release(struct machine *m, struct captured_log *log)
{
	m->g.log.output = NULL;
	log_output_close(&log->output);
	memset(log->said, 0, sizeof(log->said));
	assert_true(pread(fileno(log->file), log->said, sizeof(log->said) - 1, 0) >= 0);
	fclose(log->file);
}

/* ---- requests ---- */

struct request {
	struct virtio_blk_outhdr header;
	const void *data; /* for the device */
	size_t data_len;
	size_t room;	/* for the device's data, without the status byte */
	uint32_t piece; /* how long the descriptors are at most; 0: one for each direction */
	bool indirect;
};

static inline struct request request(uint32_t type, uint64_t sector)
{
	return (struct request){
		.header = {.type = htole32(type), .sector = htole64(sector)},
	};
}

/* Puts the request into the ring; returns where the device's bytes go. */
static inline gpa_t add(struct machine *m, const struct request *r)
{
	struct fake_vq *vq = &m->g.vq[0];
	struct fake_buf part[VIRTQ_MAX_SIZE];
	uint32_t out_len = (uint32_t)(sizeof(r->header) + r->data_len);
	uint32_t in_len = (uint32_t)r->room + 1;
	uint32_t piece = r->piece != 0 ? r->piece : UINT32_MAX;
	struct fake_buf out = {.at = fake_alloc(&m->g, out_len, 4096), .len = out_len};
	struct fake_buf in = {
		.at = fake_alloc(&m->g, in_len, 4096), .len = in_len, .device_writes = true};
	unsigned int nr;

	fake_put(&m->g, out.at, &r->header, sizeof(r->header));
	fake_put(&m->g, gpa_add(out.at, sizeof(r->header)), r->data, r->data_len);
	assert_int_equal(gmem_fill(&m->g.mem, in.at, POISON, in_len), 0);
	nr = fake_cut(out, piece, part, NR_OF(part));
	nr += fake_cut(in, piece, part + nr, (unsigned int)NR_OF(part) - nr);
	if (r->indirect)
		fake_add_indirect(vq, part, nr);
	else
		fake_add(vq, part, nr);
	return in.at;
}

static inline uint8_t byte_at(struct machine *m, gpa_t at, uint64_t offset)
{
	uint8_t byte;

	fake_get(&m->g, gpa_add(at, offset), &byte, 1);
	return byte;
}

/*
 * Runs the request; its status, and the device's data in `answer` if that is not NULL. *written is
 * what the used ring says.
 */
static inline uint8_t run_written(struct machine *m, const struct request *r, void *answer,
				  uint32_t *written)
{
	gpa_t in = add(m, r);
	uint16_t head;

	fake_kick(&m->g.vq[0]);
	assert_true(fake_wait(&m->g.vq[0], &head, written));
	if (answer != NULL)
		fake_get(&m->g, in, answer, r->room);
	return byte_at(m, in, r->room);
}

/* As above for a request whose answer is whole, or only a status: 2.7.8, what was written. */
static inline uint8_t run(struct machine *m, const struct request *r, void *answer)
{
	bool reads = le32toh(r->header.type) == VIRTIO_BLK_T_IN;
	uint32_t written;
	uint8_t status = run_written(m, r, answer, &written);

	assert_int_equal(written, status == VIRTIO_BLK_S_OK && reads ? r->room + 1 : 1);
	return status;
}

static inline uint8_t write_sectors(struct machine *m, uint64_t sector, const void *data,
				    size_t len)
{
	struct request r = request(VIRTIO_BLK_T_OUT, sector);

	r.data = data;
	r.data_len = len;
	return run(m, &r, NULL);
}

static inline uint8_t read_sectors(struct machine *m, uint64_t sector, void *data, size_t len)
{
	struct request r = request(VIRTIO_BLK_T_IN, sector);

	r.room = len;
	return run(m, &r, data);
}

static inline uint8_t flush(struct machine *m)
{
	struct request r = request(VIRTIO_BLK_T_FLUSH, 0);

	return run(m, &r, NULL);
}

/* The device still serves: sector 0 of the untouched image can be read. */
static inline void assert_alive(struct machine *m)
{
	uint8_t want[IMAGE_SECTOR], got[IMAGE_SECTOR];

	image_pattern(0, want);
	assert_int_equal(read_sectors(m, 0, got, sizeof(got)), VIRTIO_BLK_S_OK);
	assert_memory_equal(got, want, sizeof(got));
}

#define RANGE sizeof(struct virtio_blk_discard_write_zeroes) /* bytes of one */

struct range {
	uint64_t sector;
	uint32_t nr, flags;
};

static inline uint8_t run_ranges(struct machine *m, uint32_t type, const struct range *range,
				 size_t bytes)
{
	struct virtio_blk_discard_write_zeroes data[2] = {0};
	struct request r = request(type, 0);

	for (size_t i = 0; i < bytes / sizeof(data[0]); i++) {
		data[i].sector = htole64(range[i].sector);
		data[i].num_sectors = htole32(range[i].nr);
		data[i].flags = htole32(range[i].flags);
	}
	r.data = data;
	r.data_len = bytes;
	r.piece = 7;
	return run(m, &r, NULL);
}

#define blk_test(f) cmocka_unit_test_setup_teardown(f, create, destroy)

#endif
