/* SPDX-License-Identifier: MIT */
/* virtio 1.2, 4.2.2: the addresses of a queue are written in halves, in any order and again. */
#include "tests/unit/mmio_fixture.h"

static void a_half_is_written_alone(void **state)
{
	static const struct {
		uint32_t low, high;
	} reg[] = {
		{VIRTIO_MMIO_QUEUE_DESC_LOW, VIRTIO_MMIO_QUEUE_DESC_HIGH},
		{VIRTIO_MMIO_QUEUE_AVAIL_LOW, VIRTIO_MMIO_QUEUE_AVAIL_HIGH},
		{VIRTIO_MMIO_QUEUE_USED_LOW, VIRTIO_MMIO_QUEUE_USED_HIGH},
	};
	struct fixture *f = *state;
	struct virtq *vq = &f->d.vdev.queue[0];
	const gpa_t *const at[] = {&vq->desc, &vq->driver, &vq->device};

	assert_true(fake_negotiate(&f->g, ALL_FEATURES));
	fake_write32(&f->g, VIRTIO_MMIO_QUEUE_SEL, 0);
	for (size_t i = 0; i < NR_OF(reg); i++) {
		fake_write32(&f->g, reg[i].low, UINT32_MAX);
		assert_int_equal(at[i]->addr, 0xffffffff);
		fake_write32(&f->g, reg[i].high, UINT32_MAX);
		assert_int_equal(at[i]->addr, UINT64_MAX);
		fake_write32(&f->g, reg[i].low, 0);
		assert_int_equal(at[i]->addr, 0xffffffff00000000);
		fake_write32(&f->g, reg[i].low, UINT32_MAX);
		fake_write32(&f->g, reg[i].high, 0);
		assert_int_equal(at[i]->addr, 0xffffffff);
		fake_write32(&f->g, reg[i].high, 0x12345678);
		assert_int_equal(at[i]->addr, 0x12345678ffffffff);
		fake_write32(&f->g, reg[i].low, 0x9abcdef0);
		assert_int_equal(at[i]->addr, 0x123456789abcdef0);
	}
	/* None has touched another. */
	for (size_t i = 0; i < NR_OF(reg); i++)
		assert_int_equal(at[i]->addr, 0x123456789abcdef0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_half_is_written_alone, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
