/* SPDX-License-Identifier: MIT */
/*
 * How much virtio-blk does at a time: bounce buffers, requests of gigabytes, and the turn after
 * which the event loop comes to the other devices and to the end of the run.
 */
#include "tests/unit/blk_fixture.h"

/* A read of `nr` times the same `len` bytes; returns where the status goes. */
static gpa_t add_large_read(struct machine *m, gpa_t buffer, uint32_t len, unsigned int nr)
{
	struct request r = request(VIRTIO_BLK_T_IN, 0);
	struct fake_buf part[VIRTQ_MAX_SIZE];
	unsigned int i;

	part[0] = fake_out(&m->g, &r.header, sizeof(r.header));
	for (i = 1; i <= nr; i++)
		part[i] = (struct fake_buf){buffer, len, true};
	part[i] = fake_in(&m->g, 1);
	assert_int_equal(gmem_fill(&m->g.mem, part[i].at, POISON, 1), 0);
	fake_add_indirect(&m->g.vq[0], part, nr + 2);
	return part[i].at;
}

static void wait_for_all(struct machine *m, unsigned int nr)
{
	uint16_t head;
	uint32_t written;

	for (unsigned int i = 0; i < nr; i++)
		assert_true(fake_wait(&m->g.vq[0], &head, &written));
}

/* ---- bounce buffers ---- */

#define MIB (1u << 20)

/* BLK_BOUNCE_MAX_BYTES is 16 MiB, for all requests together. */
static void bouncing_is_bounded_and_waits_its_turn(void **state)
{
	static const struct {
		unsigned int mib[3]; /* of the requests in one kick */
		long taken;	     /* how many fit into the limit at once */
		uint8_t status[3];
	} cases[] = {
		{{16}, 1, {VIRTIO_BLK_S_OK}}, /* exactly the limit */
		{{17}, 0, {VIRTIO_BLK_S_IOERR}},
		{{12, 4}, 2, {VIRTIO_BLK_S_OK, VIRTIO_BLK_S_OK}},
		{{12, 5}, 1, {VIRTIO_BLK_S_OK, VIRTIO_BLK_S_OK}},
		{{20, 12, 12}, 1, {VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_OK, VIRTIO_BLK_S_OK}},
	};
	struct machine *m = *state;

	assert_int_equal(truncate(m->image.path, 64 * MIB), 0);
	for (size_t c = 0; c < NR_OF(cases); c++) {
		gpa_t buffer, status[3];
		unsigned int nr = 0;

		if (!plug(m, m->image.path, false, DISK_CACHE_NONE))
			skip();
		assert_true(fake_handshake(&m->g, ALL, 64));
		buffer = gpa_add(fake_alloc(&m->g, MIB + 4096, 4096), 1);
		for (; nr < 3 && cases[c].mib[nr] != 0; nr++)
			status[nr] = add_large_read(m, buffer, MIB, cases[c].mib[nr]);
		aio.taken = 0;
		fake_kick(&m->g.vq[0]);
		assert_int_equal(aio.taken, cases[c].taken);
		fake_guest_run_io(&m->g);
		wait_for_all(m, nr);
		for (unsigned int i = 0; i < nr; i++)
			assert_int_equal(byte_at(m, status[i], 0), cases[c].status[i]);
		assert_alive(m);
		fake_guest_fini(&m->g);
		disk_close(&m->disk);
		m->disk.fd = -1;
	}
}

/* A reset gives back the memory of requests that the kernel has not taken yet. */
static void a_reset_releases_requests_that_were_never_submitted(void **state)
{
	struct machine *m = *state;
	gpa_t buffer, status[2];

	assert_int_equal(truncate(m->image.path, 64 * MIB), 0);
	if (!plug(m, m->image.path, false, DISK_CACHE_NONE))
		skip();
	for (unsigned int life = 0; life < 3; life++) {
		assert_true(fake_handshake(&m->g, ALL, 64));
		buffer = gpa_add(fake_alloc(&m->g, MIB + 4096, 4096), 1);
		for (size_t i = 0; i < NR_OF(status); i++)
			status[i] = add_large_read(m, buffer, MIB, 8);
		aio.calls = 0;
		aio.taken = 0;
		aio.at_most = life < 2 ? 1 : 0;
		aio.refuse[1] = life < 2 ? -EAGAIN : 0; /* the second one is left pending */
		fake_kick(&m->g.vq[0]);
		assert_int_equal(aio.taken, life < 2 ? 1 : 2);
		if (life < 2)
			fake_write32(&m->g, VIRTIO_MMIO_STATUS, 0);
	}
	fake_guest_run_io(&m->g);
	wait_for_all(m, NR_OF(status));
	for (size_t i = 0; i < NR_OF(status); i++)
		assert_int_equal(byte_at(m, status[i], 0), VIRTIO_BLK_S_OK);
}

/*
 * What waits in the ring for room to bounce waits for a completion. Where the kernel refuses all
 * that was to complete, there is none, and the rest must not wait for the driver's next kick.
 */
static void refused_requests_make_room_for_those_that_wait(void **state)
{
	struct machine *m = *state;
	struct request r = request(VIRTIO_BLK_T_IN, 0);
	struct fake_vq *vq = &m->g.vq[0];
	gpa_t at;

	if (!plug(m, m->image.path, false, DISK_CACHE_NONE))
		skip();
	assert_true(fake_handshake(&m->g, ALL, 256));
	aio.refuse_opcode = IO_CMD_PREADV;
	aio.refuse_with = -EBADF;
	r.room = SECTORS * IMAGE_SECTOR;
	r.piece = 4097; /* what O_DIRECT does not take */
	at = add(m, &r);
	for (int i = 1; i < 256; i++)
		fake_put_head(vq, 0);
	assert_true(256 * r.room > BLK_BOUNCE_MAX_BYTES);
	fake_kick(vq);
	fake_guest_run_io(&m->g);
	for (int ms = 0; ms < FAKE_WAIT_MS && fake_used(vq) < 256; ms++)
		fake_nap();
	assert_int_equal(fake_used(vq), 256);
	assert_int_equal(byte_at(m, at, r.room), VIRTIO_BLK_S_IOERR);
}

/* ---- pieces ---- */

/* More bytes than Linux moves in one system call, and cut where no piece ends. */
static void a_request_of_gigabytes_is_served_in_pieces(void **state)
{
	static const struct {
		uint32_t len; /* of each of its buffers, */
		unsigned int nr;
	} cases[] = {{9 * MIB, 229}, {3 * MIB + 512, 11}, {8 * MIB, 2}, {12 * MIB, 2}};
	static const enum disk_cache cache[] = {DISK_CACHE_WRITEBACK, DISK_CACHE_NONE};
	struct machine *m = *state;
	gpa_t buffer, status;
	uint16_t head;
	uint32_t written;

	for (size_t c = 0; c < NR_OF(cases) * NR_OF(cache); c++) {
		uint64_t bytes = (uint64_t)cases[c / 2].len * cases[c / 2].nr;

		if (bytes > 1u << 30 && c % 2 == 0)
			continue; /* that would fill the page cache with a hole */
		assert_int_equal(truncate(m->image.path, 4ll << 30), 0);
		if (!plug(m, m->image.path, false, cache[c % 2]))
			skip();
		assert_true(fake_handshake(&m->g, ALL, 256));
		fake_guest_run_io(&m->g);
		buffer = fake_alloc(&m->g, cases[c / 2].len, 4096);
		memset(&aio, 0, sizeof(aio));
		status = add_large_read(m, buffer, cases[c / 2].len, cases[c / 2].nr);
		fake_kick(&m->g.vq[0]);
		assert_true(fake_wait(&m->g.vq[0], &head, &written));
		assert_int_equal(byte_at(m, status, 0), VIRTIO_BLK_S_OK);
		assert_int_equal(written, bytes + 1);
		assert_int_equal(aio.bytes, bytes);
		assert_true(aio.largest <= BLK_PIECE_MAX_BYTES);
		assert_int_equal(aio.taken,
				 (bytes + BLK_PIECE_MAX_BYTES - 1) / BLK_PIECE_MAX_BYTES);
		fake_guest_fini(&m->g);
		disk_close(&m->disk);
		m->disk.fd = -1;
	}
}

/* Each byte of every piece goes where it belongs, in both directions. */
static void pieces_do_not_mix(void **state)
{
	const uint32_t len = 3 * MIB + 512; /* 11 of them: two pieces and a bit */
	const unsigned int nr = 3, times = 11;
	struct request r = request(VIRTIO_BLK_T_OUT, 0);
	struct machine *m = *state;
	struct fake_buf part[16];
	uint8_t sector[IMAGE_SECTOR], got[IMAGE_SECTOR];
	gpa_t status;

	assert_int_equal(truncate(m->image.path, 64 * MIB), 0);
	assert_true(plug(m, m->image.path, false, DISK_CACHE_WRITEBACK));
	assert_true(fake_handshake(&m->g, ALL, 64));
	fake_guest_run_io(&m->g);
	part[0] = fake_out(&m->g, &r.header, sizeof(r.header));
	for (unsigned int i = 0; i < nr; i++) {
		gpa_t at = fake_alloc(&m->g, len, 4096);

		for (uint32_t s = 0; s < len / IMAGE_SECTOR; s++) {
			image_pattern(i * 1000000 + s, sector);
			fake_put(&m->g, gpa_add(at, s * IMAGE_SECTOR), sector, sizeof(sector));
		}
		for (unsigned int j = i; j < times; j += nr)
			part[1 + j] = (struct fake_buf){at, len, false};
	}
	part[1 + times] = fake_in(&m->g, 1);
	status = part[1 + times].at;
	fake_add_indirect(&m->g.vq[0], part, times + 2);
	fake_kick(&m->g.vq[0]);
	wait_for_all(m, 1);
	assert_int_equal(byte_at(m, status, 0), VIRTIO_BLK_S_OK);
	assert_true(aio.taken > 2);
	for (uint64_t s = 0; s < times * (len / IMAGE_SECTOR); s++) {
		uint64_t buffer = s / (len / IMAGE_SECTOR);

		image_pattern(buffer % nr * 1000000 + s % (len / IMAGE_SECTOR), sector);
		image_read(m->image.path, s * IMAGE_SECTOR, got, sizeof(got));
		assert_memory_equal(got, sector, sizeof(got));
	}
}

/* A piece that fails ends the request; those before it are counted as written. */
static void a_request_fails_with_one_of_its_pieces(void **state)
{
	struct machine *m = *state;
	gpa_t buffer, status;
	uint16_t head;
	uint32_t written;

	assert_int_equal(truncate(m->image.path, 64 * MIB), 0);
	start(m, ALL);
	assert_int_equal(truncate(m->image.path, 20 * MIB), 0);
	buffer = fake_alloc(&m->g, 8 * MIB, 4096);
	status = add_large_read(m, buffer, 8 * MIB, 8);
	fake_kick(&m->g.vq[0]);
	assert_true(fake_wait(&m->g.vq[0], &head, &written));
	assert_int_equal(byte_at(m, status, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(written, 20 * MIB + 1);
	assert_int_equal(aio.taken, 2);
	assert_alive(m);
}

/* 2.4.1: the pieces that are left do not outlive a reset. */
static void a_reset_ends_a_request_between_its_pieces(void **state)
{
	struct machine *m = *state;
	gpa_t buffer;

	assert_int_equal(truncate(m->image.path, 64 * MIB), 0);
	assert_true(plug(m, m->image.path, false, DISK_CACHE_WRITEBACK));
	assert_true(fake_handshake(&m->g, ALL, 64));
	buffer = fake_alloc(&m->g, 8 * MIB, 4096);
	(void)add_large_read(m, buffer, 8 * MIB, 8);
	fake_kick(&m->g.vq[0]);
	assert_int_equal(aio.taken, 1);
	fake_write32(&m->g, VIRTIO_MMIO_STATUS, 0);
	assert_true(fake_handshake(&m->g, ALL, 64));
	fake_guest_run_io(&m->g);
	assert_alive(m);
	assert_int_equal(aio.taken, 2);
}

/* ---- turns ---- */

struct onlooker {
	struct ev_source source;
	struct machine *m;
	int used; /* requests answered when it had its turn; -1 before that */
};

static void look(void *ctx, uint32_t epoll_events)
{
	struct onlooker *onlooker = ctx;

	(void)epoll_events;
	evloop_remove(onlooker->m->g.env.loop, &onlooker->source);
	onlooker->used = fake_used(&onlooker->m->g.vq[0]);
}

/* As the signal that ends the run: another source of the event loop, ready from the start. */
static void add_onlooker(struct machine *m, struct onlooker *onlooker)
{
	*onlooker = (struct onlooker){
		.source = {.fd = eventfd(1, EFD_CLOEXEC), .ready = look, .ctx = onlooker},
		.m = m,
		.used = -1,
	};
	assert_int_equal(evloop_add(m->g.env.loop, &onlooker->source, EPOLLIN), 0);
}

/* Half a gigabyte in one doorbell: other sources of the event loop do not wait for all of it. */
static void a_turn_is_bounded_in_bytes(void **state)
{
	const unsigned int requests = 8;
	struct machine *m = *state;
	struct onlooker onlooker;
	gpa_t buffer, status[8];

	assert_int_equal(truncate(m->image.path, 64 * MIB), 0);
	assert_true(plug(m, m->image.path, false, DISK_CACHE_WRITEBACK));
	assert_true(fake_handshake(&m->g, ALL, 64));
	buffer = fake_alloc(&m->g, 8 * MIB, 4096);
	for (unsigned int i = 0; i < requests; i++)
		status[i] = add_large_read(m, buffer, 8 * MIB, 8);
	fake_kick(&m->g.vq[0]);
	assert_int_equal(aio.bytes, BLK_PIECE_MAX_BYTES);
	add_onlooker(m, &onlooker);
	fake_guest_run_io(&m->g);
	wait_for_all(m, requests);
	for (unsigned int i = 0; i < requests; i++)
		assert_int_equal(byte_at(m, status[i], 0), VIRTIO_BLK_S_OK);
	assert_int_equal(aio.bytes, requests * 64ull * MIB);
	fake_guest_fini(&m->g);
	assert_in_range(onlooker.used, 0, 1);
	close(onlooker.source.fd);
	disk_close(&m->disk);
	m->disk.fd = -1;
}

/* What is in flight is bounded as well: a reset, and the end of the run, wait for all of it. */
static void small_requests_are_bounded_in_bytes_too(void **state)
{
	struct machine *m = *state;
	gpa_t buffer;

	assert_int_equal(truncate(m->image.path, 64 * MIB), 0);
	if (!plug(m, m->image.path, false, DISK_CACHE_NONE))
		skip();
	assert_true(fake_handshake(&m->g, ALL, 64));
	buffer = fake_alloc(&m->g, MIB, 4096);
	for (unsigned int i = 0; i < 40; i++)
		(void)add_large_read(m, buffer, MIB, 1);
	fake_kick(&m->g.vq[0]);
	assert_int_equal(aio.taken, 16);
	fake_guest_run_io(&m->g);
	wait_for_all(m, 40);
	assert_alive(m);
}

/*
 * Zeroes are written while the I/O thread waits, for up to 32 MiB: after each such request
 * it looks after the other devices, and the signals that end a run.
 */
static void a_request_that_waits_for_the_disk_ends_the_turn(void **state)
{
	struct virtio_blk_discard_write_zeroes range = {.num_sectors = htole32(8)};
	struct machine *m = *state;
	struct request r = request(VIRTIO_BLK_T_WRITE_ZEROES, 0);
	struct fake_vq *vq = &m->g.vq[0];

	assert_true(plug(m, m->image.path, false, DISK_CACHE_WRITEBACK));
	assert_true(fake_handshake(&m->g, ALL, 64));
	r.data = &range;
	r.data_len = sizeof(range);
	for (int i = 0; i < 8; i++)
		add(m, &r);
	fake_kick(vq);
	assert_int_equal(fake_used(vq), 1);
	fake_guest_run_io(&m->g);
	for (int ms = 0; ms < FAKE_WAIT_MS && fake_used(vq) < 8; ms++)
		fake_nap();
	assert_int_equal(fake_used(vq), 8);
}

/* 5.2.6.2: so it is with writes that are stable when they complete, if the page cache is between.
 */
static void a_write_that_is_made_stable_at_once_ends_the_turn(void **state)
{
	static const struct {
		enum disk_cache cache;
		uint64_t features;
		long taken;
	} cases[] = {
		{DISK_CACHE_WRITEBACK, ALL & ~FEATURE(VIRTIO_BLK_F_FLUSH), 1},
		{DISK_CACHE_WRITEBACK, ALL, 8},
		{DISK_CACHE_NONE, ALL & ~FEATURE(VIRTIO_BLK_F_FLUSH), 8},
	};
	struct machine *m = *state;
	uint8_t data[4096] = {0};

	for (size_t c = 0; c < NR_OF(cases); c++) {
		struct request r = request(VIRTIO_BLK_T_OUT, 0);

		if (!plug(m, m->image.path, false, cases[c].cache))
			skip();
		assert_true(fake_handshake(&m->g, cases[c].features, 64));
		r.data = data;
		r.data_len = sizeof(data);
		for (int i = 0; i < 8; i++)
			add(m, &r);
		aio.taken = 0;
		fake_kick(&m->g.vq[0]);
		assert_int_equal(aio.taken, cases[c].taken);
		fake_guest_run_io(&m->g);
		wait_for_all(m, 8);
		fake_guest_fini(&m->g);
		disk_close(&m->disk);
		m->disk.fd = -1;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		blk_test(bouncing_is_bounded_and_waits_its_turn),
		blk_test(a_reset_releases_requests_that_were_never_submitted),
		blk_test(refused_requests_make_room_for_those_that_wait),
		blk_test(a_request_of_gigabytes_is_served_in_pieces),
		blk_test(pieces_do_not_mix),
		blk_test(a_request_fails_with_one_of_its_pieces),
		blk_test(a_reset_ends_a_request_between_its_pieces),
		blk_test(a_turn_is_bounded_in_bytes),
		blk_test(small_requests_are_bounded_in_bytes_too),
		blk_test(a_request_that_waits_for_the_disk_ends_the_turn),
		blk_test(a_write_that_is_made_stable_at_once_ends_the_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
