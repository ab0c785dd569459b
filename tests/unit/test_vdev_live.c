/* SPDX-License-Identifier: MIT */
/* virtio/vdev.h: queues, faults, interrupts and the configuration space (virtio 1.2, 2.3 to 2.5).
 */
#include "tests/unit/vdev_fixture.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
