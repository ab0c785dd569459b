/* SPDX-License-Identifier: MIT */
/* virtio/mmio.h: the registers of virtio-mmio (virtio 1.2, 4.2). */
#include "tests/unit/mmio_fixture.h"

/* --- registers (4.2.2) --- */

static void a_fresh_device_shows_what_it_is(void **state)
{
	static const struct {
		const char *name;
		uint64_t reg;
		uint32_t value;
	} cases[] = {
		{"MagicValue", VIRTIO_MMIO_MAGIC_VALUE, 0x74726976},
		{"Version", VIRTIO_MMIO_VERSION, 2},
		{"DeviceID", VIRTIO_MMIO_DEVICE_ID, COUNTING_ID},
		{"VendorID", VIRTIO_MMIO_VENDOR_ID, 0x4d4d5654},
		{"QueueNumMax", VIRTIO_MMIO_QUEUE_NUM_MAX, VIRTQ_MAX_SIZE},
		{"QueueReady", VIRTIO_MMIO_QUEUE_READY, 0},
		{"InterruptStatus", VIRTIO_MMIO_INTERRUPT_STATUS, 0},
		{"Status", VIRTIO_MMIO_STATUS, 0},
		{"SHMLenLow: no such region", VIRTIO_MMIO_SHM_LEN_LOW, UINT32_MAX},
		{"SHMLenHigh", VIRTIO_MMIO_SHM_LEN_HIGH, UINT32_MAX},
		{"SHMBaseLow", VIRTIO_MMIO_SHM_BASE_LOW, UINT32_MAX},
		{"SHMBaseHigh", VIRTIO_MMIO_SHM_BASE_HIGH, UINT32_MAX},
		{"QueueReset: not offered", 0x0c0, 0},
		{"ConfigGeneration", VIRTIO_MMIO_CONFIG_GENERATION, 0},
		/* 4.2.2.2: must not be read; there is nothing behind them */
		{"DriverFeatures", VIRTIO_MMIO_DRIVER_FEATURES, 0},
		{"QueueNotify", VIRTIO_MMIO_QUEUE_NOTIFY, 0},
		{"InterruptACK", VIRTIO_MMIO_INTERRUPT_ACK, 0},
		{"QueueDescLow", VIRTIO_MMIO_QUEUE_DESC_LOW, 0},
		{"legacy GuestPageSize", 0x028, 0},
		{"no register", 0x0f8, 0},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		print_message("%s\n", cases[i].name);
		assert_int_equal(fake_read32(&f->g, cases[i].reg), cases[i].value);
	}
}

static void features_are_seen_through_a_window(void **state)
{
	static const uint64_t offered = COUNTING_FEATURES | F(VIRTIO_F_VERSION_1) |
					F(VIRTIO_F_EVENT_IDX) | F(VIRTIO_F_INDIRECT_DESC);
	struct fixture *f = *state;

	assert_int_equal(fake_offered(&f->g), offered);
	for (uint32_t word = 2; word != 0; word <<= 1) {
		fake_write32(&f->g, VIRTIO_MMIO_DEVICE_FEATURES_SEL, word);
		assert_int_equal(fake_read32(&f->g, VIRTIO_MMIO_DEVICE_FEATURES), 0);
		fake_write32(&f->g, VIRTIO_MMIO_DRIVER_FEATURES_SEL, word);
		fake_write32(&f->g, VIRTIO_MMIO_DRIVER_FEATURES, UINT32_MAX);
		assert_int_equal(f->d.vdev.features_driver, 0);
	}
	fake_accept(&f->g, offered);
	assert_int_equal(f->d.vdev.features_driver, offered);
}

static void a_handshake_brings_the_device_to_life(void **state)
{
	struct fixture *f = *state;

	go_live(f);
	assert_int_equal(f->d.activated, 1);
	for (unsigned int i = 0; i < COUNTING_QUEUES; i++) {
		const struct virtq *vq = &f->d.vdev.queue[i];

		assert_true(vq->enabled);
		assert_int_equal(vq->size, 8);
		assert_int_equal(vq->desc.addr, f->g.vq[i].desc.addr);
		assert_int_equal(vq->driver.addr, f->g.vq[i].avail.addr);
		assert_int_equal(vq->device.addr, f->g.vq[i].used.addr);
	}
}

static void queue_addresses_have_64_bits(void **state)
{
	struct fixture *f = *state;

	f->g.vq[0].desc = gpa(0x1122334455667788);
	f->g.vq[0].avail = gpa(0x99aabbccddeeff00);
	f->g.vq[0].used = gpa(0xffffffff00000000);
	fake_vq_set(&f->g.vq[0]);
	assert_int_equal(f->d.vdev.queue[0].desc.addr, 0x1122334455667788);
	assert_int_equal(f->d.vdev.queue[0].driver.addr, 0x99aabbccddeeff00);
	assert_int_equal(f->d.vdev.queue[0].device.addr, 0xffffffff00000000);
}

/* 4.2.2: QueueNumMax is 0 for a queue that is not there; writes to it go nowhere. */
static void a_queue_that_is_not_there_is_inert(void **state)
{
	static const uint32_t absent[] = {COUNTING_QUEUES, VDEV_MAX_QUEUES, 0xffff, 0x10000,
					  UINT32_MAX};
	struct fixture *f = *state;

	assert_true(fake_negotiate(&f->g, ALL_FEATURES));
	for (size_t i = 0; i < NR_OF(absent); i++) {
		fake_write32(&f->g, VIRTIO_MMIO_QUEUE_SEL, absent[i]);
		assert_int_equal(fake_read32(&f->g, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
		fake_write32(&f->g, VIRTIO_MMIO_QUEUE_NUM, 8);
		fake_write32(&f->g, VIRTIO_MMIO_QUEUE_DESC_LOW, FAKE_RAM_START);
		fake_write32(&f->g, VIRTIO_MMIO_QUEUE_READY, 1);
		assert_int_equal(fake_read32(&f->g, VIRTIO_MMIO_QUEUE_READY), 0);
		fake_write32(&f->g, VIRTIO_MMIO_QUEUE_READY, 0);
	}
	assert_false(needs_reset(f));
}

static void a_queue_that_cannot_be_is_refused(void **state)
{
	/* Sizes that a narrower variable would take for 8. */
	static const uint32_t sizes[] = {0, 3, 512, 0x8000, 0x10008, 0x80000008, UINT32_MAX};
	struct fixture *f = *state;

	for (size_t i = 0; i < NR_OF(sizes); i++) {
		assert_true(fake_negotiate(&f->g, ALL_FEATURES));
		fake_vq_layout(&f->g.vq[0], 8);
		fake_vq_set(&f->g.vq[0]);
		fake_write32(&f->g, VIRTIO_MMIO_QUEUE_NUM, sizes[i]);
		assert_false(fake_vq_ready(&f->g.vq[0]));
		assert_true(needs_reset(f));
	}
	go_live(f); /* a reset recovers */
}

static void without_doorbells_the_write_itself_notifies(void **state)
{
	struct fixture *f = *state;

	go_live(f);
	fake_write32(&f->g, VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	assert_int_equal(f->d.notified, 1);
}

/* 3.3.1: only a reset takes a live queue back. */
static void taking_a_queue_from_a_live_device_needs_a_reset(void **state)
{
	struct fixture *f = *state;

	go_live(f);
	fake_write32(&f->g, VIRTIO_MMIO_QUEUE_SEL, 1);
	fake_write32(&f->g, VIRTIO_MMIO_QUEUE_READY, 0);
	assert_int_equal(fake_read32(&f->g, VIRTIO_MMIO_QUEUE_READY), 0);
	assert_int_equal(f->d.deactivated, 1);
	assert_true(needs_reset(f));
	fake_kick(&f->g.vq[0]);
	assert_int_equal(f->d.notified, 0);
	go_live(f);
	fake_kick(&f->g.vq[0]);
	assert_int_equal(f->d.notified, 1);
}

static void a_queue_made_ready_before_features_ok_is_a_fault(void **state)
{
	struct fixture *f = *state;

	fake_vq_layout(&f->g.vq[0], 8);
	fake_vq_set(&f->g.vq[0]);
	assert_false(fake_vq_ready(&f->g.vq[0]));
	assert_true(needs_reset(f));
}

/* --- interrupts --- */

static void an_interrupt_shows_its_reasons_until_they_are_acknowledged(void **state)
{
	struct fixture *f = *state;
	struct vdev *vdev = &f->d.vdev;

	go_live(f);
	vdev->transport.interrupt(vdev->transport.ctx, VIRTIO_ISR_QUEUE);
	vdev_config_changed(vdev);
	assert_int_equal(f->g.interrupts, 2);
	assert_int_equal(fake_read32(&f->g, VIRTIO_MMIO_INTERRUPT_STATUS), 3);
	assert_int_equal(fake_read32(&f->g, VIRTIO_MMIO_INTERRUPT_STATUS), 3);
	fake_write32(&f->g, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_ISR_QUEUE);
	assert_int_equal(fake_read32(&f->g, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_ISR_CONFIG);
	fake_write32(&f->g, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_ISR_CONFIG);
	assert_int_equal(fake_read32(&f->g, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
}

/* The line is an edge: the driver may have read the status just before the second reason came. */
static void each_reason_raises_the_line_though_the_last_is_not_acknowledged(void **state)
{
	struct fixture *f = *state;

	go_live(f);
	vdev_config_changed(&f->d.vdev);
	vdev_config_changed(&f->d.vdev);
	assert_int_equal(f->g.interrupts, 2);
}

/* 4.2.2.1 */
static void a_reset_takes_interrupts_and_queues_back(void **state)
{
	struct fixture *f = *state;

	go_live(f);
	vdev_config_changed(&f->d.vdev);
	fake_write32(&f->g, VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(fake_read32(&f->g, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	for (uint32_t i = 0; i < COUNTING_QUEUES; i++) {
		fake_write32(&f->g, VIRTIO_MMIO_QUEUE_SEL, i);
		assert_int_equal(fake_read32(&f->g, VIRTIO_MMIO_QUEUE_READY), 0);
	}
}

/* --- configuration space --- */

static void the_configuration_is_read_at_any_width(void **state)
{
	struct fixture *f = *state;

	for (uint8_t i = 0; i < COUNTING_CONFIG; i++)
		f->d.config[i] = (uint8_t)(i + 1);
	assert_int_equal(read_sized(f, VIRTIO_MMIO_CONFIG, 1), 0x01);
	assert_int_equal(read_sized(f, VIRTIO_MMIO_CONFIG + 2, 2), 0x0403);
	assert_int_equal(read_sized(f, VIRTIO_MMIO_CONFIG + 4, 4), 0x08070605);
	assert_int_equal(read_sized(f, VIRTIO_MMIO_CONFIG, 8), 0x0807060504030201);
	assert_int_equal(read_sized(f, VIRTIO_MMIO_CONFIG + 7, 4), 0x08);
	assert_int_equal(read_sized(f, VIRTIO_MMIO_CONFIG + 8, 8), 0);
	assert_int_equal(read_sized(f, VIRTIO_MMIO_SLOT_BYTES - 8, 8), 0);
}

static void the_configuration_is_written_where_it_may_be(void **state)
{
	static const uint8_t expected[COUNTING_CONFIG] = {0, 0, 0x22, 0x11, 0x44, 0x33};
	struct fixture *f = *state;

	go_live(f);
	write_sized(f, VIRTIO_MMIO_CONFIG + 2, 2, 0x1122);
	write_sized(f, VIRTIO_MMIO_CONFIG + 4, 1, 0x44);
	write_sized(f, VIRTIO_MMIO_CONFIG + 5, 1, 0x33);
	write_sized(f, VIRTIO_MMIO_CONFIG, 8, UINT64_MAX);
	write_sized(f, VIRTIO_MMIO_SLOT_BYTES - 4, 4, UINT32_MAX);
	assert_memory_equal(f->d.config, expected, sizeof(expected));
	assert_int_equal(f->d.config_writes, 3);
}

static void a_change_of_configuration_changes_its_generation(void **state)
{
	struct fixture *f = *state;
	uint32_t before = fake_read32(&f->g, VIRTIO_MMIO_CONFIG_GENERATION);

	vdev_config_changed(&f->d.vdev);
	assert_int_not_equal(fake_read32(&f->g, VIRTIO_MMIO_CONFIG_GENERATION), before);
}

/* --- life --- */

static void a_slot_that_is_taken_destroys_the_device_it_was_for(void **state)
{
	struct fixture *f = *state;
	struct counting_device second;
	struct device *device = NULL;

	counting_device_init(&second, &f->g.env);
	assert_int_equal(virtio_mmio_create(&f->g.env, gpa(FAKE_SLOT), &second.vdev, &device),
			 -EEXIST);
	assert_null(device);
	assert_int_equal(second.destroyed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_fresh_device_shows_what_it_is),
		TEST(features_are_seen_through_a_window),
		TEST(a_handshake_brings_the_device_to_life),
		TEST(queue_addresses_have_64_bits),
		TEST(a_queue_that_is_not_there_is_inert),
		TEST(a_queue_that_cannot_be_is_refused),
		TEST(without_doorbells_the_write_itself_notifies),
		TEST(taking_a_queue_from_a_live_device_needs_a_reset),
		TEST(a_queue_made_ready_before_features_ok_is_a_fault),
		TEST(an_interrupt_shows_its_reasons_until_they_are_acknowledged),
		TEST(each_reason_raises_the_line_though_the_last_is_not_acknowledged),
		TEST(a_reset_takes_interrupts_and_queues_back),
		TEST(the_configuration_is_read_at_any_width),
		TEST(the_configuration_is_written_where_it_may_be),
		TEST(a_change_of_configuration_changes_its_generation),
		TEST(a_slot_that_is_taken_destroys_the_device_it_was_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
