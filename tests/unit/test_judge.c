/* SPDX-License-Identifier: MIT */
/* What --dry-run asks of disk, TAP and memory: the answers of a run, and nothing is changed. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/image.h"
#include "virtio/disk.h"
#include "virtio/tap.h"
#include "vmm/core/array.h"
#include "vmm/host/memory.h"

#define MIB (1ull << 20)

#define assert_says(err, part) assert_non_null(strstr((err)->text, part))

/* ---- disks ---- */

static int judge_disk(struct disk *disk, char *path, bool read_only, struct err *err)
{
	const struct disk_options options = {
		.path = path, .read_only = read_only, .only_judge = true};

	return disk_open(disk, &options, err);
}

static void a_disk_is_judged_without_a_change_or_a_lock(void **state)
{
	struct disk judged, opened;
	struct stat before, after;
	struct image image;
	struct err err;

	(void)state;
	image_create(&image, 16);
	assert_int_equal(stat(image.path, &before), 0);
	assert_int_equal(judge_disk(&judged, image.path, false, &err), 0);
	assert_int_equal(judged.size_bytes, 16 * IMAGE_SECTOR);
	assert_int_equal(fcntl(judged.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	/* While it is judged a run may begin. */
	assert_int_equal(disk_open(&opened, &(struct disk_options){.path = image.path}, &err), 0);
	disk_close(&opened);
	assert_int_equal(disk_close(&judged), 0);
	image_remove(&image);

	image_create(&image, 16);
	assert_int_equal(stat(image.path, &before), 0);
	usleep(20000); /* more than the clock of time stamps takes for a step */
	assert_int_equal(judge_disk(&judged, image.path, false, &err), 0);
	assert_int_equal(disk_close(&judged), 0);
	assert_int_equal(stat(image.path, &after), 0);
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));
	assert_memory_equal(&before.st_ctim, &after.st_ctim, sizeof(before.st_ctim));
	image_remove(&image);
}

static void a_judged_disk_is_refused_as_a_run_refuses_it(void **state)
{
	struct disk_options options = {0};
	struct disk judged, opened;
	struct image image;
	struct err as_run, as_judge;
	int ret;

	(void)state;
	image_create(&image, 16);
	options.path = image.path;
	assert_int_equal(disk_open(&opened, &options, &as_run), 0);
	for (int ro = 0; ro <= 1; ro++) {
		struct disk second;

		options.read_only = ro;
		assert_int_equal(disk_open(&second, &options, &as_run), -EAGAIN);
		assert_int_equal(judge_disk(&judged, image.path, ro, &as_judge), -EAGAIN);
		assert_string_equal(as_judge.text, as_run.text);
		assert_int_equal(judged.fd, -1);
	}
	disk_close(&opened);

	options.read_only = false;
	assert_int_equal(chmod(image.path, 0444), 0);
	if (geteuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	ret = disk_open(&opened, &options, &as_run);
	assert_int_equal(judge_disk(&judged, image.path, false, &as_judge), ret);
	if (geteuid() == 65534)
		assert_int_equal(seteuid(0), 0);
	assert_true(ret < 0);
	assert_string_equal(as_judge.text, as_run.text);

	assert_int_equal(truncate(image.path, 1000), 0);
	options.read_only = true;
	ret = disk_open(&opened, &options, &as_run);
	assert_int_equal(judge_disk(&judged, image.path, true, &as_judge), ret);
	assert_int_equal(ret, -EINVAL);
	assert_string_equal(as_judge.text, as_run.text);
	image_remove(&image);
}

/* ---- TAPs ---- */

/* Namespaces for this program alone, with their own /sys. */
static bool enter_namespaces(void)
{
	if (geteuid() == 0 && unshare(CLONE_NEWNET | CLONE_NEWNS) == 0 &&
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount("sysfs", "/sys", "sysfs", 0, NULL) == 0 &&
	    access("/dev/net/tun", R_OK | W_OK) == 0)
		return true;
	print_message("no TAP here: it takes root, mount namespaces and /dev/net/tun\n");
	return false;
}

static int judge_tap(struct tap *tap, const char *ifname, struct err *err)
{
	struct tap_options options = {.only_judge = true};

	strcpy(options.ifname, ifname);
	return tap_open(tap, &options, err);
}

/* As "ip tuntap add": stays as long as the namespace. */
static void make_persistent(const char *ifname, int flags)
{
	struct ifreq ifr = {.ifr_flags = (short)flags};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	strcpy(ifr.ifr_name, ifname);
	assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
	assert_int_equal(ioctl(fd, TUNSETOWNER, 4711ul), 0);
	assert_int_equal(ioctl(fd, TUNSETPERSIST, 1), 0);
	close(fd);
}

static void a_tap_is_judged_from_outside(void **state)
{
	struct tap_options options = {.ifname = "busy"};
	struct tap tap, other;
	struct err as_run, err;
	struct stat st;

	(void)state;
	if (!enter_namespaces())
		skip();
	/* What is not there could be made, and is not. */
	assert_int_equal(judge_tap(&tap, "vm7", &err), 0);
	assert_string_equal(tap.ifname, "vm7");
	assert_int_equal(tap.fd, -1);
	assert_int_equal(if_nametoindex("vm7"), 0);
	tap_close(&tap);
	assert_int_equal(judge_tap(&tap, "", &err), 0);
	assert_string_equal(tap.ifname, "a new TAP");

	make_persistent("there", IFF_TAP | IFF_NO_PI);
	assert_int_equal(judge_tap(&tap, "there", &err), 0);
	make_persistent("tunnel", IFF_TUN | IFF_NO_PI);
	assert_int_equal(judge_tap(&tap, "tunnel", &err), -EINVAL);
	make_persistent("queues", IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE);
	assert_int_equal(judge_tap(&tap, "queues", &err), -EINVAL);
	assert_int_equal(judge_tap(&tap, "lo", &err), -EINVAL);
	assert_says(&err, "--net tap=lo: not a TAP of one queue");

	assert_int_equal(tap_open(&tap, &options, &err), 0);
	assert_int_equal(tap_open(&other, &options, &as_run), -EBUSY);
	assert_int_equal(judge_tap(&other, "busy", &err), -EBUSY);
	assert_string_equal(err.text, as_run.text);
	tap_close(&tap);

	/* As a user who is neither its owner nor root. */
	assert_int_equal(stat("/dev/net/tun", &st), 0);
	if ((st.st_mode & 0006) != 0006) {
		print_message("only root may open /dev/net/tun here\n");
		return;
	}
	assert_int_equal(seteuid(65534), 0);
	strcpy(options.ifname, "there");
	assert_int_equal(tap_open(&tap, &options, &as_run), -EPERM);
	assert_int_equal(judge_tap(&tap, "there", &err), -EPERM);
	assert_string_equal(err.text, as_run.text);
	assert_int_equal(judge_tap(&tap, "vm7", &err), -EPERM);
	assert_says(&err, "no permission to create it");
	assert_int_equal(seteuid(0), 0);
}

/* ---- memory ---- */

static size_t resident_pages(const struct hostmem *hostmem)
{
	size_t nr = hostmem->size_bytes / 4096;
	unsigned char *present = malloc(nr);
	size_t resident = 0;

	assert_non_null(present);
	assert_int_equal(mincore(hostmem->base, hostmem->size_bytes, present), 0);
	for (size_t i = 0; i < nr; i++)
		resident += present[i] & 1;
	free(present);
	return resident;
}

static void memory_is_judged_without_taking_a_page(void **state)
{
	const struct mem_options mem = {.size_bytes = 16 * MIB, .node = -1, .prealloc = true};
	struct hostmem hostmem;
	struct err err;

	(void)state;
	assert_int_equal(hostmem_judge(&hostmem, &mem, &err), 0);
	assert_int_equal(hostmem.size_bytes, 16 * MIB);
	assert_int_equal(resident_pages(&hostmem), 0);
	hostmem.base[0] = 1; /* images are tried on it */
	hostmem_unmap(&hostmem);
}

static void memory_is_refused_as_a_run_refuses_it(void **state)
{
	static const struct mem_options cases[] = {
		{.size_bytes = 1ull << 47, .node = -1},
		{.size_bytes = 1ull << 45, .node = -1, .prealloc = true},
		{.size_bytes = 1ull << 40, .node = -1, .pages = MEM_PAGES_2M},
		{.size_bytes = 1ull << 40, .node = -1, .pages = MEM_PAGES_1G},
		{.size_bytes = 1ull << 40, .node = 1023, .pages = MEM_PAGES_2M},
		{.size_bytes = 64 * MIB, .node = 1023},
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct hostmem hostmem;
		struct err as_run = {""}, as_judge = {""};
		int ret = hostmem_map(&hostmem, &cases[i], &as_run);

		assert_true(ret < 0);
		assert_int_equal(hostmem_judge(&hostmem, &cases[i], &as_judge), ret);
		assert_string_equal(as_judge.text, as_run.text);
		assert_null(hostmem.base);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disk_is_judged_without_a_change_or_a_lock),
		cmocka_unit_test(a_judged_disk_is_refused_as_a_run_refuses_it),
		cmocka_unit_test(a_tap_is_judged_from_outside),
		cmocka_unit_test(memory_is_judged_without_taking_a_page),
		cmocka_unit_test(memory_is_refused_as_a_run_refuses_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
