/* SPDX-License-Identifier: MIT */
/*
 * The payload kernel's bzImage as it was built, against Documentation/arch/x86/boot.rst: what other
 * loaders will read in its header, and that our own takes it.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/boot_fixture.h"

#define IMAGE "guest/payload.bzImage" /* below the build directory, as this program is */

static uint16_t file16(const struct boot_fixture *f, size_t at)
{
	uint16_t value;

	memcpy(&value, f->file + at, sizeof(value));
	return value;
}

static uint32_t file32(const struct boot_fixture *f, size_t at)
{
	uint32_t value;

	memcpy(&value, f->file + at, sizeof(value));
	return value;
}

static int read_image(void **state)
{
	char path[4096] = "";
	struct boot_fixture *f;
	ssize_t len;
	int fd;

	fixture_setup(state);
	f = *state;
	/* BUILD/tests/unit/NAME, or BUILD/tests/unit-san/NAME */
	assert_true(readlink("/proc/self/exe", path, sizeof(path) - sizeof(IMAGE)) > 0);
	for (int i = 0; i < 3; i++)
		*strrchr(path, '/') = '\0';
	strcat(path, "/" IMAGE);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		fail_msg("%s: %s", path, strerror(errno));
	len = read(fd, f->file, sizeof(f->file));
	close(fd);
	assert_in_range(len, 4096, sizeof(f->file) - 1);
	f->size = (size_t)len;
	return 0;
}

static size_t setup_bytes(const struct boot_fixture *f)
{
	return (1u + f->file[0x1f1]) * 512u;
}

static void the_header_has_what_loaders_of_any_kind_need(void **state)
{
	struct boot_fixture *f = *state;

	assert_int_equal(file16(f, 0x1fe), 0xaa55);	 /* boot_flag */
	assert_int_equal(f->file[0x200], 0xeb);		 /* a short jump over the header */
	assert_int_equal(f->file[0x201], 0x268 - 0x202); /* which ends where that of 2.12 does */
	assert_int_equal(file16(f, 0x206), 0x020c);	 /* version */
	assert_int_equal(f->file[0x211] & 1, 1);	 /* loadflags: LOADED_HIGH */
	assert_int_equal(file32(f, 0x214), 0x100000);	 /* code32_start */
	assert_int_equal(file32(f, 0x22c), 0x7fffffff);	 /* initrd_addr_max */
	assert_int_equal(f->file[0x234], 0);		 /* relocatable_kernel */
	assert_int_equal(file16(f, 0x236) & 1, 1);	 /* xloadflags: XLF_KERNEL_64 */
	assert_int_equal(file32(f, 0x238), 2047);	 /* cmdline_size */
	assert_int_equal(file32(f, 0x258), 0x100000);	 /* pref_address */
	assert_string_equal(f->file + 0x200 + file16(f, 0x20e), "tinyvmm payload kernel");
}

static void the_header_counts_the_file_to_the_byte(void **state)
{
	struct boot_fixture *f = *state;

	assert_int_equal(setup_bytes(f) + file32(f, 0x1f4) * 16ull, f->size);
	/* .bss too, with a stack for each of 16 CPUs */
	assert_true(file32(f, 0x260) > file32(f, 0x1f4) * 16 + 16 * 8192);
}

/* boot.rst, "Memory Layout": the 32 KiB of the real-mode part hold boot_params and a stack as well.
 */
static void the_real_mode_part_leaves_room_for_its_data(void **state)
{
	struct boot_fixture *f = *state;

	assert_true(setup_bytes(f) <= 4096);
}

static void our_loader_enters_its_64_bit_entry(void **state)
{
	struct boot_fixture *f = *state;

	must_load(f, "program", 8, 0);
	assert_int_equal(f->image.protocol, BOOT_LINUX64);
	assert_int_equal(f->image.start, 0x100000);
	assert_int_equal(f->image.end, 0x100000 + file32(f, 0x260));
	must_enter_long(f);
	assert_int_equal(f->entry.rip, 0x100200);
	assert_memory_equal(f->ram + 0x100000, f->file + setup_bytes(f), f->size - setup_bytes(f));
}

static void a_loader_without_64_bits_enters_it_at_its_start(void **state)
{
	struct boot_fixture *f = *state;

	put16(f->file + 0x236, 0);
	must_load(f, "program", 8, 0);
	must_enter_protected(f);
	assert_int_equal(f->entry.rip, 0x100000);
}

#define image_test(test) cmocka_unit_test_setup_teardown(test, read_image, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		image_test(the_header_has_what_loaders_of_any_kind_need),
		image_test(the_header_counts_the_file_to_the_byte),
		image_test(the_real_mode_part_leaves_room_for_its_data),
		image_test(our_loader_enters_its_64_bit_entry),
		image_test(a_loader_without_64_bits_enters_it_at_its_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
