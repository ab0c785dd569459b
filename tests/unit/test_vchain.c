/* SPDX-License-Identifier: MIT */
/* virtio/virtq.h: descriptor chains, friendly and hostile (virtio 1.2, 2.7.4 and 2.7.5). */
#include "tests/unit/queue_fixture.h"
#include "vmm/core/array.h"

/* --- chains that a driver may make --- */

/* 2.7.4.1: a device may not depend on how the driver cuts its message. */
static void streams_are_the_same_however_they_are_cut(void **state)
{
	static const char request[] = "sixteen bytes...";
	static const char answer[] = "another sixteen.";
	struct fixture *f = *state;

	for (uint32_t piece = 4; piece <= 16; piece++) {
		for (int indirect = 0; indirect < 2; indirect++) {
			struct fake_buf out = fake_out(&f->g, request, 16);
			struct fake_buf in = fake_in(&f->g, 16);
			struct fake_buf buf[SIZE];
			unsigned int nr = fake_cut(out, piece, buf, SIZE);
			char bytes[16];
			uint16_t head;
			uint32_t written;

			nr += fake_cut(in, piece, buf + nr, SIZE - nr);
			if (indirect)
				fake_add_indirect(f->driver, buf, nr);
			else
				fake_add(f->driver, buf, nr);
			publish_and_pop(f);
			assert_int_equal(f->chain.readable_bytes, 16);
			assert_int_equal(f->chain.writable_bytes, 16);

			/* Read and written in parts that fit no buffer. */
			assert_int_equal(vchain_read(&f->chain, bytes, 3), 3);
			assert_int_equal(vchain_readable(&f->chain), 13);
			assert_int_equal(vchain_read(&f->chain, bytes + 3, 100), 13);
			assert_int_equal(vchain_readable(&f->chain), 0);
			assert_int_equal(vchain_read(&f->chain, bytes, 1), 0);
			assert_memory_equal(bytes, request, 16);

			assert_int_equal(vchain_write(&f->chain, answer, 5), 5);
			assert_int_equal(vchain_writable(&f->chain), 11);
			assert_int_equal(vchain_write(&f->chain, answer + 5, 12), 11);
			assert_int_equal(vchain_writable(&f->chain), 0);
			assert_int_equal(f->chain.written, 16);

			assert_int_equal(virtq_push(&f->vq, &f->chain), 0);
			assert_true(fake_reap(f->driver, &head, &written));
			assert_int_equal(written, 16);
			fake_get(&f->g, in.at, bytes, 16);
			assert_memory_equal(bytes, answer, 16);
		}
	}
}

static void an_indirect_table_may_end_a_chain_of_descriptors(void **state)
{
	/* 2.7.5.3.2: both must be handled, and the WRITE flag of the reference ignored. */
	struct fixture *f = *state;
	gpa_t table = fake_alloc(&f->g, 32, 16);
	struct fake_buf out = fake_out(&f->g, "head tail", 9);
	char bytes[9];

	fake_put_desc(&f->g, f->driver->desc, 0,
		      (struct fake_desc){out.at.addr, 5, VIRTQ_DESC_F_NEXT, 3});
	fake_put_desc(
		&f->g, f->driver->desc, 3,
		(struct fake_desc){table.addr, 32, VIRTQ_DESC_F_INDIRECT | VIRTQ_DESC_F_WRITE, 0});
	fake_put_desc(&f->g, table, 0,
		      (struct fake_desc){out.at.addr + 5, 4, VIRTQ_DESC_F_NEXT, 1});
	fake_put_desc(&f->g, table, 1,
		      (struct fake_desc){FAKE_RAM_START, 7, VIRTQ_DESC_F_WRITE, 0});
	fake_put_head(f->driver, 0);
	publish_and_pop(f);
	assert_int_equal(f->chain.nr_readable, 2);
	assert_int_equal(f->chain.nr_segments, 3);
	assert_int_equal(f->chain.writable_bytes, 7);
	assert_int_equal(vchain_read(&f->chain, bytes, 9), 9);
	assert_memory_equal(bytes, "head tail", 9);
}

/* Linux makes indirect tables longer than the queue; our limit is that of the largest queue. */
static void an_indirect_chain_has_at_most_as_many_buffers_as_the_largest_queue(void **state)
{
	struct fixture *f = *state;
	struct fake_buf buf[VIRTQ_MAX_SIZE + 1];

	for (unsigned int i = 0; i <= VIRTQ_MAX_SIZE; i++)
		buf[i] = (struct fake_buf){.at = gpa(FAKE_RAM_START), .len = 1};
	fake_add_indirect(f->driver, buf, VIRTQ_MAX_SIZE);
	publish_and_pop(f);
	assert_int_equal(f->chain.nr_readable, VIRTQ_MAX_SIZE);
	assert_int_equal(vchain_readable(&f->chain), VIRTQ_MAX_SIZE);

	fake_add_indirect(f->driver, buf, VIRTQ_MAX_SIZE + 1);
	fake_publish(f->driver);
	assert_int_equal(pop(f), -EPROTO);
}

static void a_direct_head_before_a_full_indirect_table_is_one_buffer_too_many(void **state)
{
	struct fixture *f = *state;
	gpa_t table = fake_alloc(&f->g, 16 * VIRTQ_MAX_SIZE, 16);

	for (uint16_t i = 0; i < VIRTQ_MAX_SIZE; i++)
		fake_put_desc(&f->g, table, i,
			      (struct fake_desc){FAKE_RAM_START, 1,
						 i + 1 < VIRTQ_MAX_SIZE ? VIRTQ_DESC_F_NEXT : 0,
						 (uint16_t)(i + 1)});
	fake_put_desc(&f->g, f->driver->desc, 0,
		      (struct fake_desc){FAKE_RAM_START, 1, VIRTQ_DESC_F_NEXT, 1});
	fake_put_desc(
		&f->g, f->driver->desc, 1,
		(struct fake_desc){table.addr, 16 * VIRTQ_MAX_SIZE, VIRTQ_DESC_F_INDIRECT, 0});
	fake_put_head(f->driver, 0);
	fake_publish(f->driver);
	assert_int_equal(pop(f), -EPROTO);
}

/* --- chains that a driver may not make, and those on the edge --- */

#define N     VIRTQ_DESC_F_NEXT
#define W     VIRTQ_DESC_F_WRITE
#define I     VIRTQ_DESC_F_INDIRECT
#define BUF   (FAKE_RAM_START + 0x10000) /* a page to point at */
#define TABLE (FAKE_RAM_START + 0x20000) /* where the indirect table lies */
#define END   FAKE_RAM_END

static const struct chain_case {
	const char *rule;
	struct fake_desc direct[SIZE];
	struct fake_desc indirect[SIZE];
	uint16_t head;
	uint16_t avail_idx;	     /* 0: 1 */
	uint64_t readable, writable; /* bytes, of a legal chain */
	const char *why;	     /* of an illegal one: part of the reason */
} chain_cases[] = {
	/* the queue's indices */
	{"2.7.6: head is the last entry", .direct[7] = {BUF, 4, 0, 0}, .head = 7, .readable = 4},
	{"2.7.6: head past the table", .direct = {{BUF, 4, 0, 0}}, .head = SIZE,
	 .why = "a head descriptor past the table"},
	{"2.7.6: head far past the table", .direct = {{BUF, 4, 0, 0}}, .head = 0xffff,
	 .why = "a head descriptor past the table"},
	{"2.7.6: a full ring", .direct = {{BUF, 4, 0, 0}}, .avail_idx = SIZE, .readable = 4},
	{"2.7.6: more chains than the ring holds", .direct = {{BUF, 4, 0, 0}},
	 .avail_idx = SIZE + 1, .why = "moved by more than"},
	{"2.7.6.1: the index went back", .direct = {{BUF, 4, 0, 0}}, .avail_idx = 0xffff,
	 .why = "moved by more than"},
	/* next */
	{"2.7.5: next is the last entry", .direct[0] = {BUF, 4, N, 7}, .direct[7] = {BUF, 4, 0, 0},
	 .readable = 8},
	{"2.7.5: next past the table", .direct = {{BUF, 4, N, SIZE}},
	 .why = "a next descriptor past the table"},
	{"2.7.5: next far past the table", .direct = {{BUF, 4, N, 0xffff}},
	 .why = "a next descriptor past the table"},
	{"2.7.5: next is ignored without its flag", .direct = {{BUF, 4, 0, 0xffff}}, .readable = 4},
	{"2.7.5.2: a loop of one", .direct = {{BUF, 4, N, 0}}, .why = "loops"},
	{"2.7.5.2: a loop of one, no bytes", .direct = {{BUF, 0, N, 0}}, .why = "loops"},
	{"2.7.5.2: a loop of two", .direct = {{BUF, 4, N, 1}, {BUF, 4, N, 0}}, .why = "loops"},
	{"2.7.5.2: a loop after the head",
	 .direct = {{BUF, 4, N, 1}, {BUF, 4, N, 2}, {BUF, 4, N, 1}}, .why = "loops"},
	{"2.7.5.3.1: as long as the queue",
	 .direct = {{BUF, 1, N, 1},
		    {BUF, 1, N, 2},
		    {BUF, 1, N, 3},
		    {BUF, 1, N, 4},
		    {BUF, 1, N, 5},
		    {BUF, 1, N, 6},
		    {BUF, 1, N, 7},
		    {BUF, 1, 0, 0}},
	 .readable = 8},
	/* order */
	{"2.7.4.2: readable, then writable", .direct = {{BUF, 4, N, 1}, {BUF, 3, W, 0}},
	 .readable = 4, .writable = 3},
	{"2.7.4.2: writable, then readable", .direct = {{BUF, 4, N | W, 1}, {BUF, 4, 0, 0}},
	 .why = "a readable buffer after"},
	{"2.7.4.2: an empty writable, then readable",
	 .direct = {{BUF, 0, N | W, 1}, {BUF, 4, 0, 0}}, .why = "a readable buffer after"},
	{"2.7.4.2: writable, then an empty readable",
	 .direct = {{BUF, 4, N | W, 1}, {BUF, 0, 0, 0}}, .why = "a readable buffer after"},
	/* addresses */
	{"the first byte of RAM", .direct = {{FAKE_RAM_START, 1, 0, 0}}, .readable = 1},
	{"one byte below RAM", .direct = {{FAKE_RAM_START - 1, 1, 0, 0}},
	 .why = "a buffer outside"},
	{"reaches into RAM from below", .direct = {{FAKE_RAM_START - 1, 2, 0, 0}},
	 .why = "a buffer outside"},
	{"the last byte of RAM", .direct = {{END - 1, 1, W, 0}}, .writable = 1},
	{"ends with RAM", .direct = {{END - 4096, 4096, W, 0}}, .writable = 4096},
	{"ends one byte past RAM", .direct = {{END - 4096, 4097, W, 0}}, .why = "a buffer outside"},
	{"begins where RAM ends", .direct = {{END, 1, W, 0}}, .why = "a buffer outside"},
	{"all of RAM", .direct = {{FAKE_RAM_START, FAKE_RAM_BYTES, 0, 0}},
	 .readable = FAKE_RAM_BYTES},
	{"all of RAM and a byte", .direct = {{FAKE_RAM_START, FAKE_RAM_BYTES + 1, 0, 0}},
	 .why = "a buffer outside"},
	{"as long as 32 bits say", .direct = {{BUF, 0xffffffff, 0, 0}}, .why = "a buffer outside"},
	{"ends at 2^64", .direct = {{UINT64_MAX - 3, 4, 0, 0}}, .why = "a buffer outside"},
	{"wraps past 2^64 into RAM", .direct = {{UINT64_MAX - 3, 0x100010, 0, 0}},
	 .why = "a buffer outside"},
	{"the highest address", .direct = {{UINT64_MAX, 1, 0, 0}}, .why = "a buffer outside"},
	/* zero lengths: 2.7.5 does not forbid them */
	{"no bytes at all", .direct = {{BUF, 0, 0, 0}}},
	{"no bytes, at no place", .direct = {{UINT64_MAX, 0, W, 0}}},
	{"no bytes in the middle", .direct = {{BUF, 2, N, 1}, {0, 0, N, 2}, {BUF, 2, W, 0}},
	 .readable = 2, .writable = 2},
	/* indirect tables */
	{"2.7.5.3: a table of one", .direct = {{TABLE, 16, I, 0}}, .indirect = {{BUF, 4, W, 0}},
	 .writable = 4},
	{"2.7.5.3: next is ignored without its flag", .direct = {{TABLE, 16, I, 0xffff}},
	 .indirect = {{BUF, 4, W, 0}}, .writable = 4},
	{"2.7.5.3: a table without bytes", .direct = {{TABLE, 0, I, 0}},
	 .why = "empty or not a multiple"},
	{"2.7.5.3: a table of 15 bytes", .direct = {{TABLE, 15, I, 0}},
	 .why = "empty or not a multiple"},
	{"2.7.5.3: a table of 17 bytes", .direct = {{TABLE, 17, I, 0}},
	 .indirect = {{BUF, 4, W, 0}}, .why = "empty or not a multiple"},
	{"2.7.5.3: a table that ends past RAM", .direct = {{END - 16, 32, I, 0}},
	 .why = "an indirect table outside"},
	{"2.7.5.3: a table outside RAM", .direct = {{END, 16, I, 0}},
	 .why = "an indirect table outside"},
	{"2.7.5.3: a table that wraps at 2^64", .direct = {{UINT64_MAX - 15, 32, I, 0}},
	 .why = "an indirect table outside"},
	{"2.7.5.3: a table as long as 32 bits say", .direct = {{TABLE, 0xfffffff0, I, 0}},
	 .why = "an indirect table outside"},
	{"2.7.5.3: a table that ends with RAM", .direct = {{TABLE, END - TABLE, I, 0}},
	 .indirect = {{BUF, 4, W, 0}}, .writable = 4},
	{"2.7.5.3: next past the indirect table", .direct = {{TABLE, 32, I, 0}},
	 .indirect = {{BUF, 4, N, 2}}, .why = "a next descriptor past"},
	{"2.7.5.3: next within the indirect table", .direct = {{TABLE, 32, I, 0}},
	 .indirect = {{BUF, 4, N, 1}, {BUF, 4, W, 0}}, .readable = 4, .writable = 4},
	{"2.7.5.2: an indirect table that loops", .direct = {{TABLE, 32, I, 0}},
	 .indirect = {{BUF, 4, N, 1}, {BUF, 4, N, 0}}, .why = "loops"},
	{"2.7.5.2: a large table that loops without bytes", .direct = {{TABLE, 0x10000, I, 0}},
	 .indirect = {{BUF, 0, N, 0}}, .why = "loops"},
	{"2.7.5.3.1: a table in a table", .direct = {{TABLE, 16, I, 0}},
	 .indirect = {{TABLE, 16, I, 0}}, .why = "inside an indirect table"},
	{"2.7.5.3.1: the table in a table is the queue's own", .direct = {{TABLE, 16, I, 0}},
	 .indirect = {{FAKE_RAM_START, 16, I, 0}}, .why = "inside an indirect table"},
	{"2.7.5.3.1: the queue's own table as the indirect one",
	 .direct = {{FAKE_RAM_START, 16 * SIZE, I, 0}}, .why = "inside an indirect table"},
	{"2.7.5.3.1: INDIRECT and NEXT", .direct = {{TABLE, 16, I | N, 1}, {BUF, 4, 0, 0}},
	 .indirect = {{BUF, 4, 0, 0}}, .why = "with a next descriptor"},
	{"2.7.4.2: writable, then a readable in a table",
	 .direct = {{BUF, 4, N | W, 1}, {TABLE, 16, I, 0}}, .indirect = {{BUF, 4, 0, 0}},
	 .why = "a readable buffer after"},
	{"flags that mean nothing", .direct = {{BUF, 4, 0xfff8, 0}}, .readable = 4},
};
#undef N
#undef W
#undef I

static void publish_case(struct fixture *f, const struct chain_case *c)
{
	struct fake_vq *driver = f->driver;

	f->g.heap = FAKE_RAM_START; /* so that the queue lies where the cases expect it */
	enable(f, false);
	assert_int_equal(driver->desc.addr, FAKE_RAM_START);
	fake_put(&f->g, gpa(TABLE), c->indirect, sizeof(c->indirect));
	fake_put(&f->g, driver->desc, c->direct, sizeof(c->direct));
	fake_put16(&f->g, gpa_add(driver->avail, 4), c->head);
	fake_put16(&f->g, gpa_add(driver->avail, 2), c->avail_idx != 0 ? c->avail_idx : 1);
	fake_put16(&f->g, gpa_add(driver->used, 2), 0);
}

static void a_legal_chain_is_taken_and_an_illegal_one_breaks_the_queue(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < NR_OF(chain_cases); i++) {
		const struct chain_case *c = &chain_cases[i];

		print_message("%s\n", c->rule);
		publish_case(f, c);
		assert_true(virtq_has_work(&f->vq));
		if (c->why == NULL) {
			assert_int_equal(pop(f), 1);
			assert_int_equal(f->chain.readable_bytes, c->readable);
			assert_int_equal(f->chain.writable_bytes, c->writable);
			assert_int_equal(vchain_readable(&f->chain), c->readable);
			assert_int_equal(vchain_writable(&f->chain), c->writable);
		} else {
			assert_int_equal(pop(f), -EPROTO);
			assert_non_null(strstr(f->why, c->why));
		}
	}
}

/* 2.7.5.2: the sum counts, although each buffer is in RAM. */
static void a_chain_holds_at_most_4_gib(void **state)
{
	static const uint64_t high = 1ull << 32, high_bytes = 1ull << 33;
	struct fixture *f = *state;
	struct fake_buf buf[] = {
		{.at = gpa(high), .len = UINT32_MAX},
		{.at = gpa(high + high_bytes - 1), .len = 1, .device_writes = true},
		{.at = gpa(high), .len = 1, .device_writes = true},
	};
	void *map = mmap(NULL, high_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(map, MAP_FAILED);
	assert_int_equal(gmem_add(&f->g.mem, gpa(high), high_bytes, map), 0);
	fake_add(f->driver, buf, 2);
	publish_and_pop(f);
	assert_int_equal(vchain_readable(&f->chain), UINT32_MAX);
	assert_int_equal(vchain_writable(&f->chain), 1);

	fake_add(f->driver, buf, 3);
	fake_publish(f->driver);
	assert_int_equal(pop(f), -EPROTO);
	munmap(map, high_bytes);
}

struct flipper {
	struct fixture *f;
	atomic_bool stop;
};

static void *flip_descriptor(void *arg)
{
	static const struct fake_desc versions[] = {
		{FAKE_RAM_START + 0x10000, 64, VIRTQ_DESC_F_WRITE, 0},
		{FAKE_RAM_END - 1, 0xffffffff, VIRTQ_DESC_F_WRITE, 0},
		{UINT64_MAX - 63, 64, VIRTQ_DESC_F_WRITE | VIRTQ_DESC_F_NEXT, 0xffff},
	};
	struct flipper *flipper = arg;

	for (unsigned int i = 0; !atomic_load(&flipper->stop); i++)
		fake_put_desc(&flipper->f->g, flipper->f->driver->desc, 0, versions[i % 3]);
	return NULL;
}

/* What is checked and what is used are one copy; beyond RAM there is an inaccessible page. */
static void a_driver_that_changes_a_descriptor_meanwhile_gains_nothing(void **state)
{
	struct fixture *f = *state;
	struct flipper flipper = {.f = f};
	uint8_t zeroes[4096] = {0};
	unsigned int taken = 0, refused = 0;
	pthread_t thread;

	fake_put_head(f->driver, 0);
	fake_publish(f->driver);
	assert_int_equal(pthread_create(&thread, NULL, flip_descriptor, &flipper), 0);
	/* As long as it takes to see both outcomes, and a while longer. */
	for (int i = 0; i < 20000 || taken == 0 || refused == 0; i++) {
		if (pop(f) == 1) {
			taken++;
			vchain_write(&f->chain, zeroes, sizeof(zeroes));
			virtq_unpop(&f->vq);
		} else {
			refused++;
			assert_int_equal(virtq_enable(&f->vq, &f->g.mem, false), 0);
		}
	}
	atomic_store(&flipper.stop, true);
	pthread_join(thread, NULL);
}

/* --- chains as addresses --- */

static void a_stream_is_described_as_host_addresses(void **state)
{
	struct fixture *f = *state;
	struct fake_buf whole = fake_in(&f->g, 10);
	struct fake_buf buf[] = {
		{.at = whole.at, .len = 4, .device_writes = true},
		{.at = gpa(0), .len = 0, .device_writes = true},
		{.at = gpa_add(whole.at, 4), .len = 6, .device_writes = true},
	};
	uint8_t *hva = gmem_ptr(&f->g.mem, whole.at, 10);
	struct iovec iov[4];

	fake_add(f->driver, buf, 3);
	publish_and_pop(f);
	assert_int_equal(vchain_iov_readable(&f->chain, 1, iov, 4), -EMSGSIZE);
	assert_int_equal(vchain_iov_writable(&f->chain, 0, iov, 0), 0);

	/* What cannot be described does not move the stream. */
	assert_int_equal(vchain_iov_writable(&f->chain, 11, iov, 4), -EMSGSIZE);
	iov[1] = (struct iovec){.iov_base = f, .iov_len = 1};
	assert_int_equal(vchain_iov_writable(&f->chain, 10, iov, 1), -E2BIG);
	assert_ptr_equal(iov[1].iov_base, f); /* not ours to write to */
	assert_int_equal(vchain_writable(&f->chain), 10);
	assert_int_equal(f->chain.written, 0);

	assert_int_equal(vchain_iov_writable(&f->chain, 3, iov, 4), 1);
	assert_ptr_equal(iov[0].iov_base, hva);
	assert_int_equal(iov[0].iov_len, 3);
	assert_int_equal(vchain_iov_writable(&f->chain, 7, iov, 2), 2);
	assert_ptr_equal(iov[0].iov_base, hva + 3);
	assert_int_equal(iov[0].iov_len, 1);
	assert_ptr_equal(iov[1].iov_base, hva + 4);
	assert_int_equal(iov[1].iov_len, 6);
	assert_int_equal(vchain_writable(&f->chain), 0);
	assert_int_equal(f->chain.written, 10);
}

static void readable_bytes_are_described_without_counting_as_written(void **state)
{
	struct fixture *f = *state;
	struct fake_buf buf = fake_out(&f->g, "abc", 3);
	struct iovec iov[1];

	fake_add(f->driver, &buf, 1);
	publish_and_pop(f);
	assert_int_equal(vchain_iov_readable(&f->chain, 3, iov, 1), 1);
	assert_memory_equal(iov[0].iov_base, "abc", 3);
	assert_int_equal(vchain_readable(&f->chain), 0);
	assert_int_equal(f->chain.written, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(streams_are_the_same_however_they_are_cut),
		TEST(an_indirect_table_may_end_a_chain_of_descriptors),
		TEST(an_indirect_chain_has_at_most_as_many_buffers_as_the_largest_queue),
		TEST(a_direct_head_before_a_full_indirect_table_is_one_buffer_too_many),
		TEST(a_legal_chain_is_taken_and_an_illegal_one_breaks_the_queue),
		TEST(a_chain_holds_at_most_4_gib),
		TEST(a_driver_that_changes_a_descriptor_meanwhile_gains_nothing),
		TEST(a_stream_is_described_as_host_addresses),
		TEST(readable_bytes_are_described_without_counting_as_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
