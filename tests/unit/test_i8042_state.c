/* SPDX-License-Identifier: MIT */
/* What each command leaves behind in the keyboard controller: status, configuration, reply. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "devices/i8042.h"
#include "tests/unit/device_fixture.h"
#include "vmm/core/array.h"

#define DATA	0x60
#define COMMAND 0x64

#define OUTPUT_FULL 0x01
#define SYSTEM	    0x04
#define AFTER_CMD   0x08 /* the last byte was written to 0x64 */
#define UNLOCKED    0x10
#define TIMEOUT	    0x40

static struct device *create(struct fixture *f)
{
	struct device *device;

	fixture_init(f);
	assert_int_equal(i8042_create(&f->env, DATA, &device), 0);
	return device;
}

/* A command, or a command and its byte: how the status and what may be read are then. */
static void each_command_leaves_its_status_and_reply(void **state)
{
	static const struct {
		uint8_t command;
		int data; /* -1: none */
		uint8_t status;
		int reply; /* -1: none */
		uint8_t config;
	} cases[] = {
		{0x20, -1, SYSTEM | UNLOCKED | AFTER_CMD | OUTPUT_FULL, 0x24, 0x24},
		{0xaa, -1, SYSTEM | UNLOCKED | AFTER_CMD | OUTPUT_FULL, 0x55, 0x24},
		{0xab, -1, SYSTEM | UNLOCKED | AFTER_CMD | OUTPUT_FULL, 0x00, 0x24},
		{0xa9, -1, SYSTEM | UNLOCKED | AFTER_CMD | OUTPUT_FULL, 0x01, 0x24},
		{0xad, -1, SYSTEM | UNLOCKED | AFTER_CMD, -1, 0x34},
		{0xae, -1, SYSTEM | UNLOCKED | AFTER_CMD, -1, 0x24},
		{0xa7, -1, SYSTEM | UNLOCKED | AFTER_CMD, -1, 0x24},
		{0xa8, -1, SYSTEM | UNLOCKED | AFTER_CMD, -1, 0x24},
		{0xc0, -1, SYSTEM | UNLOCKED | AFTER_CMD | OUTPUT_FULL, 0x00, 0x24},
		{0xd0, -1, SYSTEM | UNLOCKED | AFTER_CMD | OUTPUT_FULL, 0x03, 0x24},
		{0xd1, -1, SYSTEM | UNLOCKED | AFTER_CMD, -1, 0x24},
		{0xd1, 0x01, SYSTEM | UNLOCKED, -1, 0x24},
		{0x60, 0x07, SYSTEM | UNLOCKED, -1, 0x27},
		{0xd2, 0x5a, SYSTEM | UNLOCKED | OUTPUT_FULL, 0x5a, 0x24},
		{0xd3, 0x5a, SYSTEM | UNLOCKED | OUTPUT_FULL, 0xa5, 0x24},
		{0xd4, 0x5a, SYSTEM | UNLOCKED | OUTPUT_FULL | TIMEOUT, 0xfe, 0x24},
		{0xff, -1, SYSTEM | UNLOCKED | AFTER_CMD, -1, 0x24}, /* pulses no line */
		{0x77, -1, SYSTEM | UNLOCKED | AFTER_CMD, -1, 0x24}, /* unknown */
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct fixture f;
		struct device *device = create(&f);

		assert_int_equal(in8(&f, COMMAND), SYSTEM | UNLOCKED);
		out8(&f, COMMAND, cases[i].command);
		if (cases[i].data >= 0)
			out8(&f, DATA, (unsigned int)cases[i].data);
		assert_int_equal(in8(&f, COMMAND), cases[i].status);
		if (cases[i].reply >= 0)
			assert_int_equal(in8(&f, DATA), cases[i].reply);
		assert_int_equal(in8(&f, COMMAND), cases[i].status & ~(OUTPUT_FULL | TIMEOUT));
		out8(&f, COMMAND, 0x20);
		assert_int_equal(in8(&f, DATA), cases[i].config);
		assert_int_equal(f.ends, 0);
		device_destroy(device);
	}
}

/* No command leaves the controller waiting: a byte behind its own belongs to the keyboard. */
static void a_command_takes_one_byte_only(void **state)
{
	static const uint8_t commands[] = {0x60, 0xd1, 0xd2, 0xd3, 0xd4};

	(void)state;
	for (size_t i = 0; i < NR_OF(commands); i++) {
		struct fixture f;
		struct device *device = create(&f);

		out8(&f, COMMAND, commands[i]);
		out8(&f, DATA, 0x01);
		out8(&f, DATA, 0x00); /* as a second output-port byte it would reset */
		assert_int_equal(in8(&f, COMMAND) & (OUTPUT_FULL | TIMEOUT), OUTPUT_FULL | TIMEOUT);
		assert_int_equal(in8(&f, DATA), 0xfe);
		assert_int_equal(f.ends, 0);
		device_destroy(device);
	}
}

static void a_reply_takes_the_place_of_a_timeout(void **state)
{
	struct fixture f;
	struct device *device = create(&f);

	(void)state;
	out8(&f, DATA, 0xf2); /* to a keyboard that is not there */
	out8(&f, COMMAND, 0xaa);
	assert_int_equal(in8(&f, COMMAND) & (OUTPUT_FULL | TIMEOUT), OUTPUT_FULL);
	assert_int_equal(in8(&f, DATA), 0x55);
	device_destroy(device);
}

/* The reset line is low only for a moment; 0xd0 shows it high whatever was written. */
static void the_output_port_is_read_back(void **state)
{
	static const struct {
		uint8_t written, read;
		unsigned int ends;
	} cases[] = {{0x03, 0x03, 0},
		     {0xdf, 0xdf, 0},
		     {0x01, 0x01, 0},
		     {0x02, 0x03, 1},
		     {0x00, 0x01, 1}};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct fixture f;
		struct device *device = create(&f);

		f.end_value = 77;
		out8(&f, COMMAND, 0xd1);
		out8(&f, DATA, cases[i].written);
		assert_int_equal(f.ends, cases[i].ends);
		if (f.ends > 0)
			assert_int_equal(f.end_value, 0);
		out8(&f, COMMAND, 0xd0);
		assert_int_equal(in8(&f, DATA), cases[i].read);
		device_destroy(device);
	}
}

static void a_pulse_ends_the_guest_without_a_value(void **state)
{
	struct fixture f;
	struct device *device = create(&f);

	(void)state;
	f.end_value = 77;
	out8(&f, COMMAND, 0xfe);
	assert_int_equal(f.ends, 1);
	assert_int_equal(f.end_value, 0);
	device_destroy(device);
}

static void each_port_is_one_byte(void **state)
{
	struct fixture f;
	struct device *device = create(&f);

	(void)state;
	assert_int_equal(bus_find(&f.pio, DATA)->size, 1);
	assert_int_equal(bus_find(&f.pio, COMMAND)->size, 1);
	device_destroy(device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_command_leaves_its_status_and_reply),
		cmocka_unit_test(a_command_takes_one_byte_only),
		cmocka_unit_test(a_reply_takes_the_place_of_a_timeout),
		cmocka_unit_test(the_output_port_is_read_back),
		cmocka_unit_test(a_pulse_ends_the_guest_without_a_value),
		cmocka_unit_test(each_port_is_one_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
