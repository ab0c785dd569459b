/* SPDX-License-Identifier: MIT */
/* virtio/mmio.h: what a driver does wrong (virtio 1.2, 4.2.2.2) changes nothing, and is logged. */
#include "tests/unit/mmio_fixture.h"

/* 4.2.2.2: the driver must use aligned accesses of 32 bits. */
static void control_registers_answer_only_to_aligned_32_bit_accesses(void **state)
{
	static const struct {
		uint64_t reg;
		unsigned int size;
	} cases[] = {
		{VIRTIO_MMIO_MAGIC_VALUE, 1},
		{VIRTIO_MMIO_MAGIC_VALUE, 2},
		{VIRTIO_MMIO_MAGIC_VALUE, 8},
		{VIRTIO_MMIO_MAGIC_VALUE + 1, 4},
		{VIRTIO_MMIO_MAGIC_VALUE + 2, 4},
		{VIRTIO_MMIO_MAGIC_VALUE + 3, 1},
		{0x0fe, 4}, /* reaches into the configuration space */
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++)
		assert_int_equal(read_sized(f, cases[i].reg, cases[i].size), 0);

	write_sized(f, VIRTIO_MMIO_STATUS, 1, VIRTIO_STATUS_ACKNOWLEDGE);
	write_sized(f, VIRTIO_MMIO_STATUS, 2, VIRTIO_STATUS_ACKNOWLEDGE);
	write_sized(f, VIRTIO_MMIO_STATUS, 8, VIRTIO_STATUS_ACKNOWLEDGE);
	write_sized(f, VIRTIO_MMIO_STATUS + 1, 4, 0x0101);
	assert_int_equal(fake_status(&f->g), 0);
	go_live(f);
	write_sized(f, VIRTIO_MMIO_STATUS, 1, 0);
	write_sized(f, VIRTIO_MMIO_QUEUE_NOTIFY, 2, 0);
	assert_true(fake_status(&f->g) & VIRTIO_STATUS_DRIVER_OK);
	assert_int_equal(f->d.notified, 0);
}

static void writing_to_a_read_only_register_changes_nothing(void **state)
{
	static const uint64_t regs[] = {VIRTIO_MMIO_MAGIC_VALUE,      VIRTIO_MMIO_VERSION,
					VIRTIO_MMIO_DEVICE_ID,	      VIRTIO_MMIO_VENDOR_ID,
					VIRTIO_MMIO_QUEUE_NUM_MAX,    VIRTIO_MMIO_INTERRUPT_STATUS,
					VIRTIO_MMIO_SHM_LEN_LOW,      0x0c0,
					VIRTIO_MMIO_CONFIG_GENERATION};
	struct fixture *f = *state;

	for (size_t i = 0; i < NR_OF(regs); i++) {
		uint32_t before = fake_read32(&f->g, regs[i]);

		fake_write32(&f->g, regs[i], ~before);
		assert_int_equal(fake_read32(&f->g, regs[i]), before);
	}
}

/* What a driver does wrong is logged with the register's name, which is what its author looks for.
 */
static void a_complaint_names_the_register(void **state)
{
	static const struct {
		bool write;
		uint64_t reg;
		unsigned int size;
		uint64_t value;
		const char *says;
	} cases[] = {
		{false, VIRTIO_MMIO_QUEUE_NOTIFY, 4, 0,
		 "read of QueueNotify (0x50) ignored: write-only"},
		{true, VIRTIO_MMIO_MAGIC_VALUE, 4, 7,
		 "write of 0x7 to MagicValue (0) ignored: read-only"},
		{true, VIRTIO_MMIO_STATUS, 1, 1,
		 "write of 0x1 to Status (0x70) ignored: not an aligned"},
		{false, VIRTIO_MMIO_CONFIG_GENERATION, 2, 0,
		 "read of ConfigGeneration (0xfc) ignored: not an aligned access of 32 bits"},
		{false, VIRTIO_MMIO_QUEUE_USED_HIGH + 2, 4, 0,
		 "read of QueueDeviceHigh (0xa6) ignored"},
		{false, 0x028, 4, 0, "read of offset (0x28) ignored: no register"},
		{true, 0x0f8, 4, 1, "write of 0x1 to offset (0xf8) ignored: no register"},
		{true, VIRTIO_MMIO_QUEUE_READY, 4, 2,
		 "write of 0x2 to QueueReady (0x44) ignored: "},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct log_output output;
		FILE *log = tmpfile();
		char said[256] = "";

		assert_non_null(log);
		log_output_open(&output, fileno(log));
		f->g.log = (struct log){.level = LOG_WARN, .output = &output};
		f->g.log_limit = (struct log_limit){0};
		if (cases[i].write)
			write_sized(f, cases[i].reg, cases[i].size, cases[i].value);
		else
			assert_int_equal(read_sized(f, cases[i].reg, cases[i].size), 0);
		f->g.log.output = NULL;
		log_output_close(&output);
		assert_true(pread(fileno(log), said, sizeof(said) - 1, 0) > 0);
		assert_non_null(strstr(said, "virtio-counting a.img: "));
		assert_non_null(strstr(said, cases[i].says));
		fclose(log);
	}
}

static void only_a_write_of_zero_in_all_32_bits_resets(void **state)
{
	struct fixture *f = *state;

	go_live(f);
	fake_write32(&f->g, VIRTIO_MMIO_STATUS, 0x100);
	fake_write32(&f->g, VIRTIO_MMIO_STATUS, 0xffffff00);
	assert_true(f->d.vdev.active);
	fake_write32(&f->g, VIRTIO_MMIO_STATUS, 0);
	assert_false(f->d.vdev.active);
	assert_int_equal(fake_status(&f->g), 0);
}

/* --- a driver that does not leave a live device alone --- */

static void a_live_device_keeps_its_queues_and_features(void **state)
{
	/* What the driver writes once DRIVER_OK is set, with queue 0 selected. */
	static const struct {
		const char *rule;
		uint64_t reg;
		uint32_t value;
	} cases[] = {
		{"4.2.2.2: QueueNum", VIRTIO_MMIO_QUEUE_NUM, 16},
		{"4.2.2.2: QueueNum", VIRTIO_MMIO_QUEUE_NUM, 0},
		{"4.2.2.2: QueueDescLow", VIRTIO_MMIO_QUEUE_DESC_LOW, 0xfffffff0},
		{"4.2.2.2: QueueDescHigh", VIRTIO_MMIO_QUEUE_DESC_HIGH, 0xffffffff},
		{"4.2.2.2: QueueDriverLow", VIRTIO_MMIO_QUEUE_AVAIL_LOW, 0xfffffffe},
		{"4.2.2.2: QueueDriverHigh", VIRTIO_MMIO_QUEUE_AVAIL_HIGH, 0xffffffff},
		{"4.2.2.2: QueueDeviceLow", VIRTIO_MMIO_QUEUE_USED_LOW, 0xfffffffc},
		{"4.2.2.2: QueueDeviceHigh", VIRTIO_MMIO_QUEUE_USED_HIGH, 0xffffffff},
		{"QueueReady a second time", VIRTIO_MMIO_QUEUE_READY, 1},
		{"QueueReady of neither 0 nor 1", VIRTIO_MMIO_QUEUE_READY, 2},
		{"3.1.1 step 5: features", VIRTIO_MMIO_DRIVER_FEATURES, 0},
		{"2.1.1: fewer status bits", VIRTIO_MMIO_STATUS, VIRTIO_STATUS_DRIVER_OK},
		{"4.2.2.2: undefined interrupts", VIRTIO_MMIO_INTERRUPT_ACK, UINT32_MAX},
		{"QueueReset, not offered", 0x0c0, 1},
		{"SHMSel", VIRTIO_MMIO_SHM_SEL, UINT32_MAX},
		{"a doorbell of no queue", VIRTIO_MMIO_QUEUE_NOTIFY, COUNTING_QUEUES},
		{"a doorbell of no queue", VIRTIO_MMIO_QUEUE_NOTIFY, 0x10000},
	};
	struct fixture *f = *state;
	struct virtq before[COUNTING_QUEUES];

	go_live(f);
	fake_write32(&f->g, VIRTIO_MMIO_QUEUE_SEL, 0);
	memcpy(before, f->d.vdev.queue, sizeof(before));
	for (size_t i = 0; i < NR_OF(cases); i++) {
		print_message("%s\n", cases[i].rule);
		fake_write32(&f->g, cases[i].reg, cases[i].value);
		assert_memory_equal(before, f->d.vdev.queue, sizeof(before));
		assert_int_equal(f->d.vdev.features_driver, f->g.features);
		assert_true(f->d.vdev.active);
		assert_false(needs_reset(f));
		assert_int_equal(f->d.notified, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(control_registers_answer_only_to_aligned_32_bit_accesses),
		TEST(writing_to_a_read_only_register_changes_nothing),
		TEST(a_complaint_names_the_register),
		TEST(only_a_write_of_zero_in_all_32_bits_resets),
		TEST(a_live_device_keeps_its_queues_and_features),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
