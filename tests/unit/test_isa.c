/* SPDX-License-Identifier: MIT */
/* The small devices on the ISA bus: debug-exit, debugcon, POST and ACPI power. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>

#include <cmocka.h>

#include "devices/debug_exit.h"
#include "devices/debugcon.h"
#include "devices/post.h"
#include "devices/power.h"
#include "devices/timestamp.h"
#include "tests/unit/device_fixture.h"
#include "vmm/core/array.h"

/* --- debug-exit --- */

static void every_write_to_debug_exit_ends_the_guest(void **state)
{
	static const struct {
		uint16_t port;
		unsigned int size;
		uint64_t value;
		uint32_t reported;
	} cases[] = {
		{0xf4, 1, 0, 0},	   {0xf4, 1, 0xff, 0xff},
		{0xf4, 2, 0x1234, 0x1234}, {0xf4, 4, 0xdeadbeef, 0xdeadbeef},
		{0xf7, 1, 3, 3},
	};
	struct fixture f;
	struct device *device;

	(void)state;
	fixture_init(&f);
	assert_int_equal(debug_exit_create(&f.env, 0xf4, &device), 0);
	for (unsigned int i = 0; i < NR_OF(cases); i++) {
		bus_write(&f.pio, cases[i].port, &cases[i].value, cases[i].size, 1);
		assert_int_equal(f.ends, i + 1);
		assert_int_equal(f.end_reason, GUEST_END_DEBUG_EXIT);
		assert_int_equal(f.end_value, cases[i].reported);
	}
	assert_int_equal(in8(&f, 0xf4), 0);
	assert_int_equal(f.ends, NR_OF(cases));
	device_destroy(device);
}

/* --- debugcon --- */

/* A console that refuses `refusals` times before each byte. */
struct slow_host {
	unsigned int refusals, refused;
	char text[64];
	size_t len;
};

static size_t slow_write(void *ctx, const uint8_t *bytes, size_t len)
{
	struct slow_host *slow = ctx;

	assert_int_equal(len, 1);
	if (slow->refused < slow->refusals) {
		slow->refused++;
		return 0;
	}
	slow->refused = 0;
	slow->text[slow->len++] = (char)*bytes;
	return 1;
}

static void bytes_written_to_debugcon_appear_on_the_console(void **state)
{
	struct slow_host slow = {0};
	const struct chario_host host = {.write = slow_write, .ctx = &slow};
	struct fixture f;
	struct device *device;

	(void)state;
	fixture_init(&f);
	f.env.console = &host;
	assert_int_equal(debugcon_create(&f.env, 0xe9, &device), 0);
	assert_int_equal(in8(&f, 0xe9), 0xe9);
	bus_write(&f.pio, 0xe9, "hello", 1, 5); /* rep outsb */
	assert_string_equal(slow.text, "hello");
	device_destroy(device);
}

static void debugcon_waits_for_a_slow_console(void **state)
{
	struct slow_host slow = {.refusals = 3};
	const struct chario_host host = {.write = slow_write, .ctx = &slow};
	struct fixture f;
	struct device *device;

	(void)state;
	fixture_init(&f);
	f.env.console = &host;
	assert_int_equal(debugcon_create(&f.env, 0xe9, &device), 0);
	bus_write(&f.pio, 0xe9, "slow", 1, 4);
	assert_string_equal(slow.text, "slow");
	device_destroy(device);
}

static void debugcon_does_not_hang_on_a_stuck_console(void **state)
{
	struct slow_host slow = {.refusals = UINT32_MAX};
	const struct chario_host host = {.write = slow_write, .ctx = &slow};
	unsigned int refused;
	struct fixture f;
	struct device *device;

	(void)state;
	fixture_init(&f);
	f.env.console = &host;
	assert_int_equal(debugcon_create(&f.env, 0xe9, &device), 0);
	out8(&f, 0xe9, 'a');
	refused = slow.refused;
	assert_true(refused > 100); /* the first byte waits ... */
	out8(&f, 0xe9, 'b');
	assert_int_equal(slow.refused, refused + 1); /* ... the next one does not */
	slow.refusals = 0;
	out8(&f, 0xe9, 'c'); /* until the console moves again */
	slow.refusals = 2;
	out8(&f, 0xe9, 'd');
	assert_string_equal(slow.text, "cd");
	device_destroy(device);
}

static void do_nothing(int signal_number)
{
	(void)signal_number;
}

/* One access brings up to a thousand bytes, and each of them may wait for a second. */
static void debugcon_waits_no_longer_once_its_vcpu_is_kicked(void **state)
{
	const struct itimerval kicks = {.it_interval = {.tv_usec = 20000},
					.it_value = {.tv_usec = 20000}};
	struct sigaction action = {.sa_handler = do_nothing};
	struct slow_host slow = {.refusals = UINT32_MAX};
	const struct chario_host host = {.write = slow_write, .ctx = &slow};
	struct fixture f;
	struct device *device;

	(void)state;
	fixture_init(&f);
	f.env.console = &host;
	assert_int_equal(debugcon_create(&f.env, 0xe9, &device), 0);
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &kicks, NULL), 0);
	bus_write(&f.pio, 0xe9, "many bytes", 1, 10);
	assert_int_equal(setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL), 0);
	assert_in_range(slow.refused, 1, 500);
	device_destroy(device);
}

/* --- POST --- */

static void the_post_port_keeps_the_last_code(void **state)
{
	struct fixture f;
	struct device *device;

	(void)state;
	fixture_init(&f);
	assert_int_equal(post_create(&f.env, 0x80, &device), 0);
	assert_int_equal(in8(&f, 0x80), 0);
	for (unsigned int code = 0; code < 256; code++) {
		out8(&f, 0x80, code);
		assert_int_equal(in8(&f, 0x80), code);
	}
	device_destroy(device);
}

/* --- time stamps --- */

struct watch {
	unsigned int calls;
	bool on;
};

static void note_watch(void *ctx, bool on)
{
	struct watch *watch = ctx;

	watch->calls++;
	watch->on = on;
}

static uint32_t in32(struct fixture *f, uint16_t port)
{
	uint32_t value = 0;

	bus_read(&f->pio, port, &value, sizeof(value), 1);
	return value;
}

static void stamps_of_one_exit_stay_together_in_ticks_of_the_guest(void **state)
{
	struct exit_stamps stamps = {.left = 0x1fffffff0, .entered = 0x200000010};
	struct fixture f;
	struct device *device;

	(void)state;
	fixture_init(&f);
	f.env.clock = (struct exit_clock){.stamps = &stamps, .related = true, .offset = 0x20};
	assert_int_equal(timestamp_create(&f.env, 0x608, &device), 0);
	assert_int_equal(in32(&f, 0x608), 1);
	assert_int_equal(in32(&f, 0x60c), 0x10); /* the low half, with a carry out of it */
	/* Reading that was an exit, of which the run loop notes stamps as well. */
	stamps.left = 0x300000000;
	stamps.entered = 0x300000001;
	assert_int_equal(in32(&f, 0x610), 0x30);
	assert_int_equal(in8(&f, 0x60c), 0x20); /* the next pair, a part of it */
	assert_int_equal(in32(&f, 0x610), 0x21);
	device_destroy(device);
}

static void exits_are_stamped_while_the_guest_asks_for_it(void **state)
{
	struct exit_stamps stamps = {0};
	struct watch watch = {0};
	struct fixture f;
	struct device *device;

	(void)state;
	fixture_init(&f);
	f.env.clock = (struct exit_clock){.stamps = &stamps, .watch = note_watch, .ctx = &watch};
	assert_int_equal(timestamp_create(&f.env, 0x608, &device), 0);
	assert_int_equal(watch.calls, 0);
	out8(&f, 0x608, 1);
	assert_int_equal(watch.calls, 1);
	assert_true(watch.on);
	out8(&f, 0x60c, 0); /* only the first register can be written */
	out8(&f, 0x610, 0);
	assert_int_equal(watch.calls, 1);
	out8(&f, 0x608, 0);
	assert_int_equal(watch.calls, 2);
	assert_false(watch.on);
	device_destroy(device);
}

static void clocks_that_are_not_related_give_no_stamps(void **state)
{
	struct exit_stamps stamps = {.left = 5, .entered = 6};
	const struct exit_clock clocks[] = {
		{.stamps = &stamps, .related = false}, /* KVM does not say */
		{.stamps = NULL, .related = true},     /* none are taken */
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(clocks); i++) {
		struct fixture f;
		struct device *device;

		fixture_init(&f);
		f.env.clock = clocks[i];
		assert_int_equal(timestamp_create(&f.env, 0x608, &device), 0);
		if (clocks[i].stamps == NULL)
			out8(&f, 0x608, 1);
		for (uint16_t port = 0x608; port <= 0x610; port += 4)
			assert_int_equal(in32(&f, port), 0);
		device_destroy(device);
	}
}

/* --- power --- */

static const struct power_layout layout = {
	.port = 0x600,
	.nr_ports = 4,
	.sleep_control = 0,
	.reset = 2,
	.s5_type = 5,
	.reset_value = 1,
};

/* ACPI 6.5, 4.8.3.7: SLP_EN is bit 5, SLP_TYP bits 2 to 4; 4.8.3.6: the reset register. */
static void power_off_and_reset_need_the_right_value_in_the_right_place(void **state)
{
	static const struct {
		uint16_t port;
		uint8_t value;
		int reason; /* -1: nothing happens */
	} cases[] = {
		{0x600, 0x20 | 5 << 2, GUEST_END_POWER_OFF},
		{0x600, 0xc3 | 0x20 | 5 << 2, GUEST_END_POWER_OFF}, /* reserved bits are ignored */
		{0x600, 5 << 2, -1},				    /* no SLP_EN */
		{0x600, 0x20 | 4 << 2, -1},			    /* another SLP_TYP */
		{0x600, 0x20, -1},
		{0x600, 0, -1},
		{0x602, 1, GUEST_END_RESET},
		{0x602, 0, -1},
		{0x602, 6, -1},
		{0x601, 0x20 | 5 << 2, -1}, /* the status register */
		{0x601, 0x80, -1},
		{0x603, 0x34, -1},
		{0x603, 1, -1},
	};

	(void)state;
	for (unsigned int i = 0; i < NR_OF(cases); i++) {
		struct fixture f;
		struct device *device;

		fixture_init(&f);
		assert_int_equal(power_create(&f.env, &layout, &device), 0);
		out8(&f, cases[i].port, cases[i].value);
		assert_int_equal(f.ends, cases[i].reason >= 0);
		if (f.ends > 0)
			assert_int_equal(f.end_reason, cases[i].reason);
		assert_int_equal(in8(&f, cases[i].port), 0);
		device_destroy(device);
	}
}

static void a_wide_write_reaches_the_power_registers_as_bytes(void **state)
{
	struct fixture f;
	struct device *device;
	uint32_t value = 1 << 16; /* the reset register's byte */

	(void)state;
	fixture_init(&f);
	assert_int_equal(power_create(&f.env, &layout, &device), 0);
	bus_write(&f.pio, 0x600, &value, sizeof(value), 1);
	assert_int_equal(f.ends, 1);
	assert_int_equal(f.end_reason, GUEST_END_RESET);
	device_destroy(device);
}

/* --- all of them --- */

static void two_of_a_kind_work_and_two_in_one_place_do_not(void **state)
{
	struct slow_host slow = {0};
	const struct chario_host host = {.write = slow_write, .ctx = &slow};
	struct power_layout other = layout;
	struct device *device[8];
	struct fixture f;

	(void)state;
	fixture_init(&f);
	f.env.console = &host;
	other.port = 0x700;
	assert_int_equal(debug_exit_create(&f.env, 0xf4, &device[0]), 0);
	assert_int_equal(debug_exit_create(&f.env, 0x501, &device[1]), 0);
	assert_int_equal(debugcon_create(&f.env, 0xe9, &device[2]), 0);
	assert_int_equal(debugcon_create(&f.env, 0x402, &device[3]), 0);
	assert_int_equal(post_create(&f.env, 0x80, &device[4]), 0);
	assert_int_equal(post_create(&f.env, 0x84, &device[5]), 0);
	assert_int_equal(power_create(&f.env, &layout, &device[6]), 0);
	assert_int_equal(power_create(&f.env, &other, &device[7]), 0);

	out8(&f, 0x80, 1);
	out8(&f, 0x84, 2);
	assert_int_equal(in8(&f, 0x80), 1);
	assert_int_equal(in8(&f, 0x84), 2);

	assert_int_equal(debug_exit_create(&f.env, 0xf7, NULL), -EEXIST);
	assert_int_equal(debugcon_create(&f.env, 0xe9, NULL), -EEXIST);
	assert_int_equal(post_create(&f.env, 0x80, NULL), -EEXIST);
	assert_int_equal(power_create(&f.env, &layout, NULL), -EEXIST);
	for (unsigned int i = 0; i < NR_OF(device); i++)
		device_destroy(device[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_write_to_debug_exit_ends_the_guest),
		cmocka_unit_test(bytes_written_to_debugcon_appear_on_the_console),
		cmocka_unit_test(debugcon_waits_for_a_slow_console),
		cmocka_unit_test(debugcon_does_not_hang_on_a_stuck_console),
		cmocka_unit_test(debugcon_waits_no_longer_once_its_vcpu_is_kicked),
		cmocka_unit_test(the_post_port_keeps_the_last_code),
		cmocka_unit_test(stamps_of_one_exit_stay_together_in_ticks_of_the_guest),
		cmocka_unit_test(exits_are_stamped_while_the_guest_asks_for_it),
		cmocka_unit_test(clocks_that_are_not_related_give_no_stamps),
		cmocka_unit_test(power_off_and_reset_need_the_right_value_in_the_right_place),
		cmocka_unit_test(a_wide_write_reaches_the_power_registers_as_bytes),
		cmocka_unit_test(two_of_a_kind_work_and_two_in_one_place_do_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
