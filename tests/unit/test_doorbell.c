/* SPDX-License-Identifier: MIT */
/* virtio/mmio.h: doorbells of virtio-mmio (virtio 1.2, 4.2.2 QueueNotify), and the I/O thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/unit/counting_device.h"

#define ALL_FEATURES (~0ull)

/* What KVM's ioeventfds would be. */
struct fake_doorbells {
	int result; /* what bind() gives */
	unsigned int binds, failed, unbinds;
	int fd[COUNTING_QUEUES]; /* -1: not bound */
};

struct fixture {
	struct fake_guest g;
	struct counting_device d;
	struct fake_doorbells bells;
};

static int bind_bell(void *ctx, gpa_t at, uint32_t value, int fd)
{
	struct fake_doorbells *bells = ctx;

	assert_int_equal(at.addr, FAKE_SLOT + VIRTIO_MMIO_QUEUE_NOTIFY);
	assert_in_range(value, 0, COUNTING_QUEUES - 1);
	assert_int_equal(bells->fd[value], -1);
	bells->binds++;
	if (bells->result == 0)
		bells->fd[value] = fd;
	else
		bells->failed++;
	return bells->result;
}

static void unbind_bell(void *ctx, gpa_t at, uint32_t value, int fd)
{
	struct fake_doorbells *bells = ctx;

	assert_int_equal(at.addr, FAKE_SLOT + VIRTIO_MMIO_QUEUE_NOTIFY);
	assert_in_range(value, 0, COUNTING_QUEUES - 1);
	assert_int_equal(bells->fd[value], fd);
	bells->unbinds++;
	bells->fd[value] = -1;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	fake_guest_init(&f->g);
	f->bells.fd[0] = -1;
	f->bells.fd[1] = -1;
	f->g.env.doorbell =
		(struct doorbell){.bind = bind_bell, .unbind = unbind_bell, .ctx = &f->bells};
	counting_device_init(&f->d, &f->g.env);
	fake_guest_plug(&f->g, &f->d.vdev);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fake_guest_fini(&f->g);
	assert_int_equal(f->d.destroyed, 1);
	assert_int_equal(f->bells.binds - f->bells.failed, f->bells.unbinds);
	free(f);
	return 0;
}

static void go_live(struct fixture *f)
{
	assert_true(fake_handshake(&f->g, ALL_FEATURES, 8));
}

static bool needs_reset(struct fixture *f)
{
	return (fake_status(&f->g) & VIRTIO_STATUS_NEEDS_RESET) != 0;
}

static void wait_until_notified(struct fixture *f, unsigned int times)
{
	for (int waited_ms = 0; waited_ms < FAKE_WAIT_MS && f->d.notified < times; waited_ms++)
		fake_nap();
	assert_int_equal(f->d.notified, times);
}

/* An ioeventfd costs milliseconds: none for a queue that is not used. */
static void doorbells_are_bound_at_driver_ok_for_enabled_queues_only(void **state)
{
	struct fixture *f = *state;

	assert_true(fake_negotiate(&f->g, ALL_FEATURES));
	fake_vq_layout(&f->g.vq[1], 8);
	fake_vq_set(&f->g.vq[1]);
	assert_true(fake_vq_ready(&f->g.vq[1]));
	assert_int_equal(f->bells.binds, 0);
	fake_add_status(&f->g, VIRTIO_STATUS_DRIVER_OK);
	assert_int_equal(f->bells.binds, 1);
	assert_int_equal(f->bells.fd[0], -1);
	assert_int_not_equal(f->bells.fd[1], -1);
	fake_add_status(&f->g, VIRTIO_STATUS_DRIVER_OK); /* no news */
	assert_int_equal(f->bells.binds, 1);
}

static void a_rung_doorbell_notifies_on_the_io_thread(void **state)
{
	struct fixture *f = *state;

	fake_guest_run_io(&f->g);
	go_live(f);
	for (unsigned int i = 1; i <= 3; i++) {
		assert_int_equal(eventfd_write(f->bells.fd[i % 2], 1), 0);
		wait_until_notified(f, i);
	}
}

static void doorbells_are_unbound_at_a_reset_and_bound_at_the_next_life(void **state)
{
	struct fixture *f = *state;
	int fd;

	go_live(f);
	fd = f->bells.fd[0];
	fake_write32(&f->g, VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(f->bells.unbinds, COUNTING_QUEUES);
	assert_int_equal(f->bells.fd[0], -1);

	/* What was rung before the reset and is heard after it has no effect. */
	assert_int_equal(eventfd_write(fd, 1), 0);
	fake_guest_run_io(&f->g);
	for (int i = 0; i < 10; i++)
		fake_nap();
	assert_int_equal(f->d.notified, 0);

	go_live(f);
	assert_int_equal(f->bells.fd[0], fd); /* one eventfd for all lives */
	assert_int_equal(eventfd_write(fd, 1), 0);
	wait_until_notified(f, 1);
}

/* It also costs an exit each, which a measurement has to say. */
static void where_no_doorbell_can_be_had_the_write_itself_notifies(void **state)
{
	struct fixture *f = *state;
	struct log_output output;
	FILE *log = tmpfile();
	char said[256] = "";

	assert_non_null(log);
	log_output_open(&output, fileno(log));
	f->g.log = (struct log){.level = LOG_WARN, .output = &output};
	f->bells.result = -ENOSPC;
	go_live(f);
	assert_true(pread(fileno(log), said, sizeof(said) - 1, 0) > 0);
	assert_non_null(strstr(said, "no doorbell for queue 0: No space left"));
	assert_non_null(strstr(said, "no doorbell for queue 1: No space left"));
	fclose(log);
	f->g.log.output = NULL;
	log_output_close(&output);
	assert_int_equal(f->bells.binds, COUNTING_QUEUES);
	fake_write32(&f->g, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	assert_int_equal(f->d.notified, 1);
	fake_write32(&f->g, VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(f->bells.unbinds, 0);
}

static void a_device_that_cannot_start_gets_no_doorbells(void **state)
{
	struct fixture *f = *state;

	f->d.activate_result = -EIO;
	assert_false(fake_handshake(&f->g, ALL_FEATURES, 8));
	assert_true(needs_reset(f));
	assert_int_equal(f->bells.binds, 0);
	f->d.activate_result = 0;
	go_live(f);
	assert_int_equal(f->bells.binds, COUNTING_QUEUES);
}

/* A vCPU resets and restarts the device while its doorbells keep ringing. */
static void resets_and_doorbells_may_race(void **state)
{
	struct fixture *f = *state;

	fake_guest_run_io(&f->g);
	for (int i = 0; i < 300; i++) {
		f->g.heap = FAKE_RAM_START;
		go_live(f);
		eventfd_write(f->bells.fd[0], 1);
		eventfd_write(f->bells.fd[1], 1);
		if (i % 3 != 0)
			fake_write32(&f->g, VIRTIO_MMIO_STATUS, 0);
	}
	fake_write32(&f->g, VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(f->d.activated, 300);
	assert_int_equal(f->d.deactivated, 300);
	assert_int_equal(f->bells.binds, f->bells.unbinds);
}

static void a_live_device_is_stopped_before_it_is_destroyed(void **state)
{
	struct fixture *f = *state;

	go_live(f);
	device_destroy(f->g.device);
	f->g.device = NULL;
	assert_int_equal(f->d.deactivated, 1);
	assert_int_equal(f->d.destroyed, 1);
	assert_int_equal(f->bells.unbinds, COUNTING_QUEUES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(doorbells_are_bound_at_driver_ok_for_enabled_queues_only),
		TEST(a_rung_doorbell_notifies_on_the_io_thread),
		TEST(doorbells_are_unbound_at_a_reset_and_bound_at_the_next_life),
		TEST(where_no_doorbell_can_be_had_the_write_itself_notifies),
		TEST(a_device_that_cannot_start_gets_no_doorbells),
		TEST(resets_and_doorbells_may_race),
		TEST(a_live_device_is_stopped_before_it_is_destroyed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
