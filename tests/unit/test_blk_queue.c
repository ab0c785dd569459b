/* SPDX-License-Identifier: MIT */
/*
 * How virtio-blk moves requests: what a completed one is worth, batches and back-pressure, and what
 * faults and resets leave behind.
 */
#include "tests/unit/blk_fixture.h"

/* ---- what a completed write is worth ---- */

/* 5.2.6.2: without FLUSH a completed write is stable, with it only a flush makes it so. */
static void writes_are_stable_if_the_driver_cannot_flush(void **state)
{
	static const struct range range = {0, 8, 0};
	uint8_t data[IMAGE_SECTOR] = {0};
	struct machine *m = *state;
	long before;

	start(m, ALL);
	assert_int_equal(write_sectors(m, 0, data, sizeof(data)), VIRTIO_BLK_S_OK);
	assert_int_equal(aio.rw_flags, 0);
	before = aio.taken;
	assert_int_equal(flush(m), VIRTIO_BLK_S_OK);
	assert_int_equal(aio.taken, before + 1);

	assert_true(fake_handshake(&m->g, ALL & ~FEATURE(VIRTIO_BLK_F_FLUSH), 16));
	assert_int_equal(write_sectors(m, 0, data, sizeof(data)), VIRTIO_BLK_S_OK);
	assert_int_equal(aio.rw_flags, RWF_DSYNC);
	before = aio.taken;
	assert_int_equal(run_ranges(m, VIRTIO_BLK_T_WRITE_ZEROES, &range, RANGE), 0);
	assert_int_equal(aio.taken, before + 1); /* an fdatasync behind it */
}

static void a_kernel_without_asynchronous_fdatasync_is_asked_the_other_way(void **state)
{
	struct machine *m = *state;

	start(m, ALL);
	aio.refuse_opcode = IO_CMD_FDSYNC;
	aio.refuse_with = -EINVAL;
	assert_int_equal(flush(m), VIRTIO_BLK_S_OK);
	aio.refuse_with = -EIO;
	assert_int_equal(flush(m), VIRTIO_BLK_S_IOERR);
	assert_alive(m);
}

/* ---- batches and back-pressure ---- */

static void one_kick_is_one_submission_and_one_interrupt(void **state)
{
	struct machine *m = *state;
	struct request r = request(VIRTIO_BLK_T_IN, 3);
	gpa_t at[32];
	unsigned int before;
	uint16_t head;
	uint32_t written;

	assert_true(plug(m, m->image.path, false, DISK_CACHE_WRITEBACK));
	assert_true(fake_handshake(&m->g, ALL & ~FEATURE(VIRTIO_F_EVENT_IDX), 64));
	r.room = IMAGE_SECTOR;
	for (size_t i = 0; i < NR_OF(at); i++)
		at[i] = add(m, &r);
	fake_kick(&m->g.vq[0]);
	assert_int_equal(aio.calls, 1);
	assert_int_equal(aio.taken, NR_OF(at));
	assert_int_equal(m->g.interrupts, 0);
	/* Through the page cache all have completed by now; they are given back together. */
	fake_guest_run_io(&m->g);
	for (size_t i = 0; i < NR_OF(at); i++) {
		assert_true(fake_wait(&m->g.vq[0], &head, &written));
		assert_int_equal(byte_at(m, at[i], IMAGE_SECTOR), VIRTIO_BLK_S_OK);
	}
	assert_alive(m);
	assert_int_equal(m->g.interrupts, 2);
	before = wakeups;
	for (int ms = 0; ms < 20; ms++)
		fake_nap();
	assert_true(wakeups - before < 5);
}

/* io_submit(2) may take a part, or nothing for now: all requests are answered in the end. */
static void requests_wait_for_room_in_the_kernel(void **state)
{
	struct machine *m = *state;
	struct request r = request(VIRTIO_BLK_T_IN, 3);
	gpa_t at[8];
	uint16_t head;
	uint32_t written;

	assert_true(plug(m, m->image.path, false, DISK_CACHE_WRITEBACK));
	assert_true(fake_handshake(&m->g, ALL, 64));
	r.room = IMAGE_SECTOR;
	for (size_t i = 0; i < NR_OF(at); i++)
		at[i] = add(m, &r);
	aio.at_most = 3;
	aio.refuse[1] = -EAGAIN; /* 3 are taken, then no more; a completion makes room */
	fake_kick(&m->g.vq[0]);
	assert_int_equal(aio.taken, 3);
	fake_guest_run_io(&m->g);
	for (size_t i = 0; i < NR_OF(at); i++) {
		assert_true(fake_wait(&m->g.vq[0], &head, &written));
		assert_int_equal(byte_at(m, at[i], IMAGE_SECTOR), VIRTIO_BLK_S_OK);
	}
	assert_int_equal(aio.taken, NR_OF(at));
}

static void a_kernel_that_takes_nothing_is_an_io_error(void **state)
{
	struct machine *m = *state;
	uint8_t data[IMAGE_SECTOR];

	start(m, ALL);
	aio.refuse[0] = -EAGAIN; /* and nothing in flight whose completion could be waited for */
	aio.refuse[1] = -EBADF;
	assert_int_equal(read_sectors(m, 0, data, sizeof(data)), VIRTIO_BLK_S_IOERR);
	assert_int_equal(read_sectors(m, 0, data, sizeof(data)), VIRTIO_BLK_S_IOERR);
	assert_alive(m);
}

/* More requests than the ring holds at once, of all kinds, keep their order of bytes. */
static void a_small_queue_serves_many_requests(void **state)
{
	static const uint64_t features[] = {
		ALL,
		ALL & ~FEATURE(VIRTIO_F_EVENT_IDX),
	};
	struct machine *m = *state;
	uint8_t data[IMAGE_SECTOR], got[IMAGE_SECTOR];

	start(m, ALL);
	for (unsigned int i = 0; i < NR_OF(features); i++) {
		assert_true(fake_handshake(&m->g, features[i], 4));
		for (unsigned int round = 0; round < 300; round++) {
			memset(data, (int)(round + i), sizeof(data));
			assert_int_equal(write_sectors(m, round % SECTORS, data, sizeof(data)), 0);
			assert_int_equal(read_sectors(m, round % SECTORS, got, sizeof(got)), 0);
			assert_memory_equal(got, data, sizeof(got));
		}
	}
}

/* ---- faults and resets ---- */

/* 5.2.6: without a header, or a byte for the status, there is nothing that could be answered. */
static void a_request_that_cannot_be_answered_is_a_fault(void **state)
{
	static const struct {
		uint32_t out, in;
	} cases[] = {{15, 1}, {0, 1}, {16, 0}, {528, 0}, {0, 513}};
	struct machine *m = *state;
	struct request r = request(VIRTIO_BLK_T_OUT, 0);
	uint8_t data[528] = {0};

	start(m, ALL);
	memcpy(data, &r.header, sizeof(r.header));
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct fake_buf buf[2] = {
			fake_out(&m->g, data, cases[i].out),
			fake_in(&m->g, cases[i].in),
		};

		assert_true(fake_handshake(&m->g, ALL, 16));
		fake_add(&m->g.vq[0], buf, 2);
		fake_kick(&m->g.vq[0]);
		assert_true(fake_status(&m->g) & VIRTIO_STATUS_NEEDS_RESET);
		assert_int_equal(fake_used(&m->g.vq[0]), 0);
		/* Deaf until the reset, and then as new. */
		add(m, &r);
		fake_kick(&m->g.vq[0]);
		assert_int_equal(fake_used(&m->g.vq[0]), 0);
		assert_true(fake_handshake(&m->g, ALL, 16));
		assert_alive(m);
	}
	image_assert_untouched(m->image.path, 0, SECTORS);
}

/* Requests in the same kick before a fault reach the disk, but the device gives nothing back. */
static void a_fault_in_a_batch_stops_the_device(void **state)
{
	struct machine *m = *state;
	struct request r = request(VIRTIO_BLK_T_IN, 3);
	struct fake_buf nothing;

	start(m, ALL);
	r.room = IMAGE_SECTOR;
	add(m, &r);
	add(m, &r);
	nothing = fake_in(&m->g, 1);
	fake_add(&m->g.vq[0], &nothing, 1);
	add(m, &r);
	fake_kick(&m->g.vq[0]);
	assert_true(fake_status(&m->g) & VIRTIO_STATUS_NEEDS_RESET);
	assert_int_equal(aio.taken, 2);
	for (int ms = 0; ms < 5; ms++)
		fake_nap();
	assert_int_equal(fake_used(&m->g.vq[0]), 0);
	assert_true(fake_handshake(&m->g, ALL, 16));
	assert_alive(m);
}

/* 2.4.1: after the reset the device touches neither ring nor buffers of the old life. */
static void a_reset_leaves_nothing_in_flight(void **state)
{
	static const enum disk_cache cache[] = {DISK_CACHE_WRITEBACK, DISK_CACHE_NONE};
	struct machine *m = *state;
	struct request r = request(VIRTIO_BLK_T_IN, 3);
	gpa_t at[16];

	r.room = IMAGE_SECTOR;
	for (size_t c = 0; c < NR_OF(cache); c++) {
		if (!plug(m, m->image.path, false, cache[c]))
			skip();
		assert_true(fake_handshake(&m->g, ALL, 64));
		aio.at_most = 10;
		aio.calls = 0;
		aio.refuse[1] = -EAGAIN; /* some have not even been submitted */
		for (size_t i = 0; i < NR_OF(at); i++)
			at[i] = add(m, &r);
		fake_kick(&m->g.vq[0]);
		fake_write32(&m->g, VIRTIO_MMIO_STATUS, 0);
		for (size_t i = 0; i < NR_OF(at); i++)
			assert_int_equal(gmem_fill(&m->g.mem, at[i], POISON, IMAGE_SECTOR + 1), 0);
		fake_guest_run_io(&m->g);
		for (int ms = 0; ms < 5; ms++)
			fake_nap();
		assert_int_equal(fake_used(&m->g.vq[0]), 0);
		for (size_t i = 0; i < NR_OF(at); i++) {
			assert_int_equal(byte_at(m, at[i], 0), POISON);
			assert_int_equal(byte_at(m, at[i], IMAGE_SECTOR), POISON);
		}
		assert_true(fake_handshake(&m->g, ALL, 64));
		assert_alive(m);
		fake_guest_fini(&m->g);
		disk_close(&m->disk);
	}
}

/* The same head again and again is a driver's mistake that each time names a valid chain. */
static void a_head_offered_twice_is_served_twice(void **state)
{
	struct machine *m = *state;
	struct request r = request(VIRTIO_BLK_T_IN, 3);
	struct fake_vq *vq = &m->g.vq[0];
	gpa_t at;

	assert_true(plug(m, m->image.path, false, DISK_CACHE_WRITEBACK));
	assert_true(fake_handshake(&m->g, ALL, 8));
	r.room = IMAGE_SECTOR;
	at = add(m, &r);
	for (int i = 1; i < 8; i++)
		fake_put_head(vq, 0);
	fake_kick(vq);
	fake_guest_run_io(&m->g);
	for (int ms = 0; ms < FAKE_WAIT_MS && fake_used(vq) < 8; ms++)
		fake_nap();
	assert_int_equal(fake_used(vq), 8);
	assert_int_equal(byte_at(m, at, IMAGE_SECTOR), VIRTIO_BLK_S_OK);
}

/* Two of a kind share nothing. */
static void two_disks_do_not_mix(void **state)
{
	struct machine *m = *state;
	struct machine *other;
	void *second;
	uint8_t data[IMAGE_SECTOR] = {7};

	create(&second);
	other = second;
	start(m, ALL);
	start(other, ALL);
	assert_int_equal(write_sectors(m, 1, data, sizeof(data)), VIRTIO_BLK_S_OK);
	assert_alive(m);
	assert_alive(other);
	image_assert_untouched(other->image.path, 0, SECTORS);
	destroy(&second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		blk_test(writes_are_stable_if_the_driver_cannot_flush),
		blk_test(a_kernel_without_asynchronous_fdatasync_is_asked_the_other_way),
		blk_test(one_kick_is_one_submission_and_one_interrupt),
		blk_test(requests_wait_for_room_in_the_kernel),
		blk_test(a_kernel_that_takes_nothing_is_an_io_error),
		blk_test(a_small_queue_serves_many_requests),
		blk_test(a_request_that_cannot_be_answered_is_a_fault),
		blk_test(a_fault_in_a_batch_stops_the_device),
		blk_test(a_reset_leaves_nothing_in_flight),
		blk_test(a_head_offered_twice_is_served_twice),
		blk_test(two_disks_do_not_mix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
