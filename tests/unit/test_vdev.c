/* SPDX-License-Identifier: MIT */
/* virtio/vdev.h: status and features (virtio 1.2, 2.1, 2.2 and 3.1). */
#include "tests/unit/vdev_fixture.h"

/* --- features (2.2, 6) --- */

static void every_device_offers_what_the_rings_and_the_specification_need(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(f->d.vdev.features_offered,
			 OWN | VERSION_1 | F(VIRTIO_F_EVENT_IDX) | F(VIRTIO_F_INDIRECT_DESC));
}

static void features_ok_is_granted_to_a_subset_with_version_1(void **state)
{
	static const struct {
		const char *rule;
		uint64_t features;
		bool granted;
	} cases[] = {
		{"6.1: VERSION_1 alone", VERSION_1, true},
		{"all that is offered",
		 OWN | VERSION_1 | F(VIRTIO_F_EVENT_IDX) | F(VIRTIO_F_INDIRECT_DESC), true},
		{"6.2: a legacy driver", OWN, false},
		{"6.2: nothing", 0, false},
		{"2.2.1: one that is not offered", VERSION_1 | F(6), false},
		{"2.2.1: one of the upper half", VERSION_1 | F(34), false},
		{"2.2.1: all there are", UINT64_MAX, false},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		print_message("%s\n", cases[i].rule);
		vdev_write_status(&f->d.vdev, 0);
		vdev_write_status(&f->d.vdev, ACK | DRIVER);
		write_features(f, cases[i].features);
		vdev_write_status(&f->d.vdev, ACK | DRIVER | FEATURES);
		assert_int_equal(f->d.vdev.status,
				 ACK | DRIVER | (cases[i].granted ? FEATURES : 0));
	}
}

static void a_driver_may_think_again_after_a_refusal(void **state)
{
	struct fixture *f = *state;

	vdev_write_status(&f->d.vdev, ACK | DRIVER);
	write_features(f, VERSION_1 | F(6));
	vdev_write_status(&f->d.vdev, ACK | DRIVER | FEATURES);
	assert_int_equal(f->d.vdev.status, ACK | DRIVER);
	write_features(f, VERSION_1 | OWN);
	vdev_write_status(&f->d.vdev, ACK | DRIVER | FEATURES);
	assert_int_equal(f->d.vdev.status, ACK | DRIVER | FEATURES);
	assert_true(vdev_has_feature(&f->d.vdev, 5));
	assert_false(vdev_has_feature(&f->d.vdev, 6));
}

/* 3.1.1 step 5: no new features after FEATURES_OK. */
static void features_are_final_once_granted(void **state)
{
	struct fixture *f = *state;

	negotiate(f);
	write_features(f, VERSION_1 | OWN);
	assert_int_equal(f->d.vdev.features_driver, VERSION_1);
}

static void there_are_no_features_beyond_64(void **state)
{
	struct fixture *f = *state;

	vdev_write_features(&f->d.vdev, 2, UINT32_MAX);
	vdev_write_features(&f->d.vdev, UINT32_MAX, UINT32_MAX);
	assert_int_equal(f->d.vdev.features_driver, 0);
}

/* --- status (2.1, 3.1.1) --- */

static void the_status_follows_the_driver_up_and_only_a_reset_takes_it_down(void **state)
{
	/* From `start`, reached in the right order, the driver writes `written`. */
	static const struct {
		const char *rule;
		uint8_t start, written, result;
	} cases[] = {
		{"3.1.1: noticed", 0, ACK, ACK},
		{"3.1.1: a driver", ACK, ACK | DRIVER, ACK | DRIVER},
		{"3.1.1: live", ACK | DRIVER | FEATURES, ACK | DRIVER | FEATURES | OK,
		 ACK | DRIVER | FEATURES | OK},
		{"2.1.1: a bit cannot be cleared", ACK | DRIVER, ACK, ACK | DRIVER},
		{"2.1.1: nor all but one", ACK | DRIVER | FEATURES, FAILED,
		 ACK | DRIVER | FEATURES | FAILED},
		{"2.4: all by a reset", ACK | DRIVER | FEATURES | OK, 0, 0},
		{"2.1: NEEDS_RESET is the device's", ACK, ACK | NEEDS, ACK},
		{"2.1: bits that are none", ACK, ACK | 0x10 | 0x20, ACK},
		{"3.1.1: DRIVER_OK before FEATURES_OK", ACK | DRIVER, ACK | DRIVER | OK,
		 ACK | DRIVER | NEEDS},
		{"3.1.1: DRIVER_OK at once", 0, OK, NEEDS},
		{"3.1.1: FEATURES_OK and DRIVER_OK in one", ACK | DRIVER,
		 ACK | DRIVER | FEATURES | OK, ACK | DRIVER | FEATURES | OK},
		{"2.1: given up", ACK | DRIVER, ACK | DRIVER | FAILED, ACK | DRIVER | FAILED},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		print_message("%s\n", cases[i].rule);
		vdev_write_status(&f->d.vdev, 0);
		write_features(f, VERSION_1);
		if (cases[i].start != 0)
			vdev_write_status(&f->d.vdev, cases[i].start);
		assert_int_equal(f->d.vdev.status, cases[i].start);
		vdev_write_status(&f->d.vdev, cases[i].written);
		assert_int_equal(f->d.vdev.status, cases[i].result);
		assert_int_equal(f->d.vdev.active, (cases[i].result & OK) != 0);
	}
	assert_int_equal(f->d.activated - f->d.deactivated, f->d.vdev.active);
}

static void features_ok_and_driver_ok_at_once_are_both_refused_with_bad_features(void **state)
{
	struct fixture *f = *state;

	write_features(f, F(6));
	vdev_write_status(&f->d.vdev, ACK | DRIVER | FEATURES | OK);
	assert_int_equal(f->d.vdev.status, ACK | DRIVER | NEEDS);
	assert_int_equal(f->d.activated, 0);
}

static void driver_ok_activates_once(void **state)
{
	struct fixture *f = *state;

	go_live(f);
	vdev_write_status(&f->d.vdev, ACK | DRIVER | FEATURES | OK);
	assert_int_equal(f->d.activated, 1);
}

/* 2.1.1: after FAILED the driver must reset before it begins again. */
static void a_failed_device_does_not_go_live(void **state)
{
	struct fixture *f = *state;

	negotiate(f);
	vdev_write_status(&f->d.vdev, ACK | DRIVER | FEATURES | FAILED);
	vdev_write_status(&f->d.vdev, ACK | DRIVER | FEATURES | FAILED | OK);
	assert_false(f->d.vdev.active);
	assert_int_equal(f->d.activated, 0);
}

static void a_device_that_needs_a_reset_does_not_go_live(void **state)
{
	struct fixture *f = *state;

	negotiate(f);
	vdev_enable_queue(&f->d.vdev, 0); /* of no size */
	assert_true(f->d.vdev.status & NEEDS);
	vdev_write_status(&f->d.vdev, ACK | DRIVER | FEATURES | OK);
	assert_false(f->d.vdev.active);
	assert_int_equal(f->d.activated, 0);
}

static void a_device_that_cannot_start_needs_a_reset(void **state)
{
	struct fixture *f = *state;

	negotiate(f);
	f->d.activate_result = -ENOMEM;
	vdev_write_status(&f->d.vdev, ACK | DRIVER | FEATURES | OK);
	assert_int_equal(f->d.vdev.status, ACK | DRIVER | FEATURES | OK | NEEDS);
	assert_int_equal(f->config_interrupts, 1); /* 2.1.2 */
	assert_false(f->d.vdev.active);
	vdev_write_status(&f->d.vdev, 0);
	assert_int_equal(f->d.deactivated, 0);
}

static void a_reset_stops_the_device_and_forgets_the_driver(void **state)
{
	struct fixture *f = *state;

	go_live(f);
	vdev_write_status(&f->d.vdev, 0);
	assert_int_equal(f->d.deactivated, 1);
	assert_false(f->d.vdev.active);
	assert_int_equal(f->d.vdev.features_driver, 0);
	assert_false(f->d.vdev.queue[0].enabled);
	assert_int_equal(f->d.vdev.queue[0].size, 0);
	vdev_write_status(&f->d.vdev, 0); /* twice is once */
	assert_int_equal(f->d.deactivated, 1);
	go_live(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_device_offers_what_the_rings_and_the_specification_need),
		TEST(features_ok_is_granted_to_a_subset_with_version_1),
		TEST(a_driver_may_think_again_after_a_refusal),
		TEST(features_are_final_once_granted),
		TEST(there_are_no_features_beyond_64),
		TEST(the_status_follows_the_driver_up_and_only_a_reset_takes_it_down),
		TEST(features_ok_and_driver_ok_at_once_are_both_refused_with_bad_features),
		TEST(driver_ok_activates_once),
		TEST(a_failed_device_does_not_go_live),
		TEST(a_device_that_needs_a_reset_does_not_go_live),
		TEST(a_device_that_cannot_start_needs_a_reset),
		TEST(a_reset_stops_the_device_and_forgets_the_driver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
