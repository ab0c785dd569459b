/* SPDX-License-Identifier: MIT */
/* virtio/virtq.h: rings and chains of a split virtqueue (virtio 1.2, 2.7), friendly and hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "tests/unit/fake_driver.h"

#define SIZE 8 /* entries of the queue under test */

/* A device's queue and the driver on its other side, without a transport between them. */
struct fixture {
	struct fake_guest g;
	struct fake_vq *driver;
	struct virtq vq;
	struct vchain chain;
	const char *why;
};

static void enable(struct fixture *f, bool event_idx)
{
	fake_vq_layout(f->driver, SIZE);
	f->vq = (struct virtq){
		.size = SIZE,
		.desc = f->driver->desc,
		.driver = f->driver->avail,
		.device = f->driver->used,
	};
	assert_int_equal(virtq_enable(&f->vq, &f->g.mem, event_idx), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	fake_guest_init(&f->g);
	f->driver = &f->g.vq[0];
	enable(f, false);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fake_guest_fini(&f->g);
	free(f);
	return 0;
}

static int pop(struct fixture *f)
{
	return virtq_pop(&f->vq, &f->chain, &f->why);
}

/* Pops what the driver has put into the ring so far, which must be a chain. */
static void publish_and_pop(struct fixture *f)
{
	fake_publish(f->driver);
	assert_int_equal(pop(f), 1);
	assert_null(f->why);
}

/* The driver offers one buffer, the device gives it back. */
static void round_trip(struct fixture *f)
{
	struct fake_buf buf = {.at = gpa(FAKE_RAM_END - 16), .len = 16, .device_writes = true};
	uint16_t head;
	uint32_t written;

	fake_add(f->driver, &buf, 1);
	publish_and_pop(f);
	assert_int_equal(virtq_push(&f->vq, &f->chain), 0);
	assert_true(fake_reap(f->driver, &head, &written));
}

/* --- where a queue may be --- */

static void a_queue_is_enabled_only_where_it_fits_and_is_aligned(void **state)
{
	/* Parts of 16 entries: 256, 38 and 134 bytes. */
	static const struct {
		const char *rule;
		uint16_t size;
		uint64_t desc, driver, device;
		int result;
	} cases[] = {
		{"all in RAM", 16, 0x100000, 0x101000, 0x102000, 0},
		{"2.7: the largest", 256, 0x100000, 0x102000, 0x103000, 0},
		{"2.7: one entry", 1, 0x100000, 0x101000, 0x102000, 0},
		{"2.7: no entry", 0, 0x100000, 0x101000, 0x102000, -EINVAL},
		{"2.7: not a power of two", 12, 0x100000, 0x101000, 0x102000, -EINVAL},
		{"4.2.2.2: more than QueueNumMax", 512, 0x100000, 0x103000, 0x105000, -EINVAL},
		{"2.7: the largest there is", 32768, 0x100000, 0x200000, 0x300000, -EINVAL},
		{"2.7.1: descriptors at 8", 16, 0x100008, 0x101000, 0x102000, -EINVAL},
		{"2.7.1: available ring at 1", 16, 0x100000, 0x101001, 0x102000, -EINVAL},
		{"2.7.1: used ring at 2", 16, 0x100000, 0x101000, 0x102002, -EINVAL},
		{"2.7.1: least alignment", 16, 0x100010, 0x101002, 0x102004, 0},
		{"parts may overlap: the guest's loss", 16, 0x100000, 0x100000, 0x100000, 0},
		{"descriptors end with RAM", 16, FAKE_RAM_END - 256, 0x101000, 0x102000, 0},
		{"descriptors end past RAM", 16, FAKE_RAM_END - 240, 0x101000, 0x102000, -EFAULT},
		{"available ring ends with RAM", 16, 0x100000, FAKE_RAM_END - 38, 0x102000, 0},
		{"available ring ends past RAM", 16, 0x100000, FAKE_RAM_END - 36, 0x102000,
		 -EFAULT},
		{"used ring's event index in RAM", 16, 0x100000, 0x101000, FAKE_RAM_END - 136, 0},
		{"used ring's event index is not", 16, 0x100000, 0x101000, FAKE_RAM_END - 132,
		 -EFAULT},
		{"below RAM", 16, 0, 0x101000, 0x102000, -EFAULT},
		{"descriptors wrap at 2^64", 16, UINT64_MAX - 15, 0x101000, 0x102000, -EFAULT},
		{"available ring wraps at 2^64", 16, 0x100000, UINT64_MAX - 1, 0x102000, -EFAULT},
		{"used ring wraps at 2^64", 16, 0x100000, 0x101000, UINT64_MAX - 3, -EFAULT},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct virtq vq = {
			.size = cases[i].size,
			.desc = gpa(cases[i].desc),
			.driver = gpa(cases[i].driver),
			.device = gpa(cases[i].device),
		};

		print_message("%s\n", cases[i].rule);
		assert_int_equal(virtq_enable(&vq, &f->g.mem, true), cases[i].result);
		assert_int_equal(vq.enabled, cases[i].result == 0);
	}
}

static void a_queue_that_is_not_enabled_has_no_work_and_takes_none_back(void **state)
{
	struct fixture *f = *state;
	struct fake_buf buf = fake_in(&f->g, 16);

	fake_add(f->driver, &buf, 1);
	publish_and_pop(f);
	virtq_disable(&f->vq);
	assert_int_equal(pop(f), 0);
	assert_false(virtq_has_work(&f->vq));
	assert_false(virtq_want_interrupt(&f->vq));
	assert_false(virtq_want_notify(&f->vq, true));
	assert_int_equal(virtq_push(&f->vq, &f->chain), -EFAULT);
	assert_int_equal(fake_used(f->driver), 0);
}

/* --- chains that a driver may make --- */

static void an_empty_ring_gives_nothing(void **state)
{
	struct fixture *f = *state;

	assert_false(virtq_has_work(&f->vq));
	assert_int_equal(pop(f), 0);
}

static void a_chain_is_invisible_until_the_index_moves(void **state)
{
	struct fixture *f = *state;
	struct fake_buf buf = fake_in(&f->g, 16);
	uint16_t head = fake_add(f->driver, &buf, 1);

	assert_int_equal(pop(f), 0);
	fake_publish(f->driver);
	assert_true(virtq_has_work(&f->vq));
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->chain.head, head);
	assert_false(virtq_has_work(&f->vq));
}

static void chains_come_in_the_order_of_the_available_ring(void **state)
{
	struct fixture *f = *state;
	uint16_t head[SIZE];

	for (unsigned int i = 0; i < SIZE; i++) {
		struct fake_buf buf = fake_in(&f->g, i + 1);

		head[i] = fake_add(f->driver, &buf, 1);
	}
	fake_publish(f->driver);
	for (unsigned int i = 0; i < SIZE; i++) {
		assert_int_equal(pop(f), 1);
		assert_int_equal(f->chain.head, head[i]);
		assert_int_equal(f->chain.writable_bytes, i + 1);
	}
	assert_int_equal(pop(f), 0);
}

static void an_unpopped_chain_comes_again(void **state)
{
	struct fixture *f = *state;
	struct fake_buf buf = fake_in(&f->g, 16);
	uint16_t first = fake_add(f->driver, &buf, 1);
	uint16_t second = fake_add(f->driver, &buf, 1);

	fake_publish(f->driver);
	assert_int_equal(pop(f), 1);
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->chain.head, second);
	virtq_unpop(&f->vq);
	virtq_unpop(&f->vq);
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->chain.head, first);
}

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
	uint16_t avail_idx; /* 0: 1 */
	bool legal;
	uint64_t readable, writable; /* bytes, of a legal one */
} chain_cases[] = {
	/* the queue's indices */
	{"2.7.6: head is the last entry", .direct[7] = {BUF, 4, 0, 0}, .head = 7, .legal = true,
	 .readable = 4},
	{"2.7.6: head past the table", .direct = {{BUF, 4, 0, 0}}, .head = SIZE},
	{"2.7.6: head far past the table", .direct = {{BUF, 4, 0, 0}}, .head = 0xffff},
	{"2.7.6: a full ring", .direct = {{BUF, 4, 0, 0}}, .avail_idx = SIZE, .legal = true,
	 .readable = 4},
	{"2.7.6: more chains than the ring holds", .direct = {{BUF, 4, 0, 0}},
	 .avail_idx = SIZE + 1},
	{"2.7.6.1: the index went back", .direct = {{BUF, 4, 0, 0}}, .avail_idx = 0xffff},
	/* next */
	{"2.7.5: next is the last entry", .direct[0] = {BUF, 4, N, 7}, .direct[7] = {BUF, 4, 0, 0},
	 .legal = true, .readable = 8},
	{"2.7.5: next past the table", .direct = {{BUF, 4, N, SIZE}}},
	{"2.7.5: next far past the table", .direct = {{BUF, 4, N, 0xffff}}},
	{"2.7.5: next is ignored without its flag", .direct = {{BUF, 4, 0, 0xffff}}, .legal = true,
	 .readable = 4},
	{"2.7.5.2: a loop of one", .direct = {{BUF, 4, N, 0}}},
	{"2.7.5.2: a loop of one, no bytes", .direct = {{BUF, 0, N, 0}}},
	{"2.7.5.2: a loop of two", .direct = {{BUF, 4, N, 1}, {BUF, 4, N, 0}}},
	{"2.7.5.2: a loop after the head",
	 .direct = {{BUF, 4, N, 1}, {BUF, 4, N, 2}, {BUF, 4, N, 1}}},
	{"2.7.5.3.1: as long as the queue",
	 .direct = {{BUF, 1, N, 1},
		    {BUF, 1, N, 2},
		    {BUF, 1, N, 3},
		    {BUF, 1, N, 4},
		    {BUF, 1, N, 5},
		    {BUF, 1, N, 6},
		    {BUF, 1, N, 7},
		    {BUF, 1, 0, 0}},
	 .legal = true, .readable = 8},
	/* order */
	{"2.7.4.2: readable, then writable", .direct = {{BUF, 4, N, 1}, {BUF, 3, W, 0}},
	 .legal = true, .readable = 4, .writable = 3},
	{"2.7.4.2: writable, then readable", .direct = {{BUF, 4, N | W, 1}, {BUF, 4, 0, 0}}},
	{"2.7.4.2: an empty writable, then readable",
	 .direct = {{BUF, 0, N | W, 1}, {BUF, 4, 0, 0}}},
	{"2.7.4.2: writable, then an empty readable",
	 .direct = {{BUF, 4, N | W, 1}, {BUF, 0, 0, 0}}},
	/* addresses */
	{"the first byte of RAM", .direct = {{FAKE_RAM_START, 1, 0, 0}}, .legal = true,
	 .readable = 1},
	{"one byte below RAM", .direct = {{FAKE_RAM_START - 1, 1, 0, 0}}},
	{"reaches into RAM from below", .direct = {{FAKE_RAM_START - 1, 2, 0, 0}}},
	{"the last byte of RAM", .direct = {{END - 1, 1, W, 0}}, .legal = true, .writable = 1},
	{"ends with RAM", .direct = {{END - 4096, 4096, W, 0}}, .legal = true, .writable = 4096},
	{"ends one byte past RAM", .direct = {{END - 4096, 4097, W, 0}}},
	{"begins where RAM ends", .direct = {{END, 1, W, 0}}},
	{"all of RAM", .direct = {{FAKE_RAM_START, FAKE_RAM_BYTES, 0, 0}}, .legal = true,
	 .readable = FAKE_RAM_BYTES},
	{"all of RAM and a byte", .direct = {{FAKE_RAM_START, FAKE_RAM_BYTES + 1, 0, 0}}},
	{"as long as 32 bits say", .direct = {{BUF, 0xffffffff, 0, 0}}},
	{"ends at 2^64", .direct = {{UINT64_MAX - 3, 4, 0, 0}}},
	{"wraps past 2^64 into RAM", .direct = {{UINT64_MAX - 3, 0x100010, 0, 0}}},
	{"the highest address", .direct = {{UINT64_MAX, 1, 0, 0}}},
	/* zero lengths: 2.7.5 does not forbid them */
	{"no bytes at all", .direct = {{BUF, 0, 0, 0}}, .legal = true},
	{"no bytes, at no place", .direct = {{UINT64_MAX, 0, W, 0}}, .legal = true},
	{"no bytes in the middle", .direct = {{BUF, 2, N, 1}, {0, 0, N, 2}, {BUF, 2, W, 0}},
	 .legal = true, .readable = 2, .writable = 2},
	/* indirect tables */
	{"2.7.5.3: a table of one", .direct = {{TABLE, 16, I, 0}}, .indirect = {{BUF, 4, W, 0}},
	 .legal = true, .writable = 4},
	{"2.7.5.3: next is ignored without its flag", .direct = {{TABLE, 16, I, 0xffff}},
	 .indirect = {{BUF, 4, W, 0}}, .legal = true, .writable = 4},
	{"2.7.5.3: a table without bytes", .direct = {{TABLE, 0, I, 0}}},
	{"2.7.5.3: a table of 15 bytes", .direct = {{TABLE, 15, I, 0}}},
	{"2.7.5.3: a table of 17 bytes", .direct = {{TABLE, 17, I, 0}},
	 .indirect = {{BUF, 4, W, 0}}},
	{"2.7.5.3: a table that ends past RAM", .direct = {{END - 16, 32, I, 0}}},
	{"2.7.5.3: a table outside RAM", .direct = {{END, 16, I, 0}}},
	{"2.7.5.3: a table that wraps at 2^64", .direct = {{UINT64_MAX - 15, 32, I, 0}}},
	{"2.7.5.3: a table as long as 32 bits say", .direct = {{TABLE, 0xfffffff0, I, 0}}},
	{"2.7.5.3: a table that ends with RAM", .direct = {{TABLE, END - TABLE, I, 0}},
	 .indirect = {{BUF, 4, W, 0}}, .legal = true, .writable = 4},
	{"2.7.5.3: next past the indirect table", .direct = {{TABLE, 32, I, 0}},
	 .indirect = {{BUF, 4, N, 2}}},
	{"2.7.5.3: next within the indirect table", .direct = {{TABLE, 32, I, 0}},
	 .indirect = {{BUF, 4, N, 1}, {BUF, 4, W, 0}}, .legal = true, .readable = 4, .writable = 4},
	{"2.7.5.2: an indirect table that loops", .direct = {{TABLE, 32, I, 0}},
	 .indirect = {{BUF, 4, N, 1}, {BUF, 4, N, 0}}},
	{"2.7.5.2: a large table that loops without bytes", .direct = {{TABLE, 0x10000, I, 0}},
	 .indirect = {{BUF, 0, N, 0}}},
	{"2.7.5.3.1: a table in a table", .direct = {{TABLE, 16, I, 0}},
	 .indirect = {{TABLE, 16, I, 0}}},
	{"2.7.5.3.1: the table in a table is the queue's own", .direct = {{TABLE, 16, I, 0}},
	 .indirect = {{FAKE_RAM_START, 16, I, 0}}},
	{"2.7.5.3.1: the queue's own table as the indirect one",
	 .direct = {{FAKE_RAM_START, 16 * SIZE, I, 0}}},
	{"2.7.5.3.1: INDIRECT and NEXT", .direct = {{TABLE, 16, I | N, 1}, {BUF, 4, 0, 0}},
	 .indirect = {{BUF, 4, 0, 0}}},
	{"2.7.4.2: writable, then a readable in a table",
	 .direct = {{BUF, 4, N | W, 1}, {TABLE, 16, I, 0}}, .indirect = {{BUF, 4, 0, 0}}},
	{"flags that mean nothing", .direct = {{BUF, 4, 0xfff8, 0}}, .legal = true, .readable = 4},
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

	for (size_t i = 0; i < sizeof(chain_cases) / sizeof(chain_cases[0]); i++) {
		const struct chain_case *c = &chain_cases[i];

		print_message("%s\n", c->rule);
		publish_case(f, c);
		assert_true(virtq_has_work(&f->vq));
		if (c->legal) {
			assert_int_equal(pop(f), 1);
			assert_int_equal(f->chain.readable_bytes, c->readable);
			assert_int_equal(f->chain.writable_bytes, c->writable);
			assert_int_equal(vchain_readable(&f->chain), c->readable);
			assert_int_equal(vchain_writable(&f->chain), c->writable);
		} else {
			assert_int_equal(pop(f), -EPROTO);
			assert_non_null(f->why);
		}
	}
}

static void a_broken_queue_serves_nothing_until_it_is_set_up_anew(void **state)
{
	struct fixture *f = *state;
	struct fake_buf buf = fake_in(&f->g, 16);
	struct vchain in_flight;

	fake_add(f->driver, &buf, 1);
	publish_and_pop(f);
	in_flight = f->chain;
	fake_put_head(f->driver, SIZE);
	fake_publish(f->driver);
	assert_int_equal(pop(f), -EPROTO);

	assert_int_equal(pop(f), -EPROTO);
	assert_non_null(f->why);
	assert_false(virtq_has_work(&f->vq));
	assert_int_equal(virtq_push(&f->vq, &in_flight), -EFAULT);
	assert_int_equal(fake_used(f->driver), 0);
	assert_false(virtq_want_interrupt(&f->vq));

	virtq_disable(&f->vq);
	enable(f, false);
	round_trip(f);
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
	assert_int_equal(vchain_iov_writable(&f->chain, 10, iov, 1), -E2BIG);
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

/* --- the used ring --- */

static void a_pushed_chain_shows_its_head_and_what_was_written(void **state)
{
	struct fixture *f = *state;
	struct fake_buf buf = fake_in(&f->g, 100);
	uint16_t offered, head;
	uint32_t written;

	round_trip(f);
	fake_add(f->driver, &buf, 1);
	offered = fake_add(f->driver, &buf, 1);
	publish_and_pop(f);
	publish_and_pop(f);
	vchain_write(&f->chain, "abc", 3);
	assert_int_equal(virtq_push(&f->vq, &f->chain), 0);
	assert_int_equal(fake_used(f->driver), 1);
	assert_true(fake_reap(f->driver, &head, &written));
	assert_int_equal(head, offered);
	assert_int_equal(written, 3);
}

/* 2.7.8.2: `len` may be less than what was written, never more. */
static void a_length_of_2_32_is_given_as_one_less(void **state)
{
	struct fixture *f = *state;
	struct fake_buf buf = fake_in(&f->g, 1);
	uint16_t head;
	uint32_t written;

	fake_add(f->driver, &buf, 1);
	publish_and_pop(f);
	f->chain.written = 1ull << 32;
	assert_int_equal(virtq_push(&f->vq, &f->chain), 0);
	assert_true(fake_reap(f->driver, &head, &written));
	assert_int_equal(written, UINT32_MAX);
}

static void entries_filled_ahead_appear_together(void **state)
{
	struct fixture *f = *state;
	uint16_t head[3], back;
	uint32_t written;

	for (int i = 0; i < SIZE - 1; i++) /* so that the entries wrap around the ring */
		round_trip(f);
	for (uint16_t i = 0; i < 3; i++) {
		struct fake_buf buf = fake_in(&f->g, 8);

		head[i] = fake_add(f->driver, &buf, 1);
		publish_and_pop(f);
		assert_int_equal(virtq_fill(&f->vq, head[i], i + 1u, i), 0);
		assert_int_equal(fake_used(f->driver), 0);
	}
	assert_int_equal(virtq_publish(&f->vq, 3), 0);
	for (uint16_t i = 0; i < 3; i++) {
		assert_true(fake_reap(f->driver, &back, &written));
		assert_int_equal(back, head[i]);
		assert_int_equal(written, i + 1);
	}
	assert_false(fake_reap(f->driver, &back, &written));
}

/* 2.7.13.3: the indices wrap naturally at 65536. */
static void indices_wrap_at_65536(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 0x10000 + 3; i++)
		round_trip(f);
	assert_int_equal(fake_get16(&f->g, gpa_add(f->driver->used, 2)), 3);
	assert_false(virtq_has_work(&f->vq));
}

/* --- suppression of interrupts (2.7.7) and notifications (2.7.10) --- */

static void set_used_event(struct fixture *f, uint16_t event)
{
	fake_put16(&f->g, gpa_add(f->driver->avail, 4 + 2 * SIZE), event);
}

static void set_avail_flags(struct fixture *f, uint16_t flags)
{
	fake_put16(&f->g, f->driver->avail, flags);
}

static void without_event_idx_a_flag_suppresses_interrupts(void **state)
{
	struct fixture *f = *state;

	set_used_event(f, 100);			    /* 2.7.7.2: ignored */
	assert_false(virtq_want_interrupt(&f->vq)); /* nothing was pushed */
	round_trip(f);
	assert_true(virtq_want_interrupt(&f->vq));
	assert_false(virtq_want_interrupt(&f->vq)); /* once is enough */
	set_avail_flags(f, VIRTQ_AVAIL_F_NO_INTERRUPT);
	round_trip(f);
	assert_false(virtq_want_interrupt(&f->vq));
	set_avail_flags(f, 0);
	round_trip(f);
	assert_true(virtq_want_interrupt(&f->vq));
}

static void with_event_idx_the_driver_names_the_entry_it_waits_for(void **state)
{
	/* The ring went from `from` to `to`; entry number `event` is the one that interrupts. */
	static const struct {
		uint32_t from, to;
		uint16_t event;
		bool interrupt;
	} cases[] = {
		{0, 1, 0, true},
		{0, 1, 1, false},
		{0, 1, 0xffff, false},
		{0, 5, 4, true},
		{0, 5, 5, false},
		{3, 5, 2, false},
		{3, 5, 3, true},
		{3, 5, 4, true},
		{0xfffe, 0x10002, 0xfffd, false},
		{0xfffe, 0x10002, 0xfffe, true},
		{0xfffe, 0x10002, 0xffff, true},
		{0xfffe, 0x10002, 0, true},
		{0xfffe, 0x10002, 1, true},
		{0xfffe, 0x10002, 2, false},
		{0xffff, 0x10000, 0xffff, true},
		{0xffff, 0x10000, 0, false},
		{5, 5, 4, false},
		{5, 5, 5, false},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%#x to %#x, event %#x\n", cases[i].from, cases[i].to,
			      cases[i].event);
		f->g.heap = FAKE_RAM_START;
		enable(f, true);
		set_avail_flags(f, VIRTQ_AVAIL_F_NO_INTERRUPT); /* 2.7.7.2: ignored */
		for (uint32_t n = 0; n < cases[i].from; n++)
			round_trip(f);
		virtq_want_interrupt(&f->vq);
		for (uint32_t n = cases[i].from; n < cases[i].to; n++)
			round_trip(f);
		set_used_event(f, cases[i].event);
		assert_int_equal(virtq_want_interrupt(&f->vq), cases[i].interrupt);
	}
}

/* After a full turn of the index no event can be told from old ones: better once too often. */
static void after_65536_entries_without_a_look_the_driver_is_interrupted(void **state)
{
	struct fixture *f = *state;

	enable(f, true);
	set_used_event(f, 0x8000);
	for (int i = 0; i < 0x10000; i++)
		round_trip(f);
	assert_true(virtq_want_interrupt(&f->vq));
	round_trip(f);
	assert_false(virtq_want_interrupt(&f->vq));
}

static void without_event_idx_a_flag_suppresses_notifications(void **state)
{
	struct fixture *f = *state;

	assert_false(virtq_want_notify(&f->vq, false));
	assert_int_equal(fake_get16(&f->g, f->driver->used), VIRTQ_USED_F_NO_NOTIFY);
	assert_false(virtq_want_notify(&f->vq, true));
	assert_int_equal(fake_get16(&f->g, f->driver->used), 0);
}

static void with_event_idx_the_device_names_the_chain_it_waits_for(void **state)
{
	struct fixture *f = *state;
	gpa_t avail_event;

	enable(f, true);
	avail_event = gpa_add(f->driver->used, 4 + 8 * SIZE);
	round_trip(f);
	round_trip(f);
	assert_false(virtq_want_notify(&f->vq, true));
	assert_int_equal(fake_get16(&f->g, avail_event), 2);
	round_trip(f);
	/* Left behind, so that the driver stays quiet; the flag must stay 0 (2.7.10.2). */
	assert_false(virtq_want_notify(&f->vq, false));
	assert_int_equal(fake_get16(&f->g, avail_event), 2);
	assert_int_equal(fake_get16(&f->g, f->driver->used), 0);
}

static void asking_for_notifications_tells_what_came_before(void **state)
{
	struct fixture *f = *state;
	struct fake_buf buf = fake_in(&f->g, 16);

	for (int event_idx = 0; event_idx < 2; event_idx++) {
		enable(f, event_idx);
		assert_false(virtq_want_notify(&f->vq, false));
		fake_add(f->driver, &buf, 1);
		fake_publish(f->driver);
		assert_true(virtq_want_notify(&f->vq, true));
		assert_int_equal(pop(f), 1);
		assert_false(virtq_want_notify(&f->vq, true));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_queue_is_enabled_only_where_it_fits_and_is_aligned),
		TEST(a_queue_that_is_not_enabled_has_no_work_and_takes_none_back),
		TEST(an_empty_ring_gives_nothing),
		TEST(a_chain_is_invisible_until_the_index_moves),
		TEST(chains_come_in_the_order_of_the_available_ring),
		TEST(an_unpopped_chain_comes_again),
		TEST(streams_are_the_same_however_they_are_cut),
		TEST(an_indirect_table_may_end_a_chain_of_descriptors),
		TEST(an_indirect_chain_has_at_most_as_many_buffers_as_the_largest_queue),
		TEST(a_direct_head_before_a_full_indirect_table_is_one_buffer_too_many),
		TEST(a_legal_chain_is_taken_and_an_illegal_one_breaks_the_queue),
		TEST(a_broken_queue_serves_nothing_until_it_is_set_up_anew),
		TEST(a_chain_holds_at_most_4_gib),
		TEST(a_driver_that_changes_a_descriptor_meanwhile_gains_nothing),
		TEST(a_stream_is_described_as_host_addresses),
		TEST(readable_bytes_are_described_without_counting_as_written),
		TEST(a_pushed_chain_shows_its_head_and_what_was_written),
		TEST(a_length_of_2_32_is_given_as_one_less),
		TEST(entries_filled_ahead_appear_together),
		TEST(indices_wrap_at_65536),
		TEST(without_event_idx_a_flag_suppresses_interrupts),
		TEST(with_event_idx_the_driver_names_the_entry_it_waits_for),
		TEST(after_65536_entries_without_a_look_the_driver_is_interrupted),
		TEST(without_event_idx_a_flag_suppresses_notifications),
		TEST(with_event_idx_the_device_names_the_chain_it_waits_for),
		TEST(asking_for_notifications_tells_what_came_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
