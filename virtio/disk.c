/* SPDX-License-Identifier: MIT */
/* A raw image or block device of the host: opening, locking, geometry, deallocation. */
#include "virtio/disk.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "virtio/disk_format.h"

#define PROBE_MAX_BYTES	   4096u      /* the largest block size that O_DIRECT is tried with */
#define PHYSICAL_MAX_BYTES (1u << 20) /* what is larger is a stripe or a guess, not a block */
#define ZERO_PAGE_BYTES	   4096u
#define ZERO_PAGES	   16

/* ---- opening ---- */

/* Says what kept the file from being opened, and what would help. */
static int open_failed(const struct disk_options *options, int error, struct err *err)
{
	const char *path = options->path;

	switch (error) {
	case ENOENT:
	case ENOTDIR:
		return err_set(err, -error,
			       "--disk %s: no such file; create it, for example with "
			       "\"truncate -s 1G %s\"",
			       path, path);
	case EACCES:
	case EPERM:
	case EROFS:
		if (!options->read_only)
			return err_set(
				err, -error,
				"--disk %s: cannot open: %s; make it writable or add \",ro\"", path,
				strerror(error));
		return err_set(err, -error, "--disk %s: cannot open: %s; make it readable", path,
			       strerror(error));
	case EBUSY:
		return err_set(
			err, -error,
			"--disk %s: in use by this host (mounted, swap, RAID or LVM); release "
			"it or add \",ro\"",
			path);
	case EINVAL:
		if (options->cache == DISK_CACHE_NONE)
			return err_set(err, -error,
				       "--disk %s: its file system does not support O_DIRECT; use "
				       "cache=writeback",
				       path);
		break;
	}
	return err_set(err, -error, "--disk %s: cannot open: %s", path, strerror(error));
}

static int open_file(struct disk *disk, const struct disk_options *options, struct err *err)
{
	bool writes = !options->read_only && !options->only_judge;
	int flags = O_CLOEXEC | (writes ? O_RDWR : O_RDONLY);
	struct stat st;

	/* Looked at before it is opened: opening a FIFO would wait, opening a tape would rewind. */
	if (stat(options->path, &st) < 0)
		return open_failed(options, errno, err);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(
			err, -EINVAL,
			"--disk %s: neither a file nor a block device; give a raw image or a "
			"block device",
			options->path);
	disk->is_block_device = S_ISBLK(st.st_mode);
	disk->direct = options->cache == DISK_CACHE_NONE;
	if (disk->direct)
		flags |= O_DIRECT;
	/* Without O_CREAT this is the claim that mount(8), swapon(8) and mdadm(8) make as well. */
	if (disk->is_block_device && !options->read_only)
		flags |= O_EXCL;
	/* What was open for writing is looked at anew by udev(7) and the like when it is closed. */
	if (options->only_judge && !options->read_only && eaccess(options->path, W_OK) < 0)
		return open_failed(options, errno, err);
	disk->fd = open(options->path, flags);
	return disk->fd < 0 ? open_failed(options, errno, err) : 0;
}

/* Unlike a file's, a read-only block device's open(2) for writing succeeds; its writes fail. */
static int check_writable(const struct disk *disk, const char *path, struct err *err)
{
	int read_only = 0;

	if (!disk->is_block_device || disk->read_only)
		return 0;
	if (ioctl(disk->fd, BLKROGET, &read_only) < 0)
		return err_set(err, -errno,
			       "--disk %s: cannot find out whether the device is read-only: %s",
			       path, strerror(errno));
	if (read_only == 0)
		return 0;
	return err_set(err, -EROFS,
		       "--disk %s: the device is read-only; make it writable (\"blockdev --setrw "
		       "%s\") or add \",ro\"",
		       path, path);
}

static int lock_file(const struct disk *disk, const char *path, struct err *err)
{
	struct flock whole = {
		.l_type = disk->read_only ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET,
	};

	if (disk->only_judged && fcntl(disk->fd, F_OFD_GETLK, &whole) == 0) {
		if (whole.l_type == F_UNLCK)
			return 0;
		errno = EAGAIN;
	} else if (!disk->only_judged && fcntl(disk->fd, F_OFD_SETLK, &whole) == 0) {
		return 0;
	}
	/* ENOLCK: NFS without a lock service, and the like. */
	if (errno != EAGAIN && errno != EACCES)
		return err_set(
			err, -errno,
			"--disk %s: its file system cannot lock it: %s; add \",lock=off\" if "
			"no other program uses the file",
			path, strerror(errno));
	return err_set(
		err, -errno,
		"--disk %s: locked by another tinyvmm (or given twice); end that one, or share "
		"the disk with \",ro\" on both sides",
		path);
}

/* ---- measuring ---- */

static bool is_power_of_two(uint32_t value)
{
	return value != 0 && (value & (value - 1)) == 0;
}

/* Does reading `bytes` at offset 0 into memory aligned to `bytes` work? */
static bool direct_read_works(int fd, uint32_t bytes)
{
	void *buffer;
	ssize_t n;

	if (posix_memalign(&buffer, bytes, bytes) != 0)
		return false;
	n = pread(fd, buffer, bytes, 0);
	free(buffer);
	return n >= 0;
}

/*
 * What O_DIRECT asks of memory, offsets and lengths here: statx(2) says it since Linux 6.1 for most
 * file systems; elsewhere reads of growing size find out. 0 where nothing works.
 */
static uint32_t direct_alignment(int fd, uint32_t *offset_align)
{
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) == 0 &&
	    (stx.stx_mask & STATX_DIOALIGN) != 0 && is_power_of_two(stx.stx_dio_mem_align) &&
	    is_power_of_two(stx.stx_dio_offset_align)) {
		*offset_align = stx.stx_dio_offset_align;
		return stx.stx_dio_mem_align > stx.stx_dio_offset_align ? stx.stx_dio_mem_align
									: stx.stx_dio_offset_align;
	}
	for (uint32_t bytes = DISK_SECTOR_BYTES; bytes <= PROBE_MAX_BYTES; bytes *= 2) {
		if (direct_read_works(fd, bytes)) {
			*offset_align = bytes;
			return bytes;
		}
	}
	return 0;
}

static int measure_block_device(struct disk *disk, const char *path, struct err *err)
{
	uint64_t one_byte[2] = {0, 1};
	unsigned int physical = 0;
	int logical = 0;

	if (ioctl(disk->fd, BLKGETSIZE64, &disk->size_bytes) < 0 ||
	    ioctl(disk->fd, BLKSSZGET, &logical) < 0 || ioctl(disk->fd, BLKPBSZGET, &physical) < 0)
		return err_set(err, -errno, "--disk %s: cannot read the size of the device: %s",
			       path, strerror(errno));
	disk->logical_bytes = (uint32_t)logical;
	disk->physical_bytes = physical;
	/* A range of one byte is never discarded; but whether the device could is checked first. */
	disk->can_discard = !disk->read_only && !disk->only_judged &&
			    ioctl(disk->fd, BLKDISCARD, one_byte) < 0 && errno != EOPNOTSUPP;
	disk->can_write_zeroes = !disk->read_only;
	return 0;
}

static int measure_file(struct disk *disk, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(disk->fd, &st) < 0)
		return err_set(err, -errno, "--disk %s: cannot read its size: %s", path,
			       strerror(errno));
	disk->size_bytes = (uint64_t)st.st_size;
	disk->logical_bytes = DISK_SECTOR_BYTES;
	disk->physical_bytes = (uint32_t)st.st_blksize;
	/*
	 * Punching behind the end changes nothing but the time of change, and a file system that
	 * cannot punch refuses it.
	 */
	disk->can_discard = !disk->read_only && !disk->only_judged &&
			    fallocate(disk->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				      st.st_size, DISK_SECTOR_BYTES) == 0;
	disk->can_write_zeroes = !disk->read_only;
	return 0;
}

/* Sets the alignments and brings the block sizes into an order that can be reported. */
static int settle_block_sizes(struct disk *disk, const char *path, struct err *err)
{
	uint32_t offset_align = 0;

	disk->align_bytes = 1;
	if (disk->direct) {
		disk->align_bytes = direct_alignment(disk->fd, &offset_align);
		if (disk->align_bytes == 0)
			return err_set(
				err, -EINVAL,
				"--disk %s: O_DIRECT does not work here; use cache=writeback",
				path);
		/* Shorter requests would all fail. */
		if (offset_align > disk->logical_bytes)
			disk->logical_bytes = offset_align;
	}
	if (!is_power_of_two(disk->physical_bytes) || disk->physical_bytes < disk->logical_bytes ||
	    disk->physical_bytes > PHYSICAL_MAX_BYTES)
		disk->physical_bytes = disk->logical_bytes;
	return 0;
}

/* A guest that sees the file of another format as it is takes it for an empty disk. */
static int check_format(const struct disk *disk, const char *path, struct err *err)
{
	const char *format = disk_format_name(disk->fd, disk->size_bytes);

	if (format == NULL)
		return 0;
	return err_set(err, -EINVAL,
		       "--disk %s: looks like a %s image, and tinyvmm reads raw ones; convert it "
		       "(\"qemu-img convert -O raw %s NEW\"), or add \",format=raw\" to give the "
		       "guest the bytes as they are",
		       path, format, path);
}

static int measure(struct disk *disk, const struct disk_options *options, struct err *err)
{
	const char *path = options->path;
	int ret = disk->is_block_device ? measure_block_device(disk, path, err)
					: measure_file(disk, path, err);

	if (ret == 0 && !options->format_raw)
		ret = check_format(disk, path, err);
	if (ret < 0)
		return ret;
	if (disk->size_bytes == 0)
		return err_set(err, -EINVAL,
			       "--disk %s: empty; give it a size, for example with "
			       "\"truncate -s 1G %s\"",
			       path, path);
	ret = settle_block_sizes(disk, path, err);
	if (ret < 0)
		return ret;
	if (disk->size_bytes % disk->logical_bytes != 0)
		return err_set(err, -EINVAL,
			       "--disk %s: its size, %" PRIu64 " bytes, is not a multiple of %u; "
			       "extend it with \"truncate -s %%%u %s\"",
			       path, disk->size_bytes, disk->logical_bytes, disk->logical_bytes,
			       path);
	return 0;
}

/* FNV-1a, 32 bits. */
static uint32_t hash(const char *text)
{
	uint32_t sum = 2166136261u;

	while (*text != '\0')
		sum = (sum ^ (uint8_t)*text++) * 16777619u;
	return sum;
}

/*
 * Guests tell disks apart by their ids (/dev/disk/by-id), and take two paths to one id for one
 * disk. So where none is given, a hash of the whole path comes behind the start of the file's name.
 */
static void set_id(struct disk *disk, const struct disk_options *options)
{
	char *whole = realpath(options->path, NULL);
	const char *path = whole != NULL ? whole : options->path;
	const char *slash = strrchr(options->path, '/');
	const char *name = slash != NULL ? slash + 1 : options->path;

	if (options->id[0] != '\0')
		snprintf(disk->id, sizeof(disk->id), "%s", options->id);
	else
		snprintf(disk->id, sizeof(disk->id), "%.11s-%08x", name, hash(path));
	for (char *c = disk->id; *c != '\0'; c++) {
		if (*c <= ' ' || *c > '~') /* 5.2.6: an ASCII string */
			*c = '_';
	}
	free(whole);
}

int disk_open(struct disk *disk, const struct disk_options *options, struct err *err)
{
	int ret;

	memset(disk, 0, sizeof(*disk));
	disk->fd = -1;
	disk->read_only = options->read_only;
	disk->only_judged = options->only_judge;
	ret = open_file(disk, options, err);
	if (ret < 0)
		return ret;
	ret = check_writable(disk, options->path, err);
	if (ret == 0 && !options->lock_off)
		ret = lock_file(disk, options->path, err);
	if (ret < 0)
		goto close_file;
	ret = measure(disk, options, err);
	if (ret < 0)
		goto close_file;
	set_id(disk, options);
	return 0;

close_file:
	close(disk->fd);
	disk->fd = -1;
	return ret;
}

int disk_close(struct disk *disk)
{
	int ret = 0;

	if (!disk->read_only && !disk->only_judged && fdatasync(disk->fd) < 0)
		ret = -errno;
	close(disk->fd);
	disk->fd = -1;
	return ret;
}

/* ---- deallocation ---- */

/* Files and block devices understand the same modes (fallocate(2); block devices since 4.9). */
static int allocate(const struct disk *disk, int mode, uint64_t offset, uint64_t len)
{
	int ret;

	do
		ret = fallocate(disk->fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)len);
	while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : 0;
}

/* The long way, for file systems that cannot zero a range (tmpfs, NFS). */
static int write_zero_bytes(const struct disk *disk, uint64_t offset, uint64_t len)
{
	static const _Alignas(ZERO_PAGE_BYTES) uint8_t zeroes[ZERO_PAGE_BYTES];
	struct iovec iov[ZERO_PAGES];

	while (len > 0) {
		size_t left = len < sizeof(zeroes) * ZERO_PAGES ? len : sizeof(zeroes) * ZERO_PAGES;
		int nr = 0;
		ssize_t n;

		for (; left > 0; left -= iov[nr++].iov_len) {
			iov[nr].iov_base = (void *)(uintptr_t)zeroes; /* read from only */
			iov[nr].iov_len = left < sizeof(zeroes) ? left : sizeof(zeroes);
		}
		n = pwritev(disk->fd, iov, nr, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		offset += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

int disk_discard(const struct disk *disk, uint64_t offset, uint64_t len)
{
	uint64_t range[2] = {offset, len};

	assert(offset <= disk->size_bytes && len <= disk->size_bytes - offset);
	if (len == 0)
		return 0;
	if (!disk->is_block_device)
		return allocate(disk, FALLOC_FL_PUNCH_HOLE, offset, len);
	return ioctl(disk->fd, BLKDISCARD, range) < 0 ? -errno : 0;
}

int disk_write_zeroes(const struct disk *disk, uint64_t offset, uint64_t len, bool may_unmap)
{
	int ret = -EOPNOTSUPP;

	assert(offset <= disk->size_bytes && len <= disk->size_bytes - offset);
	if (len == 0)
		return 0;
	if (may_unmap)
		ret = allocate(disk, FALLOC_FL_PUNCH_HOLE, offset, len);
	if (ret == -EOPNOTSUPP)
		ret = allocate(disk, FALLOC_FL_ZERO_RANGE, offset, len);
	if (ret == -EOPNOTSUPP)
		ret = write_zero_bytes(disk, offset, len);
	return ret;
}
