/* SPDX-License-Identifier: MIT */
/* What virtio-blk answers, and says to the host's user, when the host refuses or does half. */
#include "tests/unit/blk_fixture.h"

static uint8_t change(struct machine *m, uint32_t type, uint32_t flags)
{
	const struct range range = {8, 8, flags};

	memset(refuse.modes, 0, sizeof(refuse.modes));
	refuse.nr_modes = 0;
	return run_ranges(m, type, &range, RANGE);
}

/* 5.2.6.2: UNSUPP where the host's file system cannot, IOERR where it fails. */
static void a_range_that_the_host_refuses_is_not_done(void **state)
{
	static const struct {
		uint32_t type;
		int error;
		uint8_t status;
	} cases[] = {
		{VIRTIO_BLK_T_DISCARD, 0, VIRTIO_BLK_S_OK},
		{VIRTIO_BLK_T_DISCARD, EOPNOTSUPP, VIRTIO_BLK_S_UNSUPP},
		{VIRTIO_BLK_T_DISCARD, EIO, VIRTIO_BLK_S_IOERR},
		{VIRTIO_BLK_T_DISCARD, ENOSPC, VIRTIO_BLK_S_IOERR},
		{VIRTIO_BLK_T_WRITE_ZEROES, EIO, VIRTIO_BLK_S_IOERR},
		{VIRTIO_BLK_T_WRITE_ZEROES, EOPNOTSUPP, VIRTIO_BLK_S_OK}, /* the long way */
	};
	static const uint64_t features[] = {ALL, ALL & ~FEATURE(VIRTIO_BLK_F_FLUSH)};
	struct machine *m = *state;

	start(m, ALL);
	if (!m->disk.can_discard)
		skip();
	for (size_t i = 0; i < NR_OF(cases) * NR_OF(features); i++) {
		assert_true(fake_handshake(&m->g, features[i % 2], 16));
		refuse.allocate_error = cases[i / 2].error;
		assert_int_equal(change(m, cases[i / 2].type, 0), cases[i / 2].status);
		refuse.allocate_error = 0;
		assert_alive(m);
	}
	image_assert_zero(m->image.path, 8, 8);
	image_assert_untouched(m->image.path, 16, SECTORS - 16);
}

/* 5.2.6.2: only with UNMAP may zeroes be a hole. */
static void the_host_is_asked_for_what_the_driver_asked_for(void **state)
{
	const int keep = FALLOC_FL_KEEP_SIZE;
	struct machine *m = *state;

	start(m, ALL);
	(void)change(m, VIRTIO_BLK_T_WRITE_ZEROES, 0);
	assert_int_equal(refuse.modes[0], FALLOC_FL_ZERO_RANGE | keep);
	(void)change(m, VIRTIO_BLK_T_WRITE_ZEROES, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP);
	assert_int_equal(refuse.modes[0], FALLOC_FL_PUNCH_HOLE | keep);
	if (!m->disk.can_discard)
		skip();
	(void)change(m, VIRTIO_BLK_T_DISCARD, 0);
	assert_int_equal(refuse.modes[0], FALLOC_FL_PUNCH_HOLE | keep);
}

/* A feature that was not accepted does not come with another. */
static void discard_and_write_zeroes_are_negotiated_one_by_one(void **state)
{
	static const struct {
		uint64_t without;
		uint8_t discard, write_zeroes;
	} cases[] = {
		{VIRTIO_BLK_F_DISCARD, VIRTIO_BLK_S_UNSUPP, VIRTIO_BLK_S_OK},
		{VIRTIO_BLK_F_WRITE_ZEROES, VIRTIO_BLK_S_OK, VIRTIO_BLK_S_UNSUPP},
	};
	struct machine *m = *state;

	start(m, ALL);
	if (!m->disk.can_discard)
		skip();
	for (size_t i = 0; i < NR_OF(cases); i++) {
		assert_true(fake_handshake(&m->g, ALL & ~FEATURE(cases[i].without), 16));
		assert_int_equal(change(m, VIRTIO_BLK_T_DISCARD, 0), cases[i].discard);
		assert_int_equal(change(m, VIRTIO_BLK_T_WRITE_ZEROES, 0), cases[i].write_zeroes);
	}
}

static void no_memory_to_bounce_in_is_an_io_error(void **state)
{
	struct request r = request(VIRTIO_BLK_T_IN, 0);
	struct machine *m = *state;
	uint8_t got[IMAGE_SECTOR];

	if (!plug(m, m->image.path, false, DISK_CACHE_NONE))
		skip();
	assert_true(fake_handshake(&m->g, ALL, 16));
	fake_guest_run_io(&m->g);
	r.room = 8 * IMAGE_SECTOR;
	r.piece = 1000;
	refuse.no_memory = true;
	assert_int_equal(run(m, &r, NULL), VIRTIO_BLK_S_IOERR);
	refuse.no_memory = false;
	assert_int_equal(run(m, &r, NULL), VIRTIO_BLK_S_OK);
	assert_int_equal(read_sectors(m, 1, got, sizeof(got)), VIRTIO_BLK_S_OK);
}

/* A host's disk that is full takes a part of a write; the guest must not believe the rest. */
static void a_short_write_is_an_io_error_that_says_so(void **state)
{
	struct machine *m = *state;
	struct captured_log log;
	uint8_t data[2 * IMAGE_SECTOR] = {0};

	start(m, ALL);
	log_capture(m, &log);
	assert_int_equal(write_sectors(m, 0, data, sizeof(data)), VIRTIO_BLK_S_OK);
	assert_int_equal(read_sectors(m, 0, data, sizeof(data)), VIRTIO_BLK_S_OK);
	refuse.short_by = 1;
	assert_int_equal(write_sectors(m, 0, data, sizeof(data)), VIRTIO_BLK_S_IOERR);
	refuse.short_by = sizeof(data) + EIO; /* an error of the disk, which comes at the end */
	assert_int_equal(write_sectors(m, 0, data, sizeof(data)), VIRTIO_BLK_S_IOERR);
	refuse.short_by = 0;
	log_release(m, &log);
	/* And nothing about those that went well. */
	assert_string_equal(log.said,
			    "tinyvmm: virtio-blk a-serial-of-20-chars: the host's disk took "
			    "1023 of the 1024 bytes of a write; look whether its file "
			    "system is full\n"
			    "tinyvmm: virtio-blk a-serial-of-20-chars: the host's disk fails "
			    "a request: Input/output error\n");
}

/* The user can raise one of the limits, and the message says how. */
static void a_device_that_cannot_start_says_why(void **state)
{
	static const struct {
		int error;
		bool advice;
		const char *says;
	} cases[] = {
		{-EAGAIN, true, "cannot start: Resource temporarily unavailable"},
		{-ENOMEM, false, "cannot start: Cannot allocate memory"},
		{-ENOSYS, false, "cannot start: Function not implemented"},
	};
	struct machine *m = *state;

	assert_true(plug(m, m->image.path, false, DISK_CACHE_WRITEBACK));
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct captured_log log;

		log_capture(m, &log);
		refuse.setup_error = cases[i].error;
		assert_false(fake_handshake(&m->g, ALL, 16));
		assert_true(fake_status(&m->g) & VIRTIO_STATUS_NEEDS_RESET);
		log_release(m, &log);
		assert_non_null(strstr(log.said, cases[i].says));
		assert_int_equal(strstr(log.said, "sysctl fs.aio-max-nr=1048576") != NULL,
				 cases[i].advice);
	}
	refuse.setup_error = 0;
	assert_true(fake_handshake(&m->g, ALL, 16));
	fake_guest_run_io(&m->g);
	assert_alive(m);
}

/* 2.7.10: while there is no room for more, the driver need not ring. */
static void the_driver_is_asked_to_be_quiet_while_there_is_no_room(void **state)
{
	struct request r = request(VIRTIO_BLK_T_IN, 0);
	struct fake_buf part[19];
	struct machine *m = *state;
	struct fake_vq *vq = &m->g.vq[0];
	uint32_t written;
	uint16_t head;

	assert_int_equal(truncate(m->image.path, 64ll << 20), 0);
	assert_true(plug(m, m->image.path, false, DISK_CACHE_WRITEBACK));
	assert_true(fake_handshake(&m->g, ALL & ~FEATURE(VIRTIO_F_EVENT_IDX), 64));
	part[0] = fake_out(&m->g, &r.header, sizeof(r.header));
	part[1] = fake_in(&m->g, 1 << 20);
	for (unsigned int i = 2; i < 17; i++)
		part[i] = part[1];
	part[17] = fake_in(&m->g, 1);
	fake_add(vq, part, 18);
	assert_int_equal(fake_get16(&m->g, vq->used), 0);
	fake_kick(vq);
	assert_int_equal(fake_get16(&m->g, vq->used), VIRTQ_USED_F_NO_NOTIFY);
	fake_guest_run_io(&m->g);
	assert_true(fake_wait(vq, &head, &written));
	assert_alive(m);
	for (int ms = 0; ms < FAKE_WAIT_MS && fake_get16(&m->g, vq->used) != 0; ms++)
		fake_nap();
	assert_int_equal(fake_get16(&m->g, vq->used), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		blk_test(a_range_that_the_host_refuses_is_not_done),
		blk_test(the_host_is_asked_for_what_the_driver_asked_for),
		blk_test(discard_and_write_zeroes_are_negotiated_one_by_one),
		blk_test(no_memory_to_bounce_in_is_an_io_error),
		blk_test(a_short_write_is_an_io_error_that_says_so),
		blk_test(a_device_that_cannot_start_says_why),
		blk_test(the_driver_is_asked_to_be_quiet_while_there_is_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
