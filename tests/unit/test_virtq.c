/* SPDX-License-Identifier: MIT */
/* virtio/virtq.h: the rings of a split virtqueue (virtio 1.2, 2.7), and when to call. */
#include "tests/unit/queue_fixture.h"
#include "vmm/core/array.h"

/* --- where a queue may be --- */

static void a_queue_is_enabled_only_where_it_fits_and_is_aligned(void **state)
{
	/* Parts of 16 entries: 256, 38 and 134 bytes. */
	static const struct {
		const char *rule;
		uint16_t size;
		uint64_t desc, driver, device;
		int result;
	} cases[] = {
		{"all in RAM", 16, 0x100000, 0x101000, 0x102000, 0},
		{"2.7: the largest", 256, 0x100000, 0x102000, 0x103000, 0},
		{"2.7: one entry", 1, 0x100000, 0x101000, 0x102000, 0},
		{"2.7: no entry", 0, 0x100000, 0x101000, 0x102000, -EINVAL},
		{"2.7: not a power of two", 12, 0x100000, 0x101000, 0x102000, -EINVAL},
		{"4.2.2.2: more than QueueNumMax", 512, 0x100000, 0x103000, 0x105000, -EINVAL},
		{"2.7: the largest there is", 32768, 0x100000, 0x200000, 0x300000, -EINVAL},
		{"2.7.1: descriptors at 8", 16, 0x100008, 0x101000, 0x102000, -EINVAL},
		{"2.7.1: available ring at 1", 16, 0x100000, 0x101001, 0x102000, -EINVAL},
		{"2.7.1: used ring at 2", 16, 0x100000, 0x101000, 0x102002, -EINVAL},
		{"2.7.1: least alignment", 16, 0x100010, 0x101002, 0x102004, 0},
		{"parts may overlap: the guest's loss", 16, 0x100000, 0x100000, 0x100000, 0},
		{"descriptors end with RAM", 16, FAKE_RAM_END - 256, 0x101000, 0x102000, 0},
		{"descriptors end past RAM", 16, FAKE_RAM_END - 240, 0x101000, 0x102000, -EFAULT},
		{"available ring ends with RAM", 16, 0x100000, FAKE_RAM_END - 38, 0x102000, 0},
		{"available ring ends past RAM", 16, 0x100000, FAKE_RAM_END - 36, 0x102000,
		 -EFAULT},
		{"used ring's event index in RAM", 16, 0x100000, 0x101000, FAKE_RAM_END - 136, 0},
		{"used ring's event index is not", 16, 0x100000, 0x101000, FAKE_RAM_END - 132,
		 -EFAULT},
		{"below RAM", 16, 0, 0x101000, 0x102000, -EFAULT},
		{"descriptors wrap at 2^64", 16, UINT64_MAX - 15, 0x101000, 0x102000, -EFAULT},
		{"available ring wraps at 2^64", 16, 0x100000, UINT64_MAX - 1, 0x102000, -EFAULT},
		{"used ring wraps at 2^64", 16, 0x100000, 0x101000, UINT64_MAX - 3, -EFAULT},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct virtq vq = {
			.size = cases[i].size,
			.desc = gpa(cases[i].desc),
			.driver = gpa(cases[i].driver),
			.device = gpa(cases[i].device),
		};

		print_message("%s\n", cases[i].rule);
		assert_int_equal(virtq_enable(&vq, &f->g.mem, true), cases[i].result);
		assert_int_equal(vq.enabled, cases[i].result == 0);
	}
}

static void a_queue_that_is_not_enabled_has_no_work_and_takes_none_back(void **state)
{
	struct fixture *f = *state;
	struct fake_buf buf = fake_in(&f->g, 16);

	fake_add(f->driver, &buf, 1);
	publish_and_pop(f);
	virtq_disable(&f->vq);
	assert_int_equal(pop(f), 0);
	assert_false(virtq_has_work(&f->vq));
	assert_false(virtq_want_interrupt(&f->vq));
	assert_false(virtq_want_notify(&f->vq, true));
	assert_int_equal(virtq_push(&f->vq, &f->chain), -EFAULT);
	assert_int_equal(fake_used(f->driver), 0);
}

/* --- the available ring --- */

static void an_empty_ring_gives_nothing(void **state)
{
	struct fixture *f = *state;

	assert_false(virtq_has_work(&f->vq));
	assert_int_equal(pop(f), 0);
}

static void a_chain_is_invisible_until_the_index_moves(void **state)
{
	struct fixture *f = *state;
	struct fake_buf buf = fake_in(&f->g, 16);
	uint16_t head = fake_add(f->driver, &buf, 1);

	assert_int_equal(pop(f), 0);
	fake_publish(f->driver);
	assert_true(virtq_has_work(&f->vq));
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->chain.head, head);
	assert_false(virtq_has_work(&f->vq));
}

static void chains_come_in_the_order_of_the_available_ring(void **state)
{
	struct fixture *f = *state;
	uint16_t head[SIZE];

	for (unsigned int i = 0; i < SIZE; i++) {
		struct fake_buf buf = fake_in(&f->g, i + 1);

		head[i] = fake_add(f->driver, &buf, 1);
	}
	fake_publish(f->driver);
	for (unsigned int i = 0; i < SIZE; i++) {
		assert_int_equal(pop(f), 1);
		assert_int_equal(f->chain.head, head[i]);
		assert_int_equal(f->chain.writable_bytes, i + 1);
	}
	assert_int_equal(pop(f), 0);
}

static void an_unpopped_chain_comes_again(void **state)
{
	struct fixture *f = *state;
	struct fake_buf buf = fake_in(&f->g, 16);
	uint16_t first = fake_add(f->driver, &buf, 1);
	uint16_t second = fake_add(f->driver, &buf, 1);

	fake_publish(f->driver);
	assert_int_equal(pop(f), 1);
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->chain.head, second);
	virtq_unpop(&f->vq);
	virtq_unpop(&f->vq);
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->chain.head, first);
}

static void a_broken_queue_serves_nothing_until_it_is_set_up_anew(void **state)
{
	struct fixture *f = *state;
	struct fake_buf buf = fake_in(&f->g, 16);
	struct vchain in_flight;

	fake_add(f->driver, &buf, 1);
	publish_and_pop(f);
	in_flight = f->chain;
	fake_put_head(f->driver, SIZE);
	fake_publish(f->driver);
	assert_int_equal(pop(f), -EPROTO);

	assert_int_equal(pop(f), -EPROTO);
	assert_non_null(f->why);
	assert_false(virtq_has_work(&f->vq));
	assert_int_equal(virtq_push(&f->vq, &in_flight), -EFAULT);
	assert_int_equal(fake_used(f->driver), 0);
	assert_false(virtq_want_interrupt(&f->vq));

	virtq_disable(&f->vq);
	enable(f, false);
	round_trip(f);
}

/* --- the used ring --- */

static void a_pushed_chain_shows_its_head_and_what_was_written(void **state)
{
	struct fixture *f = *state;
	struct fake_buf buf = fake_in(&f->g, 100);
	uint16_t offered, head;
	uint32_t written;

	round_trip(f);
	fake_add(f->driver, &buf, 1);
	offered = fake_add(f->driver, &buf, 1);
	publish_and_pop(f);
	publish_and_pop(f);
	vchain_write(&f->chain, "abc", 3);
	assert_int_equal(virtq_push(&f->vq, &f->chain), 0);
	assert_int_equal(fake_used(f->driver), 1);
	assert_true(fake_reap(f->driver, &head, &written));
	assert_int_equal(head, offered);
	assert_int_equal(written, 3);
}

/* 2.7.8.2: `len` may be less than what was written, never more. */
static void a_length_of_2_32_is_given_as_one_less(void **state)
{
	struct fixture *f = *state;
	struct fake_buf buf = fake_in(&f->g, 1);
	uint16_t head;
	uint32_t written;

	fake_add(f->driver, &buf, 1);
	publish_and_pop(f);
	f->chain.written = 1ull << 32;
	assert_int_equal(virtq_push(&f->vq, &f->chain), 0);
	assert_true(fake_reap(f->driver, &head, &written));
	assert_int_equal(written, UINT32_MAX);
}

static void entries_filled_ahead_appear_together(void **state)
{
	struct fixture *f = *state;
	uint16_t head[3], back;
	uint32_t written;

	for (int i = 0; i < SIZE - 1; i++) /* so that the entries wrap around the ring */
		round_trip(f);
	for (uint16_t i = 0; i < 3; i++) {
		struct fake_buf buf = fake_in(&f->g, 8);

		head[i] = fake_add(f->driver, &buf, 1);
		publish_and_pop(f);
		assert_int_equal(virtq_fill(&f->vq, head[i], i + 1u, i), 0);
		assert_int_equal(fake_used(f->driver), 0);
	}
	assert_int_equal(virtq_publish(&f->vq, 3), 0);
	for (uint16_t i = 0; i < 3; i++) {
		assert_true(fake_reap(f->driver, &back, &written));
		assert_int_equal(back, head[i]);
		assert_int_equal(written, i + 1);
	}
	assert_false(fake_reap(f->driver, &back, &written));
}

/* 2.7.13.3: the indices wrap naturally at 65536. */
static void indices_wrap_at_65536(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 0x10000 + 3; i++)
		round_trip(f);
	assert_int_equal(fake_get16(&f->g, gpa_add(f->driver->used, 2)), 3);
	assert_false(virtq_has_work(&f->vq));
}

/* --- suppression of interrupts (2.7.7) and notifications (2.7.10) --- */

static void set_used_event(struct fixture *f, uint16_t event)
{
	fake_put16(&f->g, gpa_add(f->driver->avail, 4 + 2 * SIZE), event);
}

static void set_avail_flags(struct fixture *f, uint16_t flags)
{
	fake_put16(&f->g, f->driver->avail, flags);
}

static void without_event_idx_a_flag_suppresses_interrupts(void **state)
{
	struct fixture *f = *state;

	set_used_event(f, 100);			    /* 2.7.7.2: ignored */
	assert_false(virtq_want_interrupt(&f->vq)); /* nothing was pushed */
	round_trip(f);
	assert_true(virtq_want_interrupt(&f->vq));
	assert_false(virtq_want_interrupt(&f->vq)); /* once is enough */
	set_avail_flags(f, VIRTQ_AVAIL_F_NO_INTERRUPT);
	round_trip(f);
	assert_false(virtq_want_interrupt(&f->vq));
	set_avail_flags(f, 0);
	round_trip(f);
	assert_true(virtq_want_interrupt(&f->vq));
}

static void with_event_idx_the_driver_names_the_entry_it_waits_for(void **state)
{
	/* The ring went from `from` to `to`; entry number `event` is the one that interrupts. */
	static const struct {
		uint32_t from, to;
		uint16_t event;
		bool interrupt;
	} cases[] = {
		{0, 1, 0, true},
		{0, 1, 1, false},
		{0, 1, 0xffff, false},
		{0, 5, 4, true},
		{0, 5, 5, false},
		{3, 5, 2, false},
		{3, 5, 3, true},
		{3, 5, 4, true},
		{0xfffe, 0x10002, 0xfffd, false},
		{0xfffe, 0x10002, 0xfffe, true},
		{0xfffe, 0x10002, 0xffff, true},
		{0xfffe, 0x10002, 0, true},
		{0xfffe, 0x10002, 1, true},
		{0xfffe, 0x10002, 2, false},
		{0xffff, 0x10000, 0xffff, true},
		{0xffff, 0x10000, 0, false},
		{5, 5, 4, false},
		{5, 5, 5, false},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		print_message("%#x to %#x, event %#x\n", cases[i].from, cases[i].to,
			      cases[i].event);
		f->g.heap = FAKE_RAM_START;
		enable(f, true);
		set_avail_flags(f, VIRTQ_AVAIL_F_NO_INTERRUPT); /* 2.7.7.2: ignored */
		for (uint32_t n = 0; n < cases[i].from; n++)
			round_trip(f);
		virtq_want_interrupt(&f->vq);
		for (uint32_t n = cases[i].from; n < cases[i].to; n++)
			round_trip(f);
		set_used_event(f, cases[i].event);
		assert_int_equal(virtq_want_interrupt(&f->vq), cases[i].interrupt);
	}
}

/* After a full turn of the index no event differs from old ones: better once too often. */
static void after_65536_entries_without_a_look_the_driver_is_interrupted(void **state)
{
	struct fixture *f = *state;

	enable(f, true);
	set_used_event(f, 0x8000);
	for (int i = 0; i < 0x10000; i++)
		round_trip(f);
	assert_true(virtq_want_interrupt(&f->vq));
	round_trip(f);
	assert_false(virtq_want_interrupt(&f->vq));
}

static void without_event_idx_a_flag_suppresses_notifications(void **state)
{
	struct fixture *f = *state;

	assert_false(virtq_want_notify(&f->vq, false));
	assert_int_equal(fake_get16(&f->g, f->driver->used), VIRTQ_USED_F_NO_NOTIFY);
	assert_false(virtq_want_notify(&f->vq, true));
	assert_int_equal(fake_get16(&f->g, f->driver->used), 0);
}

static void with_event_idx_the_device_names_the_chain_it_waits_for(void **state)
{
	struct fixture *f = *state;
	gpa_t avail_event;

	enable(f, true);
	avail_event = gpa_add(f->driver->used, 4 + 8 * SIZE);
	round_trip(f);
	round_trip(f);
	assert_false(virtq_want_notify(&f->vq, true));
	assert_int_equal(fake_get16(&f->g, avail_event), 2);
	round_trip(f);
	/* Left behind, so that the driver stays quiet; the flag must stay 0 (2.7.10.2). */
	assert_false(virtq_want_notify(&f->vq, false));
	assert_int_equal(fake_get16(&f->g, avail_event), 2);
	assert_int_equal(fake_get16(&f->g, f->driver->used), 0);
}

static void asking_for_notifications_tells_what_came_before(void **state)
{
	struct fixture *f = *state;
	struct fake_buf buf = fake_in(&f->g, 16);

	for (int event_idx = 0; event_idx < 2; event_idx++) {
		enable(f, event_idx);
		assert_false(virtq_want_notify(&f->vq, false));
		fake_add(f->driver, &buf, 1);
		fake_publish(f->driver);
		assert_false(virtq_want_notify(&f->vq, false)); /* not asked */
		assert_true(virtq_want_notify(&f->vq, true));
		assert_int_equal(pop(f), 1);
		assert_false(virtq_want_notify(&f->vq, true));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_queue_is_enabled_only_where_it_fits_and_is_aligned),
		TEST(a_queue_that_is_not_enabled_has_no_work_and_takes_none_back),
		TEST(an_empty_ring_gives_nothing),
		TEST(a_chain_is_invisible_until_the_index_moves),
		TEST(chains_come_in_the_order_of_the_available_ring),
		TEST(an_unpopped_chain_comes_again),
		TEST(a_broken_queue_serves_nothing_until_it_is_set_up_anew),
		TEST(a_pushed_chain_shows_its_head_and_what_was_written),
		TEST(a_length_of_2_32_is_given_as_one_less),
		TEST(entries_filled_ahead_appear_together),
		TEST(indices_wrap_at_65536),
		TEST(without_event_idx_a_flag_suppresses_interrupts),
		TEST(with_event_idx_the_driver_names_the_entry_it_waits_for),
		TEST(after_65536_entries_without_a_look_the_driver_is_interrupted),
		TEST(without_event_idx_a_flag_suppresses_notifications),
		TEST(with_event_idx_the_device_names_the_chain_it_waits_for),
		TEST(asking_for_notifications_tells_what_came_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
