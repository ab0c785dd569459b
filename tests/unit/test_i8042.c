/* SPDX-License-Identifier: MIT */
/* The keyboard controller: resets the machine, and answers every probe without a time-out. */
#include <errno.h>
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
#define INPUT_FULL  0x02
#define TIMEOUT	    0x40

static struct device *create(struct fixture *f)
{
	struct device *device;

	fixture_init(f);
	assert_int_equal(i8042_create(&f->env, DATA, &device), 0);
	return device;
}

static void resets_on_the_commands_that_pull_the_reset_line(void **state)
{
	static const struct {
		uint8_t command;
		int data; /* -1: none */
		unsigned int resets;
	} cases[] = {
		{0xfe, -1, 1},			  /* what all guests use: pulses bit 0 */
		{0xf0, -1, 1},			  /* pulses all four lines */
		{0xff, -1, 0},			  /* pulses none */
		{0xfd, -1, 0},	 {0xd1, 0x02, 1}, /* writes the output port with the line low */
		{0xd1, 0x03, 0},		  /* ... high */
		{0xd1, 0x01, 0}, {0x60, 0xfe, 0}, /* a configuration byte is not a command */
		{0xaa, -1, 0},
	};

	(void)state;
	for (unsigned int i = 0; i < NR_OF(cases); i++) {
		struct fixture f;
		struct device *device = create(&f);

		out8(&f, COMMAND, cases[i].command);
		if (cases[i].data >= 0)
			out8(&f, DATA, (unsigned int)cases[i].data);
		assert_int_equal(f.ends, cases[i].resets);
		if (f.ends > 0)
			assert_int_equal(f.end_reason, GUEST_END_RESET);
		device_destroy(device);
	}
}

static void is_always_ready_to_be_written_to(void **state)
{
	struct fixture f;
	struct device *device = create(&f);

	(void)state;
	for (unsigned int value = 0; value < 256; value++) {
		out8(&f, COMMAND, value);
		assert_int_equal(in8(&f, COMMAND) & INPUT_FULL, 0);
		out8(&f, DATA, value);
		assert_int_equal(in8(&f, COMMAND) & INPUT_FULL, 0);
	}
	device_destroy(device);
}

static void starts_with_nothing_to_read(void **state)
{
	struct fixture f;
	struct device *device = create(&f);

	(void)state;
	assert_int_equal(in8(&f, COMMAND) & OUTPUT_FULL, 0);
	in8(&f, DATA);
	assert_int_equal(in8(&f, COMMAND) & OUTPUT_FULL, 0);
	device_destroy(device);
}

static void answers_each_command_at_once_and_once(void **state)
{
	static const struct {
		uint8_t command;
		int data; /* -1: none */
		uint8_t answer;
	} cases[] = {
		{0xaa, -1, 0x55},   /* self-test passed */
		{0xab, -1, 0x00},   /* the keyboard's port works */
		{0xa9, -1, 0x01},   /* the auxiliary port does not */
		{0xd0, -1, 0x03},   /* output port: A20 on, reset off */
		{0xd2, 0x5a, 0x5a}, /* loops back through the keyboard's buffer */
		{0xd3, 0x5a, 0xa5}, /* Linux: an echo of 0x5a would mean a mouse port */
		{0xd4, 0xf2, 0xfe}, /* to the mouse: there is none to answer */
		{0x20, -1, 0x24},   /* configuration: self-tested, no auxiliary port */
	};
	struct fixture f;
	struct device *device = create(&f);

	(void)state;
	for (unsigned int i = 0; i < NR_OF(cases); i++) {
		out8(&f, COMMAND, cases[i].command);
		if (cases[i].data >= 0)
			out8(&f, DATA, (unsigned int)cases[i].data);
		assert_int_equal(in8(&f, COMMAND) & OUTPUT_FULL, OUTPUT_FULL);
		assert_int_equal(in8(&f, DATA), cases[i].answer);
		assert_int_equal(in8(&f, COMMAND) & OUTPUT_FULL, 0);
	}
	device_destroy(device);
}

static void says_that_the_keyboard_does_not_answer(void **state)
{
	struct fixture f;
	struct device *device = create(&f);

	(void)state;
	out8(&f, DATA, 0xf2); /* "identify yourself" */
	assert_int_equal(in8(&f, COMMAND) & (OUTPUT_FULL | TIMEOUT), OUTPUT_FULL | TIMEOUT);
	assert_int_equal(in8(&f, DATA), 0xfe);
	assert_int_equal(in8(&f, COMMAND) & (OUTPUT_FULL | TIMEOUT), 0);
	device_destroy(device);
}

static void keeps_its_configuration_byte(void **state)
{
	struct fixture f;
	struct device *device = create(&f);

	(void)state;
	out8(&f, COMMAND, 0x60);
	out8(&f, DATA, 0x47);
	out8(&f, COMMAND, 0x20);
	assert_int_equal(in8(&f, DATA), 0x67); /* the auxiliary port stays disabled */
	out8(&f, COMMAND, 0xad);	       /* disable the keyboard */
	out8(&f, COMMAND, 0x20);
	assert_int_equal(in8(&f, DATA), 0x77);
	out8(&f, COMMAND, 0xae);
	out8(&f, COMMAND, 0xa8); /* enable an auxiliary port that is not there */
	out8(&f, COMMAND, 0x20);
	assert_int_equal(in8(&f, DATA), 0x67);
	device_destroy(device);
}

static void a_command_cancels_one_that_waits_for_its_data(void **state)
{
	struct fixture f;
	struct device *device = create(&f);

	(void)state;
	out8(&f, COMMAND, 0xd1);
	out8(&f, COMMAND, 0xaa);
	in8(&f, DATA);
	out8(&f, DATA, 0x00); /* would have reset the machine */
	assert_int_equal(f.ends, 0);
	device_destroy(device);
}

static void claims_two_ports_and_no_more(void **state)
{
	struct fixture f;
	struct device *device = create(&f);

	(void)state;
	assert_null(bus_find(&f.pio, 0x61)); /* KVM's PIT has its speaker port there */
	assert_int_equal(i8042_create(&f.env, DATA, NULL), -EEXIST);
	assert_int_equal(i8042_create(&f.env, DATA - I8042_COMMAND_OFFSET, NULL), -EEXIST);
	device_destroy(device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resets_on_the_commands_that_pull_the_reset_line),
		cmocka_unit_test(is_always_ready_to_be_written_to),
		cmocka_unit_test(starts_with_nothing_to_read),
		cmocka_unit_test(answers_each_command_at_once_and_once),
		cmocka_unit_test(says_that_the_keyboard_does_not_answer),
		cmocka_unit_test(keeps_its_configuration_byte),
		cmocka_unit_test(a_command_cancels_one_that_waits_for_its_data),
		cmocka_unit_test(claims_two_ports_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
