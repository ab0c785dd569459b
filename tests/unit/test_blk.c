/* SPDX-License-Identifier: MIT */
/*
 * virtio-blk (virtio 1.2, section 5.2) as a driver sees it: what the device says about itself, and
 * what each request does, however it is cut and whatever it asks for.
 */
#include "tests/unit/blk_fixture.h"

/* ---- what the device says about itself ---- */

static struct virtio_blk_config read_config(struct machine *m)
{
	struct virtio_blk_config config;
	uint8_t *bytes = (uint8_t *)&config;

	for (size_t i = 0; i < sizeof(config); i++)
		bus_read(&m->g.mmio, FAKE_SLOT + VIRTIO_MMIO_CONFIG + i, bytes + i, 1, 1);
	return config;
}

static void config_describes_the_disk(void **state)
{
	struct machine *m = *state;
	struct virtio_blk_config config;

	assert_true(plug(m, m->image.path, false, DISK_CACHE_WRITEBACK));
	config = read_config(m);
	assert_int_equal(fake_read32(&m->g, VIRTIO_MMIO_DEVICE_ID), 2);
	assert_int_equal(le64toh(config.capacity), SECTORS);
	assert_int_equal(le32toh(config.blk_size), 512);
	assert_int_equal(le32toh(config.seg_max), VIRTQ_MAX_SIZE - 2);
	assert_int_equal(512u << config.physical_block_exp, m->disk.physical_bytes);
	assert_int_equal(le16toh(config.min_io_size) * 512u, m->disk.physical_bytes);
	assert_int_equal(config.alignment_offset, 0);
	if (m->disk.can_discard) {
		assert_int_equal(le32toh(config.max_discard_seg), 1);
		assert_int_equal(le32toh(config.max_discard_sectors), BLK_MAX_DISCARD_SECTORS);
		assert_true(le32toh(config.discard_sector_alignment) >= 1);
	}
	assert_int_equal(le32toh(config.max_write_zeroes_seg), 1);
	assert_int_equal(le32toh(config.max_write_zeroes_sectors), BLK_MAX_WRITE_ZEROES_SECTORS);
}

static void offers_what_the_disk_can_do(void **state)
{
	const uint64_t always = FEATURE(VIRTIO_BLK_F_SEG_MAX) | FEATURE(VIRTIO_BLK_F_BLK_SIZE) |
				FEATURE(VIRTIO_BLK_F_TOPOLOGY) | FEATURE(VIRTIO_BLK_F_FLUSH);
	const uint64_t writing = FEATURE(VIRTIO_BLK_F_DISCARD) | FEATURE(VIRTIO_BLK_F_WRITE_ZEROES);
	struct machine *m = *state;
	uint64_t offered;

	assert_true(plug(m, m->image.path, false, DISK_CACHE_WRITEBACK));
	offered = fake_offered(&m->g);
	assert_int_equal(offered & always, always);
	assert_int_equal(offered & FEATURE(VIRTIO_BLK_F_RO), 0);
	assert_int_equal((offered & FEATURE(VIRTIO_BLK_F_DISCARD)) != 0, m->disk.can_discard);
	assert_true(offered & FEATURE(VIRTIO_BLK_F_WRITE_ZEROES));
	fake_guest_fini(&m->g);
	disk_close(&m->disk);

	assert_true(plug(m, m->image.path, true, DISK_CACHE_WRITEBACK));
	offered = fake_offered(&m->g);
	assert_int_equal(offered & always, always);
	assert_true(offered & FEATURE(VIRTIO_BLK_F_RO));
	assert_int_equal(offered & writing, 0);
}

static void gives_its_id(void **state)
{
	static const size_t room[] = {20, 7, 0, 64};
	struct machine *m = *state;
	uint32_t written;
	uint8_t id[64];

	start(m, ALL);
	for (size_t i = 0; i < NR_OF(room); i++) {
		struct request r = request(VIRTIO_BLK_T_GET_ID, 0);
		size_t len = room[i] < 20 ? room[i] : 20;

		r.room = room[i];
		r.piece = 3; /* 2.7.4: cut as the driver likes */
		assert_int_equal(run_written(m, &r, id, &written), VIRTIO_BLK_S_OK);
		assert_int_equal(written, len + 1);
		assert_memory_equal(id, "a-serial-of-20-chars", len);
		for (size_t j = len; j < room[i]; j++)
			assert_int_equal(id[j], POISON);
	}
}

/* ---- reads and writes ---- */

/* 2.7.4: whatever the cut, direct or indirect, through the page cache or not. */
static void transfers_do_not_depend_on_the_cut(struct machine *m, enum disk_cache cache)
{
	static const uint32_t piece[] = {0, 4096, 1024, 1000, 513, 512, 511, 100, 17, 9};
	uint8_t data[1024], got[1024];

	if (!plug(m, m->image.path, false, cache))
		skip();
	assert_true(fake_handshake(&m->g, ALL, 256));
	fake_guest_run_io(&m->g);
	for (unsigned int i = 0; i < 2 * NR_OF(piece); i++) {
		struct request r = request(VIRTIO_BLK_T_OUT, 8 + 2 * i);

		memset(data, (int)i + 1, sizeof(data));
		r.piece = piece[i / 2];
		r.indirect = i % 2 != 0;
		r.data = data;
		r.data_len = sizeof(data);
		assert_int_equal(run(m, &r, NULL), VIRTIO_BLK_S_OK);
		image_read(m->image.path, (8 + 2 * i) * 512, got, sizeof(got));
		assert_memory_equal(got, data, sizeof(got));

		r.header.type = htole32(VIRTIO_BLK_T_IN);
		r.data_len = 0;
		r.room = sizeof(got);
		assert_int_equal(run(m, &r, got), VIRTIO_BLK_S_OK);
		assert_memory_equal(got, data, sizeof(got));
	}
	image_assert_untouched(m->image.path, 0, 8);
	image_assert_untouched(m->image.path, 8 + 4 * NR_OF(piece), SECTORS - 8 - 4 * NR_OF(piece));
}

static void buffered_transfers_do_not_depend_on_the_cut(void **state)
{
	transfers_do_not_depend_on_the_cut(*state, DISK_CACHE_WRITEBACK);
}

static void direct_transfers_do_not_depend_on_the_cut(void **state)
{
	transfers_do_not_depend_on_the_cut(*state, DISK_CACHE_NONE);
}

/* 5.2.6: the status is the last byte that the device may write, and the only one of a write. */
static void a_write_leaves_all_but_the_last_byte_alone(void **state)
{
	struct machine *m = *state;
	struct request r = request(VIRTIO_BLK_T_OUT, 1);
	uint8_t data[IMAGE_SECTOR] = {1};
	uint8_t spare[5];

	start(m, ALL);
	r.data = data;
	r.data_len = sizeof(data);
	r.room = sizeof(spare);
	r.piece = 3;
	assert_int_equal(run(m, &r, spare), VIRTIO_BLK_S_OK);
	for (size_t i = 0; i < sizeof(spare); i++)
		assert_int_equal(spare[i], POISON);
}

static void the_status_may_be_followed_by_empty_buffers(void **state)
{
	struct machine *m = *state;
	struct request flush_request = request(VIRTIO_BLK_T_FLUSH, 0);
	struct fake_buf buf[4];
	uint16_t head;
	uint32_t written;

	start(m, ALL);
	buf[0] = fake_out(&m->g, &flush_request.header, sizeof(flush_request.header));
	buf[1] = fake_in(&m->g, 1);
	assert_int_equal(gmem_fill(&m->g.mem, buf[1].at, POISON, 1), 0);
	buf[2] = buf[3] = (struct fake_buf){.device_writes = true};
	fake_add(&m->g.vq[0], buf, 4);
	fake_kick(&m->g.vq[0]);
	assert_true(fake_wait(&m->g.vq[0], &head, &written));
	assert_int_equal(byte_at(m, buf[1].at, 0), VIRTIO_BLK_S_OK);
}

/* 5.2.6.1: what a driver must not ask for is answered, touches nothing, and stops nothing. */
static void refuses_transfers_outside_the_disk(void **state)
{
	static const struct {
		uint64_t sector;
		size_t len;
		uint8_t status;
	} cases[] = {
		{SECTORS - 1, 512, VIRTIO_BLK_S_OK},
		{SECTORS - 2, 1024, VIRTIO_BLK_S_OK},
		{SECTORS - 1, 1024, VIRTIO_BLK_S_IOERR},
		{SECTORS, 512, VIRTIO_BLK_S_IOERR},
		{SECTORS + 1, 512, VIRTIO_BLK_S_IOERR},
		{UINT64_MAX, 512, VIRTIO_BLK_S_IOERR}, /* sector + 1 is 0 */
		{UINT64_MAX / 512, 512, VIRTIO_BLK_S_IOERR},
		{1ull << 55, 512, VIRTIO_BLK_S_IOERR},	     /* sector * 512 is 0 */
		{(1ull << 55) + 1, 512, VIRTIO_BLK_S_IOERR}, /* sector * 512 is 512 */
		{1ull << 63, 512, VIRTIO_BLK_S_IOERR},
		{0, 0, VIRTIO_BLK_S_IOERR},
		{0, 1, VIRTIO_BLK_S_IOERR},
		{0, 511, VIRTIO_BLK_S_IOERR},
		{0, 513, VIRTIO_BLK_S_IOERR},
		{SECTORS, 0, VIRTIO_BLK_S_IOERR},
	};
	struct machine *m = *state;
	uint8_t data[1024];

	start(m, ALL);
	for (size_t i = 0; i < NR_OF(cases); i++) {
		assert_int_equal(read_sectors(m, cases[i].sector, data, cases[i].len),
				 cases[i].status);
		for (size_t j = 0; cases[i].status != VIRTIO_BLK_S_OK && j < cases[i].len; j++)
			assert_int_equal(data[j], POISON);
		if (cases[i].status != VIRTIO_BLK_S_OK)
			assert_int_equal(write_sectors(m, cases[i].sector, data, cases[i].len),
					 cases[i].status);
	}
	image_assert_untouched(m->image.path, 0, SECTORS);
	assert_alive(m);
}

static void unknown_types_are_unsupported(void **state)
{
	static const uint32_t type[] = {2, 3, 5, 7, 10, 14, 15, 99, 0x80000000, UINT32_MAX};
	struct machine *m = *state;

	start(m, ALL);
	for (size_t i = 0; i < NR_OF(type); i++) {
		struct request r = request(type[i], 0);

		r.data = type;
		r.data_len = sizeof(type);
		r.room = 16;
		assert_int_equal(run(m, &r, NULL), VIRTIO_BLK_S_UNSUPP);
	}
	assert_alive(m);
}

/* 5.2.6.2: IOERR, and no data is written. */
static void a_read_only_disk_is_not_written(void **state)
{
	struct machine *m = *state;
	uint8_t data[IMAGE_SECTOR] = {0};

	assert_true(plug(m, m->image.path, true, DISK_CACHE_WRITEBACK));
	assert_true(fake_handshake(&m->g, ALL & ~FEATURE(VIRTIO_BLK_F_RO), 16));
	fake_guest_run_io(&m->g);
	assert_int_equal(write_sectors(m, 0, data, sizeof(data)), VIRTIO_BLK_S_IOERR);
	assert_int_equal(flush(m), VIRTIO_BLK_S_OK);
	image_assert_untouched(m->image.path, 0, SECTORS);
	assert_alive(m);
}

/* 2.7.8: `len` counts what the device has written, which a failed read does not do to the end. */
static void a_used_length_is_what_was_written(void **state)
{
	static const struct {
		uint64_t sector;
		uint32_t len, written; /* of 9 sectors in the file */
	} cases[] = {
		{7, 1024, 1025}, {8, 1024, 512 + 1}, {9, 1024, 1}, {200, 512, 1}, {SECTORS, 512, 1},
	};
	static const enum disk_cache cache[] = {DISK_CACHE_WRITEBACK, DISK_CACHE_NONE};
	struct machine *m = *state;
	uint32_t written;

	for (size_t c = 0; c < NR_OF(cache); c++) {
		assert_int_equal(truncate(m->image.path, SECTORS * IMAGE_SECTOR), 0);
		if (!plug(m, m->image.path, false, cache[c]))
			skip();
		assert_int_equal(truncate(m->image.path, 9 * IMAGE_SECTOR), 0);
		assert_true(fake_handshake(&m->g, ALL, 16));
		fake_guest_run_io(&m->g);
		for (size_t i = 0; i < NR_OF(cases); i++) {
			struct request r = request(VIRTIO_BLK_T_IN, cases[i].sector);

			r.room = cases[i].len;
			r.piece = cache[c] == DISK_CACHE_NONE ? 1000 : 0; /* bounced */
			(void)run_written(m, &r, NULL, &written);
			if (cache[c] == DISK_CACHE_NONE && written != cases[i].len + 1)
				assert_int_equal(written, 1); /* nothing reached the guest */
			else
				assert_int_equal(written, cases[i].written);
		}
		assert_alive(m);
		fake_guest_fini(&m->g);
		disk_close(&m->disk);
		m->disk.fd = -1;
	}
}

/* The host's user has to hear of it: the guest sees only a disk that fails. */
static void a_file_cut_short_under_the_disk_is_an_io_error(void **state)
{
	struct machine *m = *state;
	struct log_output output;
	FILE *log = tmpfile();
	char said[1024] = "";
	uint8_t data[1024];

	assert_non_null(log);
	start(m, ALL);
	log_output_open(&output, fileno(log));
	m->g.log = (struct log){.level = LOG_WARN, .output = &output};
	assert_int_equal(truncate(m->image.path, 9 * IMAGE_SECTOR), 0);
	assert_int_equal(read_sectors(m, 9, data, 512), VIRTIO_BLK_S_IOERR);
	assert_true(pread(fileno(log), said, sizeof(said) - 1, 0) > 0);
	assert_non_null(strstr(said, "shortened while in use; restore its size of 131072 bytes"));
	assert_int_equal(read_sectors(m, 8, data, 512), VIRTIO_BLK_S_OK);
	for (int i = 0; i < 100; i++)
		assert_int_equal(read_sectors(m, 9, data, 512), VIRTIO_BLK_S_IOERR);
	m->g.log.output = NULL;
	log_output_close(&output);
	assert_int_equal(fseek(log, 0, SEEK_END), 0);
	assert_true(ftell(log) < 100 * 60); /* limited */
	fclose(log);
}

/* A device of 4096-byte blocks says so, and serves nothing smaller with O_DIRECT. */
static void large_blocks_are_reported_and_kept(void **state)
{
	struct machine *m = *state;
	uint8_t data[4096], got[4096];
	struct request cut;
	struct loop loop;

	if (!loop_attach(&loop, &m->image, 4096))
		skip();
	assert_true(plug(m, loop.path, false, DISK_CACHE_NONE));
	assert_int_equal(le32toh(read_config(m).blk_size), 4096);
	assert_int_equal(le64toh(read_config(m).capacity), SECTORS); /* in 512 bytes always */
	assert_true(fake_handshake(&m->g, ALL, 256));
	fake_guest_run_io(&m->g);
	memset(data, 0x5a, sizeof(data));
	assert_int_equal(write_sectors(m, 8, data, sizeof(data)), VIRTIO_BLK_S_OK);
	assert_int_equal(read_sectors(m, 8, got, sizeof(got)), VIRTIO_BLK_S_OK);
	assert_memory_equal(got, data, sizeof(got));
	cut = request(VIRTIO_BLK_T_IN, 8); /* whole blocks, but not in whole buffers */
	cut.piece = 1000;
	cut.room = sizeof(got);
	memset(got, 0, sizeof(got));
	assert_int_equal(run(m, &cut, got), VIRTIO_BLK_S_OK);
	assert_memory_equal(got, data, sizeof(got));
	assert_int_equal(write_sectors(m, 16, data, 512), VIRTIO_BLK_S_IOERR);
	assert_int_equal(read_sectors(m, 17, got, 4096), VIRTIO_BLK_S_IOERR);
	image_assert_untouched(loop.path, 0, 8);
	image_assert_untouched(loop.path, 16, SECTORS - 16);
	loop_detach(&loop);
}

/* ---- discard and write-zeroes ---- */

static void discards_and_zeroes_ranges(void **state)
{
	static const struct range ranges[] = {
		{8, 16, 0}, {40, 1, 0}, {SECTORS - 1, 1, 0}, {7, 0, 0}, {SECTORS, 0, 0}};
	static const struct range unmap = {64, 32, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP};
	struct machine *m = *state;

	start(m, ALL);
	for (size_t i = 0; i < NR_OF(ranges); i++)
		assert_int_equal(run_ranges(m, VIRTIO_BLK_T_WRITE_ZEROES, &ranges[i], RANGE), 0);
	assert_int_equal(run_ranges(m, VIRTIO_BLK_T_WRITE_ZEROES, &unmap, RANGE), 0);
	image_assert_untouched(m->image.path, 0, 8);
	image_assert_zero(m->image.path, 8, 16);
	image_assert_untouched(m->image.path, 24, 16);
	image_assert_zero(m->image.path, 40, 1);
	image_assert_untouched(m->image.path, 41, 23);
	image_assert_zero(m->image.path, 64, 32);
	image_assert_untouched(m->image.path, 96, SECTORS - 97);
	image_assert_zero(m->image.path, SECTORS - 1, 1);
	if (!m->disk.can_discard)
		skip();
	for (size_t i = 0; i < NR_OF(ranges); i++)
		assert_int_equal(run_ranges(m, VIRTIO_BLK_T_DISCARD, &ranges[i], RANGE), 0);
	assert_alive(m);
}

static void refuses_bad_ranges_before_touching_anything(void **state)
{
	static const struct {
		uint32_t type;
		size_t bytes;
		struct range range[2];
		uint8_t status;
	} cases[] = {
		/* 5.2.6.2: flags that are unknown, or that make no sense */
		{VIRTIO_BLK_T_DISCARD, 16, {{0, 8, 1}}, VIRTIO_BLK_S_UNSUPP},
		{VIRTIO_BLK_T_DISCARD, 16, {{0, 8, 2}}, VIRTIO_BLK_S_UNSUPP},
		{VIRTIO_BLK_T_WRITE_ZEROES, 16, {{0, 8, 2}}, VIRTIO_BLK_S_UNSUPP},
		{VIRTIO_BLK_T_WRITE_ZEROES, 16, {{0, 8, 0x80000001}}, VIRTIO_BLK_S_UNSUPP},
		/* 5.2.6.1: no range, half a range, more than max_discard_seg and the like say */
		{VIRTIO_BLK_T_DISCARD, 0, {{0}}, VIRTIO_BLK_S_IOERR},
		{VIRTIO_BLK_T_DISCARD, 15, {{0, 8, 0}}, VIRTIO_BLK_S_IOERR},
		{VIRTIO_BLK_T_WRITE_ZEROES, 31, {{0, 8, 0}}, VIRTIO_BLK_S_IOERR},
		{VIRTIO_BLK_T_WRITE_ZEROES, 32, {{0, 8, 0}, {8, 8, 0}}, VIRTIO_BLK_S_IOERR},
		{VIRTIO_BLK_T_DISCARD, 32, {{0, 8, 0}, {8, 8, 0}}, VIRTIO_BLK_S_IOERR},
		/* ranges outside the disk, with sums that wrap */
		{VIRTIO_BLK_T_DISCARD, 16, {{SECTORS, 1, 0}}, VIRTIO_BLK_S_IOERR},
		{VIRTIO_BLK_T_DISCARD, 16, {{1, SECTORS, 0}}, VIRTIO_BLK_S_IOERR},
		{VIRTIO_BLK_T_DISCARD, 16, {{UINT64_MAX, 2, 0}}, VIRTIO_BLK_S_IOERR},
		{VIRTIO_BLK_T_WRITE_ZEROES, 16, {{1ull << 55, 1, 0}}, VIRTIO_BLK_S_IOERR},
		{VIRTIO_BLK_T_WRITE_ZEROES, 16, {{0, UINT32_MAX, 0}}, VIRTIO_BLK_S_IOERR},
	};
	struct machine *m = *state;

	start(m, ALL);
	if (!m->disk.can_discard)
		skip();
	for (size_t i = 0; i < NR_OF(cases); i++)
		assert_int_equal(run_ranges(m, cases[i].type, cases[i].range, cases[i].bytes),
				 cases[i].status);
	image_assert_untouched(m->image.path, 0, SECTORS);
	assert_alive(m);
}

static void limits_the_length_of_a_range(void **state)
{
	static const struct {
		uint32_t type, sectors;
		uint8_t status;
	} cases[] = {
		{VIRTIO_BLK_T_WRITE_ZEROES, BLK_MAX_WRITE_ZEROES_SECTORS, VIRTIO_BLK_S_OK},
		{VIRTIO_BLK_T_WRITE_ZEROES, BLK_MAX_WRITE_ZEROES_SECTORS + 1, VIRTIO_BLK_S_IOERR},
		{VIRTIO_BLK_T_DISCARD, BLK_MAX_DISCARD_SECTORS, VIRTIO_BLK_S_OK},
		{VIRTIO_BLK_T_DISCARD, BLK_MAX_DISCARD_SECTORS + 1, VIRTIO_BLK_S_IOERR},
	};
	struct machine *m = *state;

	assert_int_equal(truncate(m->image.path, 2ll << 30), 0);
	start(m, ALL);
	if (!m->disk.can_discard)
		skip();
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct range range = {SECTORS, cases[i].sectors, 0};

		assert_int_equal(run_ranges(m, cases[i].type, &range, RANGE), cases[i].status);
	}
	image_assert_untouched(m->image.path, 0, SECTORS);
}

static void what_was_not_negotiated_is_unsupported(void **state)
{
	static const struct range range = {0, 8, 0};
	struct machine *m = *state;

	start(m, FEATURE(VIRTIO_F_VERSION_1) | FEATURE(VIRTIO_BLK_F_FLUSH));
	assert_int_equal(run_ranges(m, VIRTIO_BLK_T_DISCARD, &range, RANGE), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(run_ranges(m, VIRTIO_BLK_T_WRITE_ZEROES, &range, RANGE),
			 VIRTIO_BLK_S_UNSUPP);
	image_assert_untouched(m->image.path, 0, SECTORS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		blk_test(config_describes_the_disk),
		blk_test(offers_what_the_disk_can_do),
		blk_test(gives_its_id),
		blk_test(buffered_transfers_do_not_depend_on_the_cut),
		blk_test(direct_transfers_do_not_depend_on_the_cut),
		blk_test(a_write_leaves_all_but_the_last_byte_alone),
		blk_test(the_status_may_be_followed_by_empty_buffers),
		blk_test(refuses_transfers_outside_the_disk),
		blk_test(unknown_types_are_unsupported),
		blk_test(a_read_only_disk_is_not_written),
		blk_test(a_used_length_is_what_was_written),
		blk_test(a_file_cut_short_under_the_disk_is_an_io_error),
		blk_test(large_blocks_are_reported_and_kept),
		blk_test(discards_and_zeroes_ranges),
		blk_test(refuses_bad_ranges_before_touching_anything),
		blk_test(limits_the_length_of_a_range),
		blk_test(what_was_not_negotiated_is_unsupported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
