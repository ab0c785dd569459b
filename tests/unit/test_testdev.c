/* SPDX-License-Identifier: MIT */
/* The test device, against QEMU's pc-testdev. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "devices/testdev.h"
#include "tests/unit/device_fixture.h"
#include "vmm/core/array.h"

#define RAM_BYTES (16u * 4096u)

static const struct testdev_layout layout = {
	.registers = 0xe0, .flush = 0xe4, .lines = 0x2000, .window = 0xff000000};

struct world {
	struct fixture fixture;
	struct bus mmio;
	struct gmem mem;
	uint8_t *ram;
	struct device *device;
	unsigned int nr_set, gsi; /* calls, and the last one */
	bool high;
	bool level[32];
};

static void set_line(void *ctx, unsigned int gsi, bool high)
{
	struct world *world = ctx;

	assert_true(gsi < NR_OF(world->level));
	world->nr_set++;
	world->gsi = gsi;
	world->high = high;
	world->level[gsi] = high;
}

static int setup(void **state)
{
	static struct world world;

	memset(&world, 0, sizeof(world));
	fixture_init(&world.fixture);
	world.ram =
		mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(world.ram, MAP_FAILED);
	assert_int_equal(gmem_add(&world.mem, gpa(0), RAM_BYTES, world.ram), 0);
	world.fixture.env.mem = &world.mem;
	world.fixture.env.mmio = &world.mmio;
	world.fixture.env.lines = (struct irq_lines){.set = set_line, .ctx = &world};
	assert_int_equal(testdev_create(&world.fixture.env, &layout, &world.device), 0);
	*state = &world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	device_destroy(world->device);
	munmap(world->ram, RAM_BYTES);
	return 0;
}

static void out(struct world *world, uint16_t port, unsigned int size, uint32_t value)
{
	bus_write(&world->fixture.pio, port, &value, size, 1);
}

static uint32_t in(struct world *world, uint16_t port, unsigned int size)
{
	uint32_t value = 0;

	bus_read(&world->fixture.pio, port, &value, size, 1);
	return value;
}

static void registers_keep_what_is_written_in_any_width(void **state)
{
	struct world *world = *state;

	assert_int_equal(in(world, 0xe0, 4), 0);
	out(world, 0xe0, 4, 0x12345678);
	assert_int_equal(in(world, 0xe0, 4), 0x12345678);
	assert_int_equal(in(world, 0xe0, 2), 0x5678);
	assert_int_equal(in(world, 0xe2, 2), 0x1234);
	assert_int_equal(in(world, 0xe1, 1), 0x56);
	out(world, 0xe3, 1, 0xab);
	out(world, 0xe0, 2, 0xcdef);
	assert_int_equal(in(world, 0xe0, 4), 0xab34cdef);
	assert_int_equal(in(world, 0xe4, 4), 0); /* flush: nothing to read */
	assert_int_equal(in(world, 0xe8, 1), 0xff);
}

static void each_port_of_the_lines_sets_the_level_of_its_own(void **state)
{
	struct world *world = *state;

	for (unsigned int gsi = 0; gsi < 24; gsi++) {
		out(world, (uint16_t)(0x2000 + gsi), 1, 1);
		assert_int_equal(world->nr_set, 1);
		assert_int_equal(world->gsi, gsi);
		assert_true(world->high);
		out(world, (uint16_t)(0x2000 + gsi), 1, 0x80);
		assert_true(world->high);
		out(world, (uint16_t)(0x2000 + gsi), 1, 0);
		assert_int_equal(world->nr_set, 3);
		assert_int_equal(world->gsi, gsi);
		assert_false(world->high);
		world->nr_set = 0;
	}
	out(world, 0x2018, 1, 1);
	assert_int_equal(world->nr_set, 0);
	out(world, 0x2004, 2, 0x0100); /* two lines at once */
	assert_int_equal(world->nr_set, 2);
	assert_false(world->level[4]);
	assert_true(world->level[5]);
	assert_int_equal(in(world, 0x2005, 1), 0);
}

static void a_machine_without_interrupt_controllers_has_no_lines(void **state)
{
	struct world *world = *state;
	const struct testdev_layout elsewhere = {0x100, 0x104, 0x3000, 0xfd000000};
	struct device *device;

	world->fixture.env.lines = (struct irq_lines){0};
	assert_int_equal(testdev_create(&world->fixture.env, &elsewhere, &device), 0);
	out(world, 0x3000, 1, 1);
	assert_int_equal(world->nr_set, 0);
	device_destroy(device);
}

static void the_window_keeps_what_is_written_in_any_width(void **state)
{
	static const uint64_t ends[] = {0xff000000, 0xff00fff8};
	struct world *world = *state;
	uint64_t value;

	for (size_t i = 0; i < NR_OF(ends); i++) {
		value = 0x1122334455667788;
		bus_write(&world->mmio, ends[i], &value, 8, 1);
		value = 0;
		bus_read(&world->mmio, ends[i], &value, 8, 1);
		assert_int_equal(value, 0x1122334455667788);
		value = 0;
		bus_write(&world->mmio, ends[i] + 3, &value, 2, 1);
		bus_read(&world->mmio, ends[i] + 2, &value, 4, 1);
		assert_int_equal(value, 0x33000066);
	}
	assert_non_null(bus_find(&world->mmio, 0xff00ffff));
	assert_null(bus_find(&world->mmio, 0xff010000));
}

static void two_devices_share_nothing(void **state)
{
	struct world *world = *state;
	const struct testdev_layout elsewhere = {0x100, 0x104, 0x3000, 0xfd000000};
	struct device *device;
	uint32_t value = 1;

	assert_int_equal(testdev_create(&world->fixture.env, &elsewhere, &device), 0);
	out(world, 0xe0, 1, 7);
	bus_write(&world->mmio, 0xff000000, &value, 4, 1);
	bus_read(&world->mmio, 0xfd000000, &value, 4, 1);
	assert_int_equal(value, 0);
	assert_int_equal(in(world, 0x100, 1), 0);
	device_destroy(device);
}

/* A change of protection is what makes KVM forget a page, and what the host may refuse. */
static struct {
	unsigned int nr;
	struct {
		const void *at;
		size_t len;
		int protection;
	} call[4];
	bool refuses;
} mprotect_fake;

int mprotect(void *at, size_t len, int protection)
{
	unsigned int nr = mprotect_fake.nr++;

	if (nr < NR_OF(mprotect_fake.call)) {
		mprotect_fake.call[nr].at = at;
		mprotect_fake.call[nr].len = len;
		mprotect_fake.call[nr].protection = protection;
	}
	if (!mprotect_fake.refuses)
		return (int)syscall(SYS_mprotect, at, len, protection);
	errno = EACCES;
	return -1;
}

static void a_flushed_page_changes_its_protection_and_nothing_else(void **state)
{
	struct world *world = *state;

	memset(world->ram, 0x5a, RAM_BYTES);
	for (uint32_t page = 0; page < RAM_BYTES; page += 4096) {
		memset(&mprotect_fake, 0, sizeof(mprotect_fake));
		out(world, 0xe4, 4, page + (page == 0 ? 0 : 0xfff));
		assert_int_equal(mprotect_fake.nr, 2);
		for (unsigned int i = 0; i < 2; i++) {
			assert_ptr_equal(mprotect_fake.call[i].at, world->ram + page);
			assert_int_equal(mprotect_fake.call[i].len, 4096);
		}
		/* Readable and writable all the time: other vCPUs may be at it. */
		assert_int_equal(mprotect_fake.call[0].protection,
				 PROT_READ | PROT_WRITE | PROT_EXEC);
		assert_int_equal(mprotect_fake.call[1].protection, PROT_READ | PROT_WRITE);
		assert_int_equal(world->ram[page], 0x5a);
		world->ram[page] = 0xa5;
	}
	assert_int_equal(world->fixture.log_limit.used, 0);
}

static void a_flush_outside_of_ram_does_nothing(void **state)
{
	struct world *world = *state;

	memset(&mprotect_fake, 0, sizeof(mprotect_fake));
	out(world, 0xe4, 4, RAM_BYTES);
	out(world, 0xe4, 4, 0xfffff000);
	assert_int_equal(mprotect_fake.nr, 0);
}

static void a_flush_that_the_host_refuses_is_said(void **state)
{
	struct world *world = *state;

	memset(&mprotect_fake, 0, sizeof(mprotect_fake));
	mprotect_fake.refuses = true;
	out(world, 0xe4, 4, 0x1000);
	mprotect_fake.refuses = false;
	assert_int_equal(mprotect_fake.nr, 1);
	assert_int_equal(world->fixture.log_limit.used, 1);
}

/* What cannot be claimed is given back by the caller's destruction of the bus; nothing leaks. */
static void a_place_that_is_taken_is_an_error(void **state)
{
	static const struct testdev_layout cases[] = {
		{0xe3, 0x104, 0x3000, 0xfd000000},
		{0x110, 0xe1, 0x3000, 0xfd000000},
		{0x120, 0x124, 0x2017, 0xfd000000},
		{0x130, 0x134, 0x4000, 0xff00ffff},
	};
	struct world *world = *state;
	struct device *device;

	for (size_t i = 0; i < NR_OF(cases); i++)
		assert_int_equal(testdev_create(&world->fixture.env, &cases[i], &device), -EEXIST);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(registers_keep_what_is_written_in_any_width),
		TEST(each_port_of_the_lines_sets_the_level_of_its_own),
		TEST(a_machine_without_interrupt_controllers_has_no_lines),
		TEST(the_window_keeps_what_is_written_in_any_width),
		TEST(two_devices_share_nothing),
		TEST(a_flushed_page_changes_its_protection_and_nothing_else),
		TEST(a_flush_outside_of_ram_does_nothing),
		TEST(a_flush_that_the_host_refuses_is_said),
		TEST(a_place_that_is_taken_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
