/* SPDX-License-Identifier: MIT */
/*
 * A disk image in a directory of its own, in which every sector tells its number, and loop devices
 * on top of it where the test may make such.
 */
#ifndef TESTS_UNIT_IMAGE_H
#define TESTS_UNIT_IMAGE_H

#include <fcntl.h>
#include <linux/loop.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/unit/tempdir.h"
#include "virtio/disk.h"

#define IMAGE_SECTOR DISK_SECTOR_BYTES

struct image {
	struct tempdir dir;
	char path[96];
};

/* What sector `number` holds at first: its number, over and over, with the top bit set. */
static inline void image_pattern(uint64_t number, uint8_t sector[IMAGE_SECTOR])
{
	uint64_t word = number | 1ull << 63;

	for (size_t i = 0; i < IMAGE_SECTOR; i += sizeof(word))
		memcpy(sector + i, &word, sizeof(word));
}

static inline void image_create(struct image *image, uint64_t nr_sectors)
{
	uint8_t sector[IMAGE_SECTOR];
	FILE *file;

	tempdir_create(&image->dir);
	snprintf(image->path, sizeof(image->path), "%s/disk.img", image->dir.path);
	file = fopen(image->path, "w");
	assert_non_null(file);
	for (uint64_t i = 0; i < nr_sectors; i++) {
		image_pattern(i, sector);
		assert_int_equal(fwrite(sector, sizeof(sector), 1, file), 1);
	}
	assert_int_equal(fclose(file), 0);
}

static inline void image_remove(const struct image *image)
{
	tempdir_remove(&image->dir);
}

/* Reads past any lock and cache option, as another program would. */
static inline void image_read(const char *path, uint64_t offset, void *to, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, to, len, (off_t)offset), len);
	close(fd);
}

/* Do the sectors [from, from + nr) hold what image_create() wrote? */
static inline void image_assert_untouched(const char *path, uint64_t from, uint64_t nr)
{
	uint8_t want[IMAGE_SECTOR], got[IMAGE_SECTOR];

	for (uint64_t i = from; i < from + nr; i++) {
		image_pattern(i, want);
		image_read(path, i * IMAGE_SECTOR, got, sizeof(got));
		assert_memory_equal(got, want, sizeof(got));
	}
}

static inline void image_assert_zero(const char *path, uint64_t from, uint64_t nr)
{
	static const uint8_t want[IMAGE_SECTOR];
	uint8_t got[IMAGE_SECTOR];

	for (uint64_t i = from; i < from + nr; i++) {
		image_read(path, i * IMAGE_SECTOR, got, sizeof(got));
		assert_memory_equal(got, want, sizeof(got));
	}
}

/* A loop device that goes away with its last descriptor. */
struct loop {
	int fd;
	char path[32];
};

/* Puts one on the image. False, and says why, where that is not allowed or not possible. */
static inline bool loop_attach_flags(struct loop *loop, const struct image *image,
				     uint32_t block_bytes, uint32_t flags)
{
	struct loop_config config = {
		.block_size = block_bytes,
		.info = {.lo_flags = LO_FLAGS_AUTOCLEAR | flags},
	};
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int number, ret = -1;

	/* Another process may take the free one first. */
	for (int attempt = 0; control >= 0 && attempt < 16 && ret < 0; attempt++) {
		number = ioctl(control, LOOP_CTL_GET_FREE);
		if (number < 0)
			break;
		snprintf(loop->path, sizeof(loop->path), "/dev/loop%d", number);
		loop->fd = open(loop->path, O_RDWR | O_CLOEXEC);
		if (loop->fd < 0)
			break;
		config.fd = (uint32_t)open(image->path, O_RDWR | O_CLOEXEC);
		ret = ioctl(loop->fd, LOOP_CONFIGURE, &config);
		close((int)config.fd);
		if (ret < 0)
			close(loop->fd);
	}
	if (control >= 0)
		close(control);
	if (ret < 0)
		print_message("no loop device here (they take root and /dev/loop-control)\n");
	return ret == 0;
}

static inline bool loop_attach(struct loop *loop, const struct image *image, uint32_t block_bytes)
{
	return loop_attach_flags(loop, image, block_bytes, 0);
}

static inline void loop_detach(const struct loop *loop)
{
	close(loop->fd);
}

#endif
