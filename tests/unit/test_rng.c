/* SPDX-License-Identifier: MIT */
/* virtio/rng.h: the entropy device (virtio 1.2, 5.4) behind virtio-mmio. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "tests/unit/fake_driver.h"
#include "virtio/rng.h"

#define ALL_FEATURES (~0ull)
#define RNG_MAX	     4096 /* bytes for one chain */
#define RNG_TURN     16	  /* chains at a time */

static int setup(void **state)
{
	struct fake_guest *g = calloc(1, sizeof(*g));
	struct vdev *vdev;

	assert_non_null(g);
	fake_guest_init(g);
	assert_int_equal(rng_create(&g->env, &vdev), 0);
	fake_guest_plug(g, vdev);
	*state = g;
	return 0;
}

static int teardown(void **state)
{
	fake_guest_fini(*state);
	free(*state);
	return 0;
}

static void start(struct fake_guest *g, uint16_t queue_size)
{
	assert_true(fake_handshake(g, ALL_FEATURES, queue_size));
}

/* Hands over the chain and takes it back; the bytes that the device says it has written. */
static uint32_t serve(struct fake_guest *g, const struct fake_buf *part, unsigned int nr)
{
	uint32_t written;
	uint16_t head;

	fake_add(&g->vq[0], part, nr);
	fake_kick(&g->vq[0]);
	assert_true(fake_reap(&g->vq[0], &head, &written));
	return written;
}

/* Whether the bytes look written: 16 or more random ones are all zero once in 2^128 times. */
static bool looks_random(struct fake_guest *g, gpa_t at, uint32_t len)
{
	uint8_t bytes[RNG_MAX];

	assert_in_range(len, 16, sizeof(bytes));
	fake_get(g, at, bytes, len);
	for (uint32_t i = 0; i < len; i++) {
		if (bytes[i] != 0)
			return true;
	}
	return false;
}

static bool is_zero(struct fake_guest *g, gpa_t at, uint32_t len)
{
	static const uint8_t zero[64];
	uint8_t bytes[64];

	assert_in_range(len, 1, sizeof(bytes));
	fake_get(g, at, bytes, len);
	return memcmp(bytes, zero, len) == 0;
}

static void it_is_an_entropy_device_with_one_queue(void **state)
{
	struct fake_guest *g = *state;

	assert_int_equal(fake_read32(g, VIRTIO_MMIO_DEVICE_ID), 4); /* 5.4.1 */
	fake_write32(g, VIRTIO_MMIO_QUEUE_SEL, 0);
	assert_int_not_equal(fake_read32(g, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
	fake_write32(g, VIRTIO_MMIO_QUEUE_SEL, 1);
	assert_int_equal(fake_read32(g, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
	assert_int_equal(fake_offered(g) & 0xffffff, 0); /* 5.4.3: no features of its own */
}

static void a_buffer_is_filled_and_nothing_beside_it(void **state)
{
	struct fake_guest *g = *state;
	struct fake_buf around;
	struct fake_buf buf;

	start(g, 8);
	around = fake_in(g, 64 + 64 + 64);
	buf = (struct fake_buf){.at = gpa_add(around.at, 64), .len = 64, .device_writes = true};
	assert_int_equal(serve(g, &buf, 1), 64);
	assert_true(looks_random(g, buf.at, 64));
	assert_true(is_zero(g, around.at, 64));
	assert_true(is_zero(g, gpa_add(around.at, 128), 64));
	assert_int_equal(g->interrupts, 1);
}

static void two_buffers_differ(void **state)
{
	struct fake_guest *g = *state;
	struct fake_buf buf[2];
	uint8_t bytes[2][64];

	start(g, 8);
	for (int i = 0; i < 2; i++) {
		buf[i] = fake_in(g, 64);
		fake_add(&g->vq[0], &buf[i], 1);
	}
	fake_kick(&g->vq[0]);
	for (int i = 0; i < 2; i++)
		fake_get(g, buf[i].at, bytes[i], 64);
	assert_memory_not_equal(bytes[0], bytes[1], 64);
}

/* 2.7.4.1 */
static void it_does_not_matter_how_the_buffer_is_cut(void **state)
{
	struct fake_guest *g = *state;
	struct fake_buf part[8];

	start(g, 8);
	for (uint32_t piece = 16; piece <= 128; piece += 7) {
		struct fake_buf whole = fake_in(g, 128);

		assert_int_equal(serve(g, part, fake_cut(whole, piece, part, 8)), 128);
		assert_true(looks_random(g, whole.at, 16));
		assert_true(looks_random(g, gpa_add(whole.at, 112), 16));
	}
}

/* 5.4.6.2: the device may use less than the whole buffer, and says how much. */
static void a_huge_buffer_gets_a_bounded_part(void **state)
{
	struct fake_guest *g = *state;
	struct fake_buf buf;

	start(g, 8);
	buf = fake_in(g, 0x100000);
	assert_int_equal(serve(g, &buf, 1), RNG_MAX);
	assert_true(looks_random(g, gpa_add(buf.at, RNG_MAX - 16), 16));
	assert_true(is_zero(g, gpa_add(buf.at, RNG_MAX), 64));
}

/* 5.4.6.1: there must be none; the chain goes back unused and the device continues. */
static void a_readable_buffer_is_neither_read_nor_written(void **state)
{
	struct fake_guest *g = *state;
	struct fake_buf buf[2];
	char bytes[5];

	start(g, 8);
	buf[0] = fake_out(g, "keep", 5);
	buf[1] = fake_in(g, 16);
	assert_int_equal(serve(g, buf, 1), 0);
	assert_int_equal(serve(g, buf, 2), 16);
	fake_get(g, buf[0].at, bytes, 5);
	assert_string_equal(bytes, "keep");
	assert_int_equal(fake_status(g) & VIRTIO_STATUS_NEEDS_RESET, 0);
}

static void a_chain_without_bytes_goes_back(void **state)
{
	struct fake_guest *g = *state;
	struct fake_buf buf;

	start(g, 8);
	buf = fake_in(g, 0);
	assert_int_equal(serve(g, &buf, 1), 0);
}

/*
 * More chains than one turn serves: the I/O thread continues by itself, and others come between.
 */
static void a_full_queue_is_served_in_turns_without_another_kick(void **state)
{
	struct fake_guest *g = *state;
	struct fake_buf buf;
	uint16_t head;
	uint32_t written;

	start(g, VIRTQ_MAX_SIZE);
	buf = fake_in(g, 64);
	for (int i = 0; i < VIRTQ_MAX_SIZE; i++)
		fake_add(&g->vq[0], &buf, 1);
	fake_kick(&g->vq[0]);
	assert_in_range(fake_used(&g->vq[0]), 1, RNG_TURN);
	fake_guest_run_io(g);
	for (int i = 0; i < VIRTQ_MAX_SIZE; i++) {
		assert_true(fake_wait(&g->vq[0], &head, &written));
		assert_int_equal(written, 64);
	}
}

static void a_bad_chain_needs_a_reset_and_the_reset_recovers(void **state)
{
	struct fake_guest *g = *state;
	struct fake_buf bad = {.at = gpa(FAKE_RAM_END - 8), .len = 16, .device_writes = true};
	struct fake_buf good;

	start(g, 8);
	good = fake_in(g, 16);
	fake_add(&g->vq[0], &bad, 1);
	fake_add(&g->vq[0], &good, 1);
	fake_kick(&g->vq[0]);
	assert_int_equal(fake_used(&g->vq[0]), 0);
	assert_true(fake_status(g) & VIRTIO_STATUS_NEEDS_RESET);

	start(g, 8);
	assert_int_equal(serve(g, &good, 1), 16);
}

static void two_devices_know_nothing_of_each_other(void **state)
{
	struct fake_guest *g = *state;
	struct fake_guest *other = calloc(1, sizeof(*other));
	struct vdev *vdev;
	struct fake_buf buf;

	assert_non_null(other);
	fake_guest_init(other);
	assert_int_equal(rng_create(&other->env, &vdev), 0);
	fake_guest_plug(other, vdev);
	start(g, 8);
	start(other, 8);
	buf = fake_in(other, 16);
	fake_add(&other->vq[0], &buf, 1);
	fake_kick(&other->vq[0]);
	assert_int_equal(fake_used(&other->vq[0]), 1);
	assert_int_equal(fake_used(&g->vq[0]), 0);
	assert_int_equal(g->interrupts, 0);
	fake_guest_fini(other);
	free(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_an_entropy_device_with_one_queue),
		TEST(a_buffer_is_filled_and_nothing_beside_it),
		TEST(two_buffers_differ),
		TEST(it_does_not_matter_how_the_buffer_is_cut),
		TEST(a_huge_buffer_gets_a_bounded_part),
		TEST(a_readable_buffer_is_neither_read_nor_written),
		TEST(a_chain_without_bytes_goes_back),
		TEST(a_full_queue_is_served_in_turns_without_another_kick),
		TEST(a_bad_chain_needs_a_reset_and_the_reset_recovers),
		TEST(two_devices_know_nothing_of_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
