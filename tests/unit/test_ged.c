/* SPDX-License-Identifier: MIT */
/* The power button: heard by a guest that listens, once for each press, and by no other guest. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "devices/ged.h"
#include "tests/unit/device_fixture.h"

#define PORT 0x604

struct world {
	struct fixture f;
	struct button button;
	struct device *device;
};

static int create(void **state)
{
	static struct world world;

	fixture_init(&world.f);
	world.f.env.button = &world.button;
	assert_int_equal(ged_create(&world.f.env, PORT, &world.device), 0);
	*state = &world;
	return 0;
}

static int destroy(void **state)
{
	struct world *w = *state;

	device_destroy(w->device);
	assert_null(w->button.press); /* there is none any more */
	return 0;
}

static bool press(struct world *w)
{
	return w->button.press(w->button.ctx);
}

static void a_guest_that_does_not_listen_hears_nothing(void **state)
{
	struct world *w = *state;

	assert_false(press(w));
	w->button.remind(w->button.ctx);
	assert_int_equal(irqs_since(&w->f), 0);
	assert_int_equal(in8(&w->f, PORT), 0);
	/* Before the guest listens, and after it has stopped. */
	out8(&w->f, PORT, GED_LISTENS);
	assert_true(press(w));
	in8(&w->f, PORT);
	out8(&w->f, PORT, 0);
	assert_false(press(w));
	assert_int_equal(in8(&w->f, PORT), 0);
}

static void a_press_is_an_interrupt_and_an_event(void **state)
{
	struct world *w = *state;

	out8(&w->f, PORT, GED_LISTENS);
	assert_int_equal(irqs_since(&w->f), 0);
	for (int i = 0; i < 3; i++) {
		assert_true(press(w));
		assert_int_equal(irqs_since(&w->f), 1);
		assert_int_equal(in8(&w->f, PORT), GED_POWER_BUTTON);
		assert_int_equal(in8(&w->f, PORT), 0); /* taken */
	}
	assert_int_equal(w->f.ends, 0); /* what comes of it is the guest's affair */
}

static void a_reminder_comes_until_the_event_is_taken(void **state)
{
	struct world *w = *state;

	out8(&w->f, PORT, GED_LISTENS);
	w->button.remind(w->button.ctx);
	assert_int_equal(irqs_since(&w->f), 0);
	press(w);
	irqs_since(&w->f);
	for (int i = 0; i < 3; i++) {
		w->button.remind(w->button.ctx);
		assert_int_equal(irqs_since(&w->f), 1);
	}
	assert_int_equal(in8(&w->f, PORT), GED_POWER_BUTTON);
	w->button.remind(w->button.ctx);
	assert_int_equal(irqs_since(&w->f), 0);
}

/* A machine without interrupt controllers: the button could not reach the guest. */
static void without_an_interrupt_nobody_listens(void **state)
{
	struct device_env env;
	struct world *w = *state;
	struct button other;
	struct device *device;

	env = w->f.env;
	env.irq = (struct irq){0};
	env.button = &other;
	assert_int_equal(ged_create(&env, PORT, NULL), -EEXIST);
	assert_int_equal(ged_create(&env, 0x704, &device), 0);
	out8(&w->f, 0x704, GED_LISTENS);
	assert_false(other.press(other.ctx));
	other.remind(other.ctx);
	device_destroy(device);
	assert_non_null(w->button.press);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_guest_that_does_not_listen_hears_nothing, create,
						destroy),
		cmocka_unit_test_setup_teardown(a_press_is_an_interrupt_and_an_event, create,
						destroy),
		cmocka_unit_test_setup_teardown(a_reminder_comes_until_the_event_is_taken, create,
						destroy),
		cmocka_unit_test_setup_teardown(without_an_interrupt_nobody_listens, create,
						destroy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
