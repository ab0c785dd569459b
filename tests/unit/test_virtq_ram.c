/* SPDX-License-Identifier: MIT */
/*
 * Rings that are no longer RAM. virtq_enable() has checked them and RAM does not go away, so this
 * takes a fault of ours; the queue breaks and nothing is written elsewhere.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/queue_fixture.h"
#include "vmm/core/array.h"

static void offer(struct fixture *f)
{
	struct fake_buf buf = fake_in(&f->g, 16);

	fake_add(f->driver, &buf, 1);
	fake_publish(f->driver);
}

static void assert_broken(struct fixture *f, const char *why)
{
	assert_int_equal(pop(f), -EPROTO);
	assert_string_equal(f->why, why);
	assert_true(f->vq.broken);
	assert_int_equal(pop(f), -EPROTO);
	assert_string_equal(f->why, "a queue that is broken already");
	assert_false(virtq_has_work(&f->vq));
	assert_false(virtq_want_notify(&f->vq, true));
	assert_false(virtq_want_interrupt(&f->vq));
}

static void an_available_ring_that_is_gone_breaks_the_queue(void **state)
{
	/* all of it; and its entries, while flags and index are the last bytes of RAM */
	static const uint64_t at[] = {FAKE_RAM_END, FAKE_RAM_END - 4};
	struct fixture *f = *state;

	for (size_t i = 0; i < NR_OF(at); i++) {
		enable(f, false);
		offer(f);
		f->vq.driver = gpa(at[i]);
		if (at[i] < FAKE_RAM_END)
			fake_put16(&f->g, gpa(FAKE_RAM_END - 2), 1);
		assert_int_equal(virtq_has_work(&f->vq), at[i] < FAKE_RAM_END);
		assert_broken(f, "an available ring outside RAM");
	}
}

static void a_descriptor_table_that_is_gone_breaks_the_queue(void **state)
{
	struct fixture *f = *state;

	offer(f);
	f->vq.desc = gpa(FAKE_RAM_END);
	assert_broken(f, "a descriptor table outside RAM");
}

static void a_used_ring_that_is_gone_breaks_the_queue(void **state)
{
	struct fixture *f = *state;

	for (int event_idx = 0; event_idx < 2; event_idx++) {
		enable(f, event_idx);
		offer(f);
		assert_int_equal(pop(f), 1);
		f->vq.device = gpa(FAKE_RAM_END);
		assert_int_equal(virtq_push(&f->vq, &f->chain), -EFAULT);
		assert_true(f->vq.broken);

		f->vq.broken = false;
		assert_int_equal(virtq_publish(&f->vq, 1), -EFAULT);
		assert_true(f->vq.broken);
		assert_int_equal(virtq_publish(&f->vq, 1), -EFAULT);
		assert_int_equal(virtq_fill(&f->vq, 0, 0, 0), -EFAULT);

		f->vq.broken = false;
		assert_false(virtq_want_notify(&f->vq, true));
		assert_true(f->vq.broken);
	}
}

/* The driver cannot say that it wants none. */
static void without_the_available_ring_an_interrupt_is_wanted(void **state)
{
	struct fixture *f = *state;

	for (int event_idx = 0; event_idx < 2; event_idx++) {
		enable(f, event_idx);
		round_trip(f);
		f->vq.driver = gpa(FAKE_RAM_END);
		assert_true(virtq_want_interrupt(&f->vq));
	}
}

static void a_queue_that_is_enabled_anew_is_whole_again(void **state)
{
	struct fixture *f = *state;

	f->vq.broken = true;
	assert_int_equal(virtq_enable(&f->vq, &f->g.mem, false), 0);
	assert_false(f->vq.broken);
	round_trip(f);
	f->vq.enabled = false;
	assert_int_equal(virtq_publish(&f->vq, 1), -EFAULT);
	assert_int_equal(virtq_fill(&f->vq, 0, 0, 0), -EFAULT);
}

/* 2^16 entries without a look are one too many to tell whether the event was among them. */
static void the_last_look_is_remembered_for_65535_entries(void **state)
{
	struct fixture *f = *state;

	f->vq.next_used = UINT16_MAX - 1;
	f->vq.signalled_used = 0;
	assert_int_equal(virtq_publish(&f->vq, 1), 0);
	assert_true(f->vq.signalled_valid);
	assert_int_equal(virtq_publish(&f->vq, 1), 0);
	assert_false(f->vq.signalled_valid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_available_ring_that_is_gone_breaks_the_queue),
		TEST(a_descriptor_table_that_is_gone_breaks_the_queue),
		TEST(a_used_ring_that_is_gone_breaks_the_queue),
		TEST(without_the_available_ring_an_interrupt_is_wanted),
		TEST(a_queue_that_is_enabled_anew_is_whole_again),
		TEST(the_last_look_is_remembered_for_65535_entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
