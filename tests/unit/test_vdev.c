/* SPDX-License-Identifier: MIT */
/* virtio/vdev.h: status, features and configuration space (virtio 1.2, 2.1 to 2.5 and 3.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "tests/unit/counting_device.h"
#include "vmm/core/array.h"

#define ACK	 VIRTIO_STATUS_ACKNOWLEDGE
#define DRIVER	 VIRTIO_STATUS_DRIVER
#define FEATURES VIRTIO_STATUS_FEATURES_OK
#define OK	 VIRTIO_STATUS_DRIVER_OK
#define NEEDS	 VIRTIO_STATUS_NEEDS_RESET
#define FAILED	 VIRTIO_STATUS_FAILED

#define F(bit)	  (1ull << (bit))
#define VERSION_1 F(VIRTIO_F_VERSION_1)
#define OWN	  COUNTING_FEATURES

/* The device is driven without a transport; the guest lends its RAM. */
struct fixture {
	struct counting_device d;
	struct fake_guest g;
	unsigned int config_interrupts, queue_interrupts;
};

static void interrupt(void *ctx, uint32_t isr_bits)
{
	struct fixture *f = ctx;

	f->config_interrupts += (isr_bits & VIRTIO_ISR_CONFIG) != 0;
	f->queue_interrupts += (isr_bits & VIRTIO_ISR_QUEUE) != 0;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	fake_guest_init(&f->g);
	counting_device_init(&f->d, &f->g.env);
	f->d.vdev.transport = (struct vdev_transport){.interrupt = interrupt, .ctx = f};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	vdev_destroy(&f->d.vdev);
	if (f->d.activate_result == 0)
		assert_int_equal(f->d.activated, f->d.deactivated);
	fake_guest_fini(&f->g);
	free(f);
	return 0;
}

static void write_features(struct fixture *f, uint64_t features)
{
	vdev_write_features(&f->d.vdev, 0, (uint32_t)features);
	vdev_write_features(&f->d.vdev, 1, (uint32_t)(features >> 32));
}

static void negotiate(struct fixture *f)
{
	vdev_write_status(&f->d.vdev, 0);
	vdev_write_status(&f->d.vdev, ACK);
	vdev_write_status(&f->d.vdev, ACK | DRIVER);
	write_features(f, VERSION_1);
	vdev_write_status(&f->d.vdev, ACK | DRIVER | FEATURES);
	assert_true(f->d.vdev.status & FEATURES);
}

static void set_up_queue(struct fixture *f, unsigned int queue)
{
	struct fake_vq *driver = &f->g.vq[queue];
	struct virtq *vq = &f->d.vdev.queue[queue];

	fake_vq_layout(driver, 8);
	vq->size = 8;
	vq->desc = driver->desc;
	vq->driver = driver->avail;
	vq->device = driver->used;
	vdev_enable_queue(&f->d.vdev, queue);
}

static void go_live(struct fixture *f)
{
	negotiate(f);
	set_up_queue(f, 0);
	vdev_write_status(&f->d.vdev, ACK | DRIVER | FEATURES | OK);
	assert_true(f->d.vdev.active);
}

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

/* --- queues (3.1.1 step 7) --- */

static void a_queue_is_made_ready_between_features_ok_and_driver_ok(void **state)
{
	struct fixture *f = *state;

	vdev_write_status(&f->d.vdev, ACK | DRIVER);
	set_up_queue(f, 0);
	assert_false(f->d.vdev.queue[0].enabled);
	assert_int_equal(f->d.vdev.status, ACK | DRIVER | NEEDS);

	negotiate(f);
	set_up_queue(f, 0);
	assert_true(f->d.vdev.queue[0].enabled);

	vdev_write_status(&f->d.vdev, ACK | DRIVER | FEATURES | OK);
	set_up_queue(f, 1);
	assert_false(f->d.vdev.queue[1].enabled);
	assert_true(f->d.vdev.status & NEEDS);
}

static void a_queue_that_cannot_be_enabled_is_a_fault(void **state)
{
	struct fixture *f = *state;

	negotiate(f);
	f->d.vdev.queue[0] = (struct virtq){.size = 3};
	vdev_enable_queue(&f->d.vdev, 0);
	assert_true(f->d.vdev.status & NEEDS);

	negotiate(f);
	f->d.vdev.queue[0] = (struct virtq){.size = 8, .desc = gpa(FAKE_RAM_END)};
	vdev_enable_queue(&f->d.vdev, 0);
	assert_true(f->d.vdev.status & NEEDS);
	assert_int_equal(f->config_interrupts, 0); /* 2.1.2: not before DRIVER_OK */
}

static void the_event_index_is_used_if_it_was_negotiated(void **state)
{
	struct fixture *f = *state;

	negotiate(f);
	set_up_queue(f, 0);
	assert_false(f->d.vdev.queue[0].event_idx);

	vdev_write_status(&f->d.vdev, 0);
	write_features(f, VERSION_1 | F(VIRTIO_F_EVENT_IDX));
	vdev_write_status(&f->d.vdev, ACK | DRIVER | FEATURES);
	set_up_queue(f, 0);
	assert_true(f->d.vdev.queue[0].event_idx);
}

static void a_queue_taken_back_before_driver_ok_can_be_set_up_again(void **state)
{
	struct fixture *f = *state;

	negotiate(f);
	set_up_queue(f, 0);
	vdev_disable_queue(&f->d.vdev, 0);
	assert_false(f->d.vdev.queue[0].enabled);
	set_up_queue(f, 0);
	assert_true(f->d.vdev.queue[0].enabled);
	assert_false(f->d.vdev.status & NEEDS);
}

/* 3.3.1, 4.2.2.2: when the driver reads that the queue is off, nothing uses its buffers. */
static void a_queue_taken_back_from_a_live_device_stops_it(void **state)
{
	struct fixture *f = *state;

	go_live(f);
	vdev_disable_queue(&f->d.vdev, 0);
	assert_int_equal(f->d.deactivated, 1);
	assert_false(f->d.vdev.queue[0].enabled);
	assert_true(f->d.vdev.status & NEEDS);
	assert_int_equal(f->config_interrupts, 1);
	vdev_write_status(&f->d.vdev, 0);
	assert_int_equal(f->d.deactivated, 1);
	go_live(f);
}

static void a_doorbell_reaches_the_device_only_while_it_is_live(void **state)
{
	struct fixture *f = *state;

	negotiate(f);
	set_up_queue(f, 0);
	vdev_notify(&f->d.vdev, 0); /* 3.1.1: not before DRIVER_OK */
	assert_int_equal(f->d.notified, 0);
	vdev_write_status(&f->d.vdev, ACK | DRIVER | FEATURES | OK);
	vdev_notify(&f->d.vdev, 0);
	assert_int_equal(f->d.notified, 1);
	vdev_notify(&f->d.vdev, 1); /* not enabled */
	vdev_notify(&f->d.vdev, 2); /* not there */
	vdev_notify(&f->d.vdev, UINT32_MAX);
	assert_int_equal(f->d.notified, 1);
	vdev_guest_fault(&f->d.vdev, "anything");
	vdev_notify(&f->d.vdev, 0);
	assert_int_equal(f->d.notified, 1);
	vdev_write_status(&f->d.vdev, 0);
	vdev_notify(&f->d.vdev, 0);
	assert_int_equal(f->d.notified, 1);
}

/* --- faults --- */

static void a_fault_interrupts_a_live_driver_once(void **state)
{
	struct fixture *f = *state;

	go_live(f);
	vdev_guest_fault(&f->d.vdev, "anything");
	vdev_guest_fault(&f->d.vdev, "and more");
	assert_true(f->d.vdev.status & NEEDS);
	assert_int_equal(f->config_interrupts, 1);
	assert_true(f->d.vdev.active); /* until the reset */
	assert_int_equal(f->d.deactivated, 0);
}

static void a_broken_chain_is_a_fault_and_no_chain(void **state)
{
	struct fixture *f = *state;
	struct vchain chain;

	go_live(f);
	fake_put_head(&f->g.vq[0], 8); /* past the table */
	fake_publish(&f->g.vq[0]);
	assert_int_equal(vdev_pop(&f->d.vdev, &f->d.vdev.queue[0], &chain), 0);
	assert_true(f->d.vdev.status & NEEDS);
	assert_int_equal(f->config_interrupts, 1);
}

static void a_device_that_needs_a_reset_pops_nothing(void **state)
{
	struct fixture *f = *state;
	struct fake_buf buf;
	struct vchain chain;

	go_live(f);
	buf = fake_in(&f->g, 16);
	fake_add(&f->g.vq[0], &buf, 1);
	fake_add(&f->g.vq[0], &buf, 1);
	fake_publish(&f->g.vq[0]);
	assert_int_equal(vdev_pop(&f->d.vdev, &f->d.vdev.queue[0], &chain), 1);
	vdev_guest_fault(&f->d.vdev, "anything");
	assert_int_equal(vdev_pop(&f->d.vdev, &f->d.vdev.queue[0], &chain), 0);
}

static void guest_faults_are_logged_at_a_limited_rate(void **state)
{
	struct fixture *f = *state;
	struct log_output output;
	char text[16384];
	int pipe_fd[2];
	ssize_t len;
	int lines = 0;

	assert_int_equal(pipe(pipe_fd), 0);
	log_output_open(&output, pipe_fd[1]);
	f->g.log = (struct log){.level = LOG_WARN, .output = &output};
	go_live(f);
	for (int i = 0; i < 1000; i++)
		vdev_guest_fault(&f->d.vdev, "the test says so");
	close(pipe_fd[1]);
	len = read(pipe_fd[0], text, sizeof(text) - 1);
	close(pipe_fd[0]);
	f->g.log = (struct log){.level = LOG_ERROR};
	log_output_close(&output);
	assert_in_range(len, 1, sizeof(text) - 1);
	text[len] = '\0';
	assert_non_null(strstr(text, "virtio-counting a.img: guest fault: the test says so"));
	for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	assert_in_range(lines, 1, 2 * LOG_LIMIT_BURST); /* a second may begin meanwhile */
}

/* --- interrupts --- */

static void nothing_interrupts_before_driver_ok(void **state)
{
	struct fixture *f = *state;

	negotiate(f);
	vdev_config_changed(&f->d.vdev);
	assert_int_equal(f->config_interrupts, 0);
	assert_int_equal(f->d.vdev.config_generation, 1);
	set_up_queue(f, 0);
	vdev_write_status(&f->d.vdev, ACK | DRIVER | FEATURES | OK);
	vdev_config_changed(&f->d.vdev);
	assert_int_equal(f->config_interrupts, 1);
	assert_int_equal(f->d.vdev.config_generation, 2);
}

static void used_buffers_interrupt_if_the_driver_wants_it(void **state)
{
	struct fixture *f = *state;
	struct fake_buf buf;
	struct vchain chain;

	go_live(f);
	vdev_queue_interrupt(&f->d.vdev, &f->d.vdev.queue[0]);
	assert_int_equal(f->queue_interrupts, 0);
	buf = fake_in(&f->g, 16);
	fake_add(&f->g.vq[0], &buf, 1);
	fake_publish(&f->g.vq[0]);
	assert_int_equal(vdev_pop(&f->d.vdev, &f->d.vdev.queue[0], &chain), 1);
	assert_int_equal(virtq_push(&f->d.vdev.queue[0], &chain), 0);
	vdev_queue_interrupt(&f->d.vdev, &f->d.vdev.queue[0]);
	assert_int_equal(f->queue_interrupts, 1);
}

/* --- configuration space (2.5) --- */

static void configuration_reads_past_the_end_give_zeroes(void **state)
{
	static const struct {
		uint32_t offset, len;
		uint8_t bytes[4];
	} cases[] = {
		{0, 4, {1, 2, 3, 4}}, {4, 4, {5, 6, 7, 8}}, {6, 4, {7, 8, 0, 0}},     {7, 1, {8}},
		{8, 4, {0}},	      {UINT32_MAX, 4, {0}}, {UINT32_MAX - 3, 4, {0}},
	};
	struct fixture *f = *state;

	for (uint8_t i = 0; i < 8; i++)
		f->d.config[i] = (uint8_t)(i + 1);
	for (size_t i = 0; i < NR_OF(cases); i++) {
		uint8_t bytes[4] = {0xee, 0xee, 0xee, 0xee};

		vdev_config_read(&f->d.vdev, cases[i].offset, bytes, cases[i].len);
		assert_memory_equal(bytes, cases[i].bytes, cases[i].len);
	}
}

static void configuration_writes_outside_the_writable_part_are_dropped(void **state)
{
	/* Of 8 bytes, 2 to 5 may be written. */
	static const struct {
		uint32_t offset, len;
		bool taken;
	} cases[] = {
		{2, 4, true},  {2, 1, true},  {5, 1, true},	      {4, 2, true},
		{1, 1, false}, {1, 4, false}, {3, 4, false},	      {6, 1, false},
		{0, 8, false}, {8, 4, false}, {UINT32_MAX, 4, false}, {UINT32_MAX - 1, 8, false},
	};
	static const uint8_t ones[8] = {1, 1, 1, 1, 1, 1, 1, 1};
	static const uint8_t zeroes[8];
	struct fixture *f = *state;

	negotiate(f);
	for (size_t i = 0; i < NR_OF(cases); i++) {
		print_message("%u bytes at %#x\n", cases[i].len, cases[i].offset);
		memset(f->d.config, 0, sizeof(f->d.config));
		f->d.config_writes = 0;
		vdev_config_write(&f->d.vdev, cases[i].offset, ones, cases[i].len);
		assert_int_equal(f->d.config_writes, cases[i].taken);
		if (cases[i].taken)
			assert_memory_equal(f->d.config + cases[i].offset, ones, cases[i].len);
		else
			assert_memory_equal(f->d.config, zeroes, sizeof(zeroes));
	}
}

/* 3.1.1 step 4 */
static void the_configuration_is_not_written_before_features_ok(void **state)
{
	struct fixture *f = *state;
	uint8_t byte = 1;

	vdev_config_write(&f->d.vdev, 2, &byte, 1);
	assert_int_equal(f->d.config[2], 0);
	assert_int_equal(f->d.config_writes, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
		TEST(a_queue_is_made_ready_between_features_ok_and_driver_ok),
		TEST(a_queue_that_cannot_be_enabled_is_a_fault),
		TEST(the_event_index_is_used_if_it_was_negotiated),
		TEST(a_queue_taken_back_before_driver_ok_can_be_set_up_again),
		TEST(a_queue_taken_back_from_a_live_device_stops_it),
		TEST(a_doorbell_reaches_the_device_only_while_it_is_live),
		TEST(a_fault_interrupts_a_live_driver_once),
		TEST(a_broken_chain_is_a_fault_and_no_chain),
		TEST(a_device_that_needs_a_reset_pops_nothing),
		TEST(guest_faults_are_logged_at_a_limited_rate),
		TEST(nothing_interrupts_before_driver_ok),
		TEST(used_buffers_interrupt_if_the_driver_wants_it),
		TEST(configuration_reads_past_the_end_give_zeroes),
		TEST(configuration_writes_outside_the_writable_part_are_dropped),
		TEST(the_configuration_is_not_written_before_features_ok),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
