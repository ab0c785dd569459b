/* SPDX-License-Identifier: MIT */
/*
 * The host side of virtio-blk: a raw image or block device, opened, locked and measured.
 *
 * A disk outlives machine resets; the device in blk.c comes and goes around it.
 */
#ifndef VIRTIO_DISK_H
#define VIRTIO_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/core/err.h"

enum disk_cache {
	DISK_CACHE_WRITEBACK, /* through the host's page cache; flush is fdatasync(2) */
	DISK_CACHE_NONE,      /* O_DIRECT */
};

#define DISK_SECTOR_BYTES 512u
#define DISK_ID_MAX	  20 /* virtio 1.2, 5.2.6: bytes of the serial id, NUL only if shorter */

#define DISK_ARG  "FILE[,ro][,cache=none|writeback][,id=NAME][,format=raw][,lock=off]"
#define DISK_HELP "virtio-blk on a raw image or block device; repeatable"

/* One --disk, as DISK_ARG says; a comma in FILE or NAME is written twice. */
struct disk_options {
	char *path; /* owned */
	bool read_only;
	bool format_raw; /* raw, whatever it begins with */
	bool lock_off;
	bool only_judge; /* for --dry-run; disk_open() says what */
	enum disk_cache cache;
	char id[DISK_ID_MAX + 1]; /* empty: disk_open() makes one from the path */
};

/* 0 or -EINVAL / -ENOMEM with a message that begins with "--disk"; nothing to free then. */
int disk_parse_options(const char *value, struct disk_options *options, struct err *err);
void disk_free_options(struct disk_options *options);

struct disk {
	int fd;
	bool read_only;
	bool only_judged;
	bool direct; /* O_DIRECT: buffers and lengths must be multiples of `align_bytes` */
	bool is_block_device;
	uint64_t size_bytes;	 /* a multiple of `logical_bytes` */
	uint32_t logical_bytes;	 /* logical block size reported to the guest (512 or 4096) */
	uint32_t physical_bytes; /* what the host reads and writes in one piece; >= logical_bytes */
	uint32_t align_bytes;	 /* memory and offset alignment that O_DIRECT needs; 1 without */
	bool can_discard;
	bool can_write_zeroes;
	/*
	 * As given, else the first 11 bytes of the file's name, with '_' for any that is not
	 * printable ASCII, and a hash of the path, since ids of disks must differ.
	 */
	char id[DISK_ID_MAX + 1];
};

/*
 * Opens and locks: a writer excludes all others, readers exclude writers (advisory, open file
 * description lock, so it ends with the process). 0 or -errno with a message that names --disk, the
 * file and the remedy: missing, no permission, a read-only device, locked by another tinyvmm, no
 * locks there, an image of another format, not a multiple of 512 bytes, not a file or block device,
 * O_DIRECT not supported there.
 *
 * With `only_judge` it says the same, but changes nothing, not even the file's time of change, and
 * holds no lock afterwards; the disk can only be looked at and closed then.
 */
int disk_open(struct disk *disk, const struct disk_options *options, struct err *err);

/*
 * Flushes what was written, so that neither a SIGTERM to tinyvmm nor a host crash right after it
 * loses a write that the guest saw completed. 0, or -errno if the data may not have reached the
 * disk; the disk is closed either way.
 */
int disk_close(struct disk *disk);

/*
 * Both take a range inside the disk, run synchronously, and return 0 or -errno. A discarded range
 * reads as anything; a zeroed one as zeroes, and stays allocated unless `may_unmap`.
 */
int disk_discard(const struct disk *disk, uint64_t offset, uint64_t len);
int disk_write_zeroes(const struct disk *disk, uint64_t offset, uint64_t len, bool may_unmap);

#endif
