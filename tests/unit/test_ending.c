/* SPDX-License-Identifier: MIT */
/* What signals do to a guest: the button first, where that is of use, and an end in any case. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vmm/config/config.h"
#include "vmm/core/array.h"
#include "vmm/ending.h"

#define SECOND 1000000000ull

struct fake_button {
	struct button button;
	bool listens;
	unsigned int pressed, reminded;
};

static bool press(void *ctx)
{
	struct fake_button *fake = ctx;

	fake->pressed += fake->listens;
	return fake->listens;
}

static void remind(void *ctx)
{
	struct fake_button *fake = ctx;

	fake->reminded++;
}

static struct fake_button make_button(bool listens)
{
	return (struct fake_button){.button = {.press = press, .remind = remind},
				    .listens = listens};
}

static void the_first_signal_presses_the_button_and_the_second_ends(void **state)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};

	(void)state;
	for (size_t i = 0; i < NR_OF(signals); i++) {
		struct fake_button fake = make_button(true);
		struct ending ending = {.button = &fake.button, .grace_s = 8};

		fake.button.ctx = &fake;
		assert_false(ending_is_asked(&ending));
		assert_false(ending_on_signal(&ending, signals[i], SECOND));
		assert_true(ending_is_asked(&ending));
		assert_int_equal(ending.asked_by, signals[i]);
		assert_int_equal(fake.pressed, 1);
		assert_true(ending_on_signal(&ending, SIGTERM, SECOND + 1));
		assert_int_equal(fake.pressed, 1);
	}
}

static void the_first_signal_ends_where_the_button_is_of_no_use(void **state)
{
	static const struct {
		unsigned int grace_s;
		bool listens, has_button;
	} cases[] = {{0, true, true}, {8, false, true}, {8, true, false}};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct fake_button fake = make_button(cases[i].listens);
		struct ending ending = {.button = &fake.button, .grace_s = cases[i].grace_s};

		fake.button.ctx = &fake;
		if (!cases[i].has_button)
			fake.button = (struct button){0};
		assert_true(ending_on_signal(&ending, SIGTERM, 0));
		assert_int_equal(fake.pressed, 0);
		assert_false(ending_is_asked(&ending)); /* what it does now is up to the guest */
	}
}

static void the_guest_is_reminded_until_its_time_is_over(void **state)
{
	struct fake_button fake = make_button(true);
	struct ending ending = {.button = &fake.button, .grace_s = 3};

	(void)state;
	fake.button.ctx = &fake;
	assert_false(ending_on_tick(&ending, 100 * SECOND)); /* not asked yet */
	assert_int_equal(fake.reminded, 0);
	assert_false(ending_on_signal(&ending, SIGTERM, 100 * SECOND));
	assert_false(ending_on_tick(&ending, 101 * SECOND));
	assert_false(ending_on_tick(&ending, 103 * SECOND - 1));
	assert_int_equal(fake.reminded, 2);
	assert_true(ending_on_tick(&ending, 103 * SECOND));
	assert_int_equal(ending.asked_by, SIGTERM);
}

static void the_longest_grace_is_a_day(void **state)
{
	struct fake_button fake = make_button(true);
	struct ending ending = {.button = &fake.button, .grace_s = CONFIG_GRACE_MAX_S};

	(void)state;
	fake.button.ctx = &fake;
	assert_false(ending_on_signal(&ending, SIGTERM, SECOND));
	assert_false(ending_on_tick(&ending, 86400 * SECOND));
	assert_true(ending_on_tick(&ending, 86401 * SECOND));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_signal_presses_the_button_and_the_second_ends),
		cmocka_unit_test(the_first_signal_ends_where_the_button_is_of_no_use),
		cmocka_unit_test(the_guest_is_reminded_until_its_time_is_over),
		cmocka_unit_test(the_longest_grace_is_a_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
