/* SPDX-License-Identifier: MIT */
/* A guest that resets itself in a loop gets a life a second on average, and a few at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vmm/core/array.h"
#include "vmm/restarts.h"

#define SECOND 1000000000ull

/* Lives begin as early as they may, each ending at once; when the one numbered `life` begins. */
static uint64_t begin_of_life(unsigned int life, uint64_t now)
{
	struct restarts restarts = {0};

	for (unsigned int i = 0; i < life; i++) {
		now += restarts_wait_ns(&restarts, now);
		assert_int_equal(restarts_wait_ns(&restarts, now), 0);
		restarts_begin(&restarts, now);
	}
	return now + restarts_wait_ns(&restarts, now);
}

static void a_loop_gets_a_burst_and_then_a_life_a_second(void **state)
{
	static const uint64_t starts[] = {0, 1, 123456 * SECOND};

	(void)state;
	for (size_t i = 0; i < NR_OF(starts); i++) {
		for (unsigned int life = 0; life < RESTARTS_BURST; life++)
			assert_int_equal(begin_of_life(life, starts[i]), starts[i]);
		assert_int_equal(begin_of_life(RESTARTS_BURST, starts[i]), starts[i] + 5 * SECOND);
		assert_int_equal(begin_of_life(1000, starts[i]), starts[i] + 1000 * SECOND);
	}
}

static void a_guest_that_lives_for_a_second_is_never_held_up(void **state)
{
	struct restarts restarts = {0};

	(void)state;
	for (uint64_t now = 0; now < 100 * SECOND; now += SECOND) {
		assert_int_equal(restarts_wait_ns(&restarts, now), 0);
		restarts_begin(&restarts, now);
	}
}

static void a_few_quick_reboots_are_forgotten(void **state)
{
	struct restarts restarts = {0};

	(void)state;
	for (unsigned int i = 0; i < RESTARTS_BURST; i++)
		restarts_begin(&restarts, SECOND + i);
	assert_int_equal(restarts_wait_ns(&restarts, 2 * SECOND), 4 * SECOND);
	assert_int_equal(restarts_wait_ns(&restarts, 6 * SECOND - 1), 1);
	assert_int_equal(restarts_wait_ns(&restarts, 6 * SECOND), 0);
}

static void a_loop_is_told_once_a_minute(void **state)
{
	struct restarts restarts = {0};
	uint64_t now = SECOND;
	unsigned int told = 0;

	(void)state;
	while (now < 131 * SECOND) {
		told += restarts_worth_a_word(&restarts, now);
		now += restarts_wait_ns(&restarts, now);
		assert_false(restarts_worth_a_word(&restarts, now)); /* not held up any more */
		restarts_begin(&restarts, now);
	}
	assert_int_equal(told, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_loop_gets_a_burst_and_then_a_life_a_second),
		cmocka_unit_test(a_guest_that_lives_for_a_second_is_never_held_up),
		cmocka_unit_test(a_few_quick_reboots_are_forgotten),
		cmocka_unit_test(a_loop_is_told_once_a_minute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
