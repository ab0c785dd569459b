/* SPDX-License-Identifier: MIT */
/* The limits of what one disk has in hand: memory to bounce in, and slots. */
#include "tests/unit/blk_fixture.h"

#define MIB (1u << 20)

/* A disk of 64 MiB that takes whole, aligned blocks only, and a driver. False: not possible here.
 */
static bool start_direct(struct machine *m)
{
	assert_int_equal(truncate(m->image.path, 64 * MIB), 0);
	if (!plug(m, m->image.path, false, DISK_CACHE_NONE))
		return false;
	assert_true(fake_handshake(&m->g, ALL, 64));
	return true;
}

/* A read of `len` bytes into the same misaligned 4 MiB over and over; where its status goes. */
static gpa_t add_misaligned_read(struct machine *m, gpa_t buffer, size_t len)
{
	struct request r = request(VIRTIO_BLK_T_IN, 0);
	struct fake_buf part[16];
	unsigned int nr = 0;

	part[nr++] = fake_out(&m->g, &r.header, sizeof(r.header));
	while (len > 0) {
		uint32_t piece = len < 4 * MIB ? (uint32_t)len : 4 * MIB;

		part[nr++] = (struct fake_buf){gpa_add(buffer, 1), piece, true};
		len -= piece;
	}
	part[nr] = fake_in(&m->g, 1);
	fake_add(&m->g.vq[0], part, nr + 1);
	return part[nr].at;
}

static void wait_for(struct machine *m, unsigned int nr)
{
	uint16_t head;
	uint32_t written;

	while (nr-- > 0)
		assert_true(fake_wait(&m->g.vq[0], &head, &written));
}

static void a_request_of_just_the_room_is_served_and_a_sector_more_is_not(void **state)
{
	static const struct {
		size_t len;
		uint8_t status;
	} cases[] = {
		{BLK_BOUNCE_MAX_BYTES - IMAGE_SECTOR, VIRTIO_BLK_S_OK},
		{BLK_BOUNCE_MAX_BYTES, VIRTIO_BLK_S_OK},
		{BLK_BOUNCE_MAX_BYTES + IMAGE_SECTOR, VIRTIO_BLK_S_IOERR},
	};
	struct machine *m = *state;
	gpa_t buffer;

	if (!start_direct(m))
		skip();
	fake_guest_run_io(&m->g);
	buffer = fake_alloc(&m->g, 4 * MIB + 4096, 4096);
	for (size_t i = 0; i < NR_OF(cases); i++) {
		gpa_t status = add_misaligned_read(m, buffer, cases[i].len);

		fake_kick(&m->g.vq[0]);
		wait_for(m, 1);
		assert_int_equal(byte_at(m, status, 0), cases[i].status);
	}
}

static void requests_that_fill_the_room_together_go_together(void **state)
{
	struct machine *m = *state;
	gpa_t buffer;

	if (!start_direct(m))
		skip();
	buffer = fake_alloc(&m->g, 4 * MIB + 4096, 4096);
	add_misaligned_read(m, buffer, BLK_BOUNCE_MAX_BYTES - 4 * MIB);
	add_misaligned_read(m, buffer, 4 * MIB);
	add_misaligned_read(m, buffer, IMAGE_SECTOR);
	fake_kick(&m->g.vq[0]);
	assert_int_equal(aio.taken, 2); /* the third waits */
	fake_guest_run_io(&m->g);
	wait_for(m, 3);
	assert_int_equal(aio.taken, 3);
}

/* One request is with the kernel and one is not yet, when the driver resets the device. */
static void a_reset_gives_back_what_pending_requests_have(void **state)
{
	struct machine *m = *state;
	gpa_t buffer, status;

	if (!start_direct(m))
		skip();
	buffer = fake_alloc(&m->g, 4 * MIB + 4096, 4096);
	for (unsigned int life = 0; life < 3; life++) {
		aio.calls = 0;
		aio.at_most = 1;
		aio.refuse[1] = -EAGAIN;
		aio.taken = 0;
		add_misaligned_read(m, buffer, 4 * MIB);
		add_misaligned_read(m, buffer, 12 * MIB);
		fake_kick(&m->g.vq[0]);
		assert_int_equal(aio.taken, 1);
		assert_true(fake_handshake(&m->g, ALL, 64));
	}
	memset(&aio, 0, sizeof(aio));
	fake_guest_run_io(&m->g);
	status = add_misaligned_read(m, buffer, BLK_BOUNCE_MAX_BYTES);
	fake_kick(&m->g.vq[0]);
	wait_for(m, 1);
	assert_int_equal(byte_at(m, status, 0), VIRTIO_BLK_S_OK);
}

/* The driver kicks again and again while there is no room; each look gives back what it took. */
static void waiting_for_room_costs_no_slot(void **state)
{
	struct machine *m = *state;
	gpa_t buffer, status;

	if (!start_direct(m))
		skip();
	buffer = fake_alloc(&m->g, 4 * MIB + 4096, 4096);
	add_misaligned_read(m, buffer, BLK_BOUNCE_MAX_BYTES);
	status = add_misaligned_read(m, buffer, BLK_BOUNCE_MAX_BYTES);
	for (int i = 0; i < 2 * VIRTQ_MAX_SIZE; i++)
		fake_kick(&m->g.vq[0]);
	assert_int_equal(aio.taken, 1);
	fake_guest_run_io(&m->g);
	wait_for(m, 2);
	assert_int_equal(byte_at(m, status, 0), VIRTIO_BLK_S_OK);
}

static void a_whole_ring_of_requests_is_in_flight_at_once(void **state)
{
	struct machine *m = *state;
	struct request r = request(VIRTIO_BLK_T_IN, 0);
	gpa_t at[VIRTQ_MAX_SIZE];

	assert_true(plug(m, m->image.path, false, DISK_CACHE_WRITEBACK));
	assert_true(fake_handshake(&m->g, ALL, VIRTQ_MAX_SIZE));
	r.room = IMAGE_SECTOR;
	r.indirect = true;
	for (size_t i = 0; i < NR_OF(at); i++) {
		r.header.sector = htole64(i % SECTORS);
		at[i] = add(m, &r);
	}
	fake_kick(&m->g.vq[0]);
	assert_int_equal(aio.taken, NR_OF(at));
	fake_guest_run_io(&m->g);
	wait_for(m, NR_OF(at));
	for (size_t i = 0; i < NR_OF(at); i++) {
		uint8_t want[IMAGE_SECTOR];

		image_pattern(i % SECTORS, want);
		assert_int_equal(byte_at(m, at[i], 0), want[0]);
		assert_int_equal(byte_at(m, at[i], IMAGE_SECTOR), VIRTIO_BLK_S_OK);
	}
}

/* The host's user hears of a disk that fails, and not of a kernel that is asked another way. */
static void only_a_disk_that_fails_is_told(void **state)
{
	static const struct {
		short opcode;
		int refuse_with;
		const char *said;
	} cases[] = {
		{IO_CMD_PREADV, -EBADF, "the host's disk fails a request: Bad file descriptor\n"},
		{IO_CMD_FDSYNC, -EINVAL, NULL},
	};
	struct machine *m = *state;

	start(m, ALL);
	for (size_t i = 0; i < NR_OF(cases); i++) {
		bool reads = cases[i].opcode == IO_CMD_PREADV;
		uint8_t data[IMAGE_SECTOR];
		struct log_output output;
		FILE *log = tmpfile();
		char said[256] = "";

		assert_non_null(log);
		log_output_open(&output, fileno(log));
		m->g.log = (struct log){.level = LOG_WARN, .output = &output};
		aio.refuse_opcode = cases[i].opcode;
		aio.refuse_with = cases[i].refuse_with;
		assert_int_equal(reads ? read_sectors(m, 0, data, sizeof(data)) : flush(m),
				 reads ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK);
		m->g.log.output = NULL;
		log_output_close(&output);
		assert_true(pread(fileno(log), said, sizeof(said) - 1, 0) >= 0);
		if (cases[i].said != NULL)
			assert_non_null(strstr(said, cases[i].said));
		else
			assert_string_equal(said, "");
		fclose(log);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		blk_test(a_request_of_just_the_room_is_served_and_a_sector_more_is_not),
		blk_test(requests_that_fill_the_room_together_go_together),
		blk_test(a_reset_gives_back_what_pending_requests_have),
		blk_test(waiting_for_room_costs_no_slot),
		blk_test(a_whole_ring_of_requests_is_in_flight_at_once),
		blk_test(only_a_disk_that_fails_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
