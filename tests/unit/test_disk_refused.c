/* SPDX-License-Identifier: MIT */
/*
 * --disk: what the host has that cannot be the disk the user means, and how disks are told apart.
 * stat(2), ioctl(2) and fcntl(2) are wrapped, to play a block device and a file system without
 * locks.
 */
#include <errno.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "tests/unit/image.h"
#include "virtio/disk.h"
#include "virtio/disk_format.h"
#include "vmm/core/array.h"

#define SECTORS 256u /* of the test image: 128 KiB */

#define assert_says(err, part) assert_non_null(strstr((err)->text, part))

/* ---- a host that is played ---- */

static struct {
	bool block_device; /* what stat(2) says of any file, and what ioctl(2) then answers */
	int read_only;
	int lock_error;
	unsigned int locks;
} host;

int stat(const char *path, struct stat *st)
{
	int ret = fstatat(AT_FDCWD, path, st, 0);

	if (ret == 0 && host.block_device)
		st->st_mode = (st->st_mode & ~(mode_t)S_IFMT) | S_IFBLK;
	return ret;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (!host.block_device)
		return (int)syscall(SYS_ioctl, fd, request, arg);
	switch (request) {
	case BLKROGET:
		*(int *)arg = host.read_only;
		return host.read_only < 0 ? -1 : 0;
	case BLKGETSIZE64:
		*(uint64_t *)arg = SECTORS * IMAGE_SECTOR;
		return 0;
	case BLKSSZGET:
	case BLKPBSZGET:
		*(int *)arg = IMAGE_SECTOR;
		return 0;
	}
	errno = EOPNOTSUPP;
	return -1;
}

int fcntl(int fd, int command, ...)
{
	va_list args;
	void *arg;

	va_start(args, command);
	arg = va_arg(args, void *);
	va_end(args);
	if (command == F_OFD_SETLK) {
		host.locks++;
		if (host.lock_error != 0) {
			errno = host.lock_error;
			return -1;
		}
	}
	return (int)syscall(SYS_fcntl, fd, command, arg);
}

static int create_image(void **state)
{
	struct image *image = malloc(sizeof(*image));

	assert_non_null(image);
	memset(&host, 0, sizeof(host));
	image_create(image, SECTORS);
	*state = image;
	return 0;
}

static int remove_image(void **state)
{
	memset(&host, 0, sizeof(host));
	image_remove(*state);
	free(*state);
	return 0;
}

/* ---- read-only block devices ---- */

/* Such a device can be opened for writing; the guest's writes would be lost. */
static void a_read_only_device_is_refused_unless_only_read(void **state)
{
	static const struct {
		int device_read_only;
		bool ro;
		int ret;
	} cases[] = {{0, false, 0}, {0, true, 0}, {1, true, 0}, {1, false, -EROFS}};
	struct image *image = *state;
	struct disk disk;
	struct err err;

	host.block_device = true;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct disk_options options = {.path = image->path, .read_only = cases[i].ro};

		host.read_only = cases[i].device_read_only;
		assert_int_equal(disk_open(&disk, &options, &err), cases[i].ret);
		if (cases[i].ret == 0) {
			assert_true(disk.is_block_device);
			assert_int_equal(disk.read_only, cases[i].ro);
			disk_close(&disk);
			continue;
		}
		assert_int_equal(disk.fd, -1);
		assert_int_equal(strncmp(err.text, "--disk ", 7), 0);
		assert_says(&err, "the device is read-only; make it writable (\"blockdev --setrw ");
		assert_says(&err, "add \",ro\"");
	}
}

/* The same with the kernel's own: "losetup -r". */
static void a_read_only_loop_device_is_refused(void **state)
{
	struct image *image = *state;
	struct disk_options options = {0};
	struct disk disk;
	struct loop loop;
	struct err err;
	int ret;

	if (!loop_attach_flags(&loop, image, 512, LO_FLAGS_READ_ONLY))
		skip();
	options.path = loop.path;
	ret = disk_open(&disk, &options, &err);
	assert_int_equal(ret, -EROFS);
	assert_says(&err, "add \",ro\"");
	options.read_only = true;
	assert_int_equal(disk_open(&disk, &options, &err), 0);
	assert_true(disk.is_block_device);
	disk_close(&disk);
	loop_detach(&loop);
}

/* ---- locks ---- */

static void a_file_system_without_locks_has_a_way_round(void **state)
{
	struct image *image = *state;
	struct disk_options options = {.path = image->path};
	struct disk disk;
	struct err err;

	host.lock_error = ENOLCK;
	assert_int_equal(disk_open(&disk, &options, &err), -ENOLCK);
	assert_says(&err, "cannot lock it: No locks available; add \",lock=off\"");
	assert_int_equal(disk.fd, -1);
	assert_int_equal(host.locks, 1);
	options.lock_off = true;
	assert_int_equal(disk_open(&disk, &options, &err), 0);
	assert_int_equal(host.locks, 1); /* not tried */
	disk_close(&disk);
}

/* ---- images of other formats ---- */

static void images_of_other_formats_are_named_and_refused(void **state)
{
	static const struct {
		const char *name;   /* NULL: raw */
		unsigned int bytes; /* of the file */
		unsigned int at;
		const char *magic;
		unsigned int len;
	} cases[] = {
		{"qcow2", 131072, 0, "QFI\xfb\0\0\0\3", 8},
		{"qcow2", 131072, 0, "QFI\xfb\0\0\0\2", 8},
		{"qcow", 131072, 0, "QFI\xfb\0\0\0\1", 8},
		{"QED", 131072, 0, "QED\0", 4},
		{"VMDK", 131072, 0, "KDMV", 4},
		{"VMDK", 131072, 0, "COWD", 4},
		{"VMDK", 333, 0, "# Disk DescriptorFile\nversion=1", 31}, /* a text of any length */
		{"VHD", 131072, 0, "conectix", 8},
		{"VHD", 131072, 131072 - 512, "conectix", 8}, /* of fixed size */
		{"VHD", 131584, 131072, "conectix", 8},
		{"VHD", 512, 0, "conectix", 8},
		{"VHD", 4096, 3584, "conectix", 8},
		{"VHDX", 131072, 0, "vhdxfile", 8},
		{"VDI", 131072, 0x40, "\x7f\x10\xda\xbe", 4},
		{"Parallels", 131072, 0, "WithoutFreeSpace", 16},
		{"Parallels", 131072, 0, "WithouFreSpacExt", 16},
		{NULL, 131072, 0, "", 0},
		{NULL, 131072, 1, "QFI\xfb", 4},
		{NULL, 131072, 512, "QFI\xfb", 4},
		{NULL, 131072, 0, "QFI", 3},
		{NULL, 131072, 0, "QED", 3}, /* and not a zero */
		{NULL, 131072, 0x41, "\x7f\x10\xda\xbe", 4},
		{NULL, 131072, 131072 - 511, "conectix", 8},
		{NULL, 131072, 131072 - 1024, "conectix", 8},
		{NULL, 131072, 510, "\x55\xaa", 2}, /* a boot sector */
	};
	static const enum disk_cache cache[] = {DISK_CACHE_WRITEBACK, DISK_CACHE_NONE};
	struct image *image = *state;
	struct disk disk;
	struct err err;

	for (size_t i = 0; i < NR_OF(cases) * NR_OF(cache); i++) {
		struct disk_options options = {.path = image->path, .cache = cache[i % 2]};
		const char *name = cases[i / 2].name;
		char bytes[4096];
		int fd = open(image->path, O_RDWR | O_TRUNC | O_CLOEXEC);
		int ret;

		memset(bytes, 0xee, sizeof(bytes));
		assert_int_equal(ftruncate(fd, cases[i / 2].bytes), 0);
		assert_int_equal(pwrite(fd, bytes, 64 < cases[i / 2].bytes ? 64 : 1, 0) > 0, 1);
		assert_int_equal(pwrite(fd, cases[i / 2].magic, cases[i / 2].len, cases[i / 2].at),
				 cases[i / 2].len);
		close(fd);
		ret = disk_open(&disk, &options, &err);
		if (ret == -EINVAL && strstr(err.text, "O_DIRECT") != NULL)
			skip();
		if (name == NULL) {
			assert_int_equal(ret, 0);
			disk_close(&disk);
			continue;
		}
		assert_int_equal(ret, -EINVAL);
		assert_int_equal(disk.fd, -1);
		snprintf(bytes, sizeof(bytes), "looks like a %s image, and tinyvmm", name);
		assert_says(&err, bytes);
		assert_says(&err,
			    " image, and tinyvmm reads raw ones; convert it (\"qemu-img convert");
		assert_says(&err, "or add \",format=raw\"");
		options.format_raw = true;
		if (cases[i / 2].bytes % 512 != 0)
			continue;
		assert_int_equal(disk_open(&disk, &options, &err), 0);
		disk_close(&disk);
	}
}

/* The magic number has to be there to its last byte, and the footer in the last sector. */
static void half_a_magic_number_is_none(void **state)
{
	static const struct {
		uint64_t size_said; /* which may be more or less than there is */
		off_t bytes;	    /* that are there */
		off_t at;
		const char *text;
		const char *name;
	} cases[] = {
		{512, 512, 0, "conectix", "VHD"},      {8, 8, 0, "conectix", "VHD"},
		{7, 7, 0, "conectix", NULL},	       {0, 0, 0, "", NULL},
		{511, 600, 511, "conectix", NULL}, /* no sector to end with */
		{1024, 1024, 512, "conectix", "VHD"},  {1024, 520, 512, "conectix", "VHD"},
		{1024, 519, 512, "conectix", NULL},    {1024, 512, 504, "conectix", NULL},
		{5120, 5120, 4608, "conectix", "VHD"}, /* behind the first block */
		{5120, 4608, 4600, "conectix", NULL},  {9000, 9000, 8488, "conectix", "VHD"},
		{9216, 4096, 0, "QFI", NULL},	       {1ull << 40, 4096, 0, "QFI\xfb", "qcow2"},
	};
	struct image *image = *state;
	char path[256];

	snprintf(path, sizeof(path), "%s/part", image->dir.path);
	for (size_t i = 0; i < NR_OF(cases); i++) {
		int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		const char *name;

		(void)!pwrite(fd, cases[i].text, strlen(cases[i].text), cases[i].at);
		assert_int_equal(ftruncate(fd, cases[i].bytes), 0);
		name = disk_format_name(fd, cases[i].size_said);
		if (cases[i].name == NULL)
			assert_null(name);
		else
			assert_string_equal(name, cases[i].name);
		close(fd);
	}
}

static void what_cannot_be_read_has_no_format(void **state)
{
	struct image *image = *state;
	int fd = open(image->path, O_WRONLY | O_CLOEXEC);

	assert_null(disk_format_name(fd, SECTORS * IMAGE_SECTOR));
	assert_null(disk_format_name(fd, 0));
	close(fd);
}

/* ---- ids ---- */

/* Opens DIR/file, a link to the image, and returns its id. */
static void get_id(const struct image *image, const char *file, const char *given, char *id)
{
	struct disk_options options = {.read_only = true};
	char path[256];
	struct disk disk;
	struct err err;

	snprintf(path, sizeof(path), "%s/%s", image->dir.path, file);
	options.path = path;
	strcpy(options.id, given);
	assert_int_equal(disk_open(&disk, &options, &err), 0);
	strcpy(id, disk.id);
	disk_close(&disk);
}

static void copy_image(const struct image *image, const char *file)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", image->dir.path, file);
	assert_int_equal(link(image->path, path), 0);
}

static void the_id_is_the_one_given_or_made_from_the_name(void **state)
{
	static const struct {
		const char *file, *given, *id;
	} cases[] = {
		{"root.img", "", "root.img-"},
		{"root2.img", "vda", "vda"},
		{"exactly-11b", "", "exactly-11b-"},
		{"a-name-of-more-than-20-bytes.img", "", "a-name-of-m-"},
		{"b\303\244r disk", "", "b__r_disk-"},
		{"0", "exactly-20-character", "exactly-20-character"},
	};
	struct image *image = *state;
	char id[DISK_ID_MAX + 1];

	for (size_t i = 0; i < NR_OF(cases); i++) {
		size_t len = strlen(cases[i].id);

		copy_image(image, cases[i].file);
		get_id(image, cases[i].file, cases[i].given, id);
		assert_memory_equal(id, cases[i].id, len);
		assert_int_equal(strlen(id), cases[i].given[0] != '\0' ? len : len + 8);
		assert_int_equal(strspn(id + len, "0123456789abcdef"), strlen(id + len));
	}
}

/* a/root.img and b/root.img are two disks, and their ids are what a guest tells them apart by. */
static void ids_differ_with_the_path_and_stay_the_same(void **state)
{
	static const char *const files[] = {"root.img", "a/root.img", "b/root.img",
					    "b/a-long-name-with-number-1.img",
					    "b/a-long-name-with-number-2.img"};
	char id[NR_OF(files)][DISK_ID_MAX + 1], again[DISK_ID_MAX + 1], path[256];
	struct image *image = *state;

	snprintf(path, sizeof(path), "%s/a", image->dir.path);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/b", image->dir.path);
	assert_int_equal(mkdir(path, 0700), 0);
	for (size_t i = 0; i < NR_OF(files); i++) {
		copy_image(image, files[i]);
		get_id(image, files[i], "", id[i]);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(id[i], id[j]);
	}
	get_id(image, "a/../b/./root.img", "", again); /* another way to the same file */
	assert_string_equal(again, id[2]);
}

#define image_test(f) cmocka_unit_test_setup_teardown(f, create_image, remove_image)

int main(void)
{
	const struct CMUnitTest tests[] = {
		image_test(a_read_only_device_is_refused_unless_only_read),
		image_test(a_read_only_loop_device_is_refused),
		image_test(a_file_system_without_locks_has_a_way_round),
		image_test(images_of_other_formats_are_named_and_refused),
		image_test(half_a_magic_number_is_none),
		image_test(what_cannot_be_read_has_no_format),
		image_test(the_id_is_the_one_given_or_made_from_the_name),
		image_test(ids_differ_with_the_path_and_stay_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
