/* SPDX-License-Identifier: MIT */
/* For tests of a disk: each system call that it asks the host is wrapped, and answers as told. */
#ifndef TESTS_UNIT_DISK_HOST_H
#define TESTS_UNIT_DISK_HOST_H

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/image.h"
#include "virtio/disk.h"
#include "vmm/core/array.h"

#define SECTORS	   256u
#define PAGE_BYTES 4096u

/* ---- the host ---- */

struct answer {
	uint32_t request;
	int error;	/* 0: it works ... */
	uint64_t value; /* ... and says this */
};

static struct {
	int open_error;
	/* statx(2): no answer at all, one without O_DIRECT's alignments, or these. */
	bool statx_fails, has_dioalign;
	uint32_t mem_align, offset_align;
	size_t direct_from; /* reads of at least so many bytes work, 0: none does */
	bool is_block;
	const struct answer *answer; /* of ioctl(2), up to one without a request */
	uint64_t discarded[2];
	int allocate[4]; /* what the next calls of fallocate(2) return */
	int mode[4];	 /* and were asked for */
	unsigned int nr_allocates;
	ssize_t write[6]; /* of pwritev(2): bytes, or -errno; INT64_MAX: all */
	uint64_t offset[6], len[6];
	unsigned int nr_writes;
	int sync_error;
	unsigned int nr_syncs;
	bool on, no_realpath;
} host;

static inline int failed(int error)
{
	errno = error;
	return -1;
}

int open(const char *path, int flags, ...)
{
	if (host.on && host.open_error != 0)
		return failed(host.open_error);
	/* Without O_DIRECT, so that any file system will do. */
	return (int)syscall(SYS_openat, AT_FDCWD, path, host.on ? flags & ~O_DIRECT : flags, 0600);
}

int stat(const char *path, struct stat *st)
{
	int ret = (int)syscall(SYS_newfstatat, AT_FDCWD, path, st, 0);

	if (ret == 0 && host.on && host.is_block)
		st->st_mode = (st->st_mode & ~(mode_t)S_IFMT) | S_IFBLK;
	return ret;
}

int statx(int fd, const char *path, int flags, unsigned int mask, struct statx *stx)
{
	(void)fd, (void)path, (void)flags;
	if (host.statx_fails)
		return failed(ENOSYS);
	assert_int_equal(mask, STATX_DIOALIGN);
	*stx = (struct statx){
		.stx_mask = host.has_dioalign ? STATX_DIOALIGN : 0,
		.stx_dio_mem_align = host.mem_align,
		.stx_dio_offset_align = host.offset_align,
	};
	return 0;
}

ssize_t pread(int fd, void *buffer, size_t len, off_t offset)
{
	if (host.on && host.direct_from == 0)
		return failed(EINVAL);
	if (host.on && offset == 0 && len < host.direct_from) {
		/* disk_format.c looks at the first bytes, too. */
		return failed(EINVAL);
	}
	return syscall(SYS_pread64, fd, buffer, len, offset);
}

int ioctl(int fd, unsigned long request, ...)
{
	const struct answer *a;
	va_list args;
	void *to;

	va_start(args, request);
	to = va_arg(args, void *);
	va_end(args);
	if (!host.on)
		return (int)syscall(SYS_ioctl, fd, request, to);
	for (a = host.answer; a != NULL && a->request != 0; a++) {
		if (a->request != (uint32_t)request)
			continue;
		if (a->error != 0)
			return failed(a->error);
		if (request == BLKGETSIZE64)
			*(uint64_t *)to = a->value;
		else if (request == BLKDISCARD)
			memcpy(host.discarded, to, sizeof(host.discarded));
		else
			*(uint32_t *)to = (uint32_t)a->value;
		errno = EINVAL; /* of before: it says nothing about a call that works */
		return 0;
	}
	return failed(ENOTTY);
}

int fallocate(int fd, int mode, off_t offset, off_t len)
{
	unsigned int call = host.nr_allocates++;

	(void)fd, (void)offset, (void)len;
	assert_true(call < NR_OF(host.allocate));
	host.mode[call] = mode;
	return host.allocate[call] != 0 ? failed(-host.allocate[call]) : 0;
}

ssize_t pwritev(int fd, const struct iovec *iov, int nr, off_t offset)
{
	unsigned int call = host.nr_writes++;
	size_t len = 0;

	(void)fd;
	assert_true(call < NR_OF(host.write));
	for (int i = 0; i < nr; i++) {
		assert_in_range(iov[i].iov_len, 1, PAGE_BYTES);
		for (size_t k = 0; k < iov[i].iov_len; k++)
			assert_int_equal(((const uint8_t *)iov[i].iov_base)[k], 0);
		len += iov[i].iov_len;
	}
	host.offset[call] = (uint64_t)offset;
	host.len[call] = len;
	if (host.write[call] < 0)
		return failed((int)-host.write[call]);
	return host.write[call] < (ssize_t)len ? host.write[call] : (ssize_t)len;
}

int fdatasync(int fd)
{
	(void)fd;
	host.nr_syncs++;
	return host.sync_error != 0 ? failed(host.sync_error) : 0;
}

char *realpath(const char *path, char *resolved)
{
	(void)path, (void)resolved;
	return host.no_realpath ? NULL : strdup("/a/whole/path");
}

/* ---- the disk ---- */

static struct image image;

static inline int create(void **state)
{
	(void)state;
	memset(&host, 0, sizeof(host));
	image_create(&image, SECTORS);
	host.direct_from = 1;
	return 0;
}

static inline int remove_image(void **state)
{
	(void)state;
	host.on = false;
	image_remove(&image);
	return 0;
}

static struct err err;

static inline int open_disk(struct disk *disk, bool read_only, enum disk_cache cache)
{
	const struct disk_options options = {
		.path = image.path, .read_only = read_only, .cache = cache, .format_raw = true};
	int ret;

	host.on = true;
	ret = disk_open(disk, &options, &err);
	host.on = false;
	return ret;
}

static inline void close_disk(struct disk *disk)
{
	host.on = true;
	assert_int_equal(disk_close(disk), 0);
	host.on = false;
}

#define disk_test(f) cmocka_unit_test_setup_teardown(f, create, remove_image)

#endif
