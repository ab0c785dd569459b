/* SPDX-License-Identifier: MIT */
/*
 * The control registers of virtio-mmio (virtio 1.2, 4.2.2, table 4.1). The inside of mmio.c.
 */
#ifndef VIRTIO_MMIO_REGS_H
#define VIRTIO_MMIO_REGS_H

#include <stdbool.h>
#include <stdint.h>

enum {
	REG_MAGIC = 0x000,
	REG_VERSION = 0x004,
	REG_DEVICE_ID = 0x008,
	REG_VENDOR_ID = 0x00c,
	REG_DEVICE_FEATURES = 0x010,
	REG_DEVICE_FEATURES_SEL = 0x014,
	REG_DRIVER_FEATURES = 0x020,
	REG_DRIVER_FEATURES_SEL = 0x024,
	REG_QUEUE_SEL = 0x030,
	REG_QUEUE_NUM_MAX = 0x034,
	REG_QUEUE_NUM = 0x038,
	REG_QUEUE_READY = 0x044,
	REG_QUEUE_NOTIFY = 0x050,
	REG_INTERRUPT_STATUS = 0x060,
	REG_INTERRUPT_ACK = 0x064,
	REG_STATUS = 0x070,
	REG_QUEUE_DESC_LOW = 0x080,
	REG_QUEUE_DESC_HIGH = 0x084,
	REG_QUEUE_DRIVER_LOW = 0x090,
	REG_QUEUE_DRIVER_HIGH = 0x094,
	REG_QUEUE_DEVICE_LOW = 0x0a0,
	REG_QUEUE_DEVICE_HIGH = 0x0a4,
	REG_SHM_SEL = 0x0ac,
	REG_SHM_LEN_LOW = 0x0b0,
	REG_SHM_LEN_HIGH = 0x0b4,
	REG_SHM_BASE_LOW = 0x0b8,
	REG_SHM_BASE_HIGH = 0x0bc,
	REG_QUEUE_RESET = 0x0c0,
	REG_CONFIG_GENERATION = 0x0fc,
	REG_CONFIG = 0x100,
};

/* What a driver may do with a control register, and what the specification calls it. */
struct reg {
	const char *name;
	uint8_t width; /* in bytes; no narrower, wider or misaligned access is one (4.2.2.2) */
	bool readable, writable;
};

#define READ_ONLY(name)              \
	{                            \
		name, 4, true, false \
	}
#define WRITE_ONLY(name)             \
	{                            \
		name, 4, false, true \
	}
#define READ_WRITE(name)            \
	{                           \
		name, 4, true, true \
	}

/* By offset / 4; a place without a name has no register. */
static const struct reg regs[REG_CONFIG / 4] = {
	[REG_MAGIC / 4] = READ_ONLY("MagicValue"),
	[REG_VERSION / 4] = READ_ONLY("Version"),
	[REG_DEVICE_ID / 4] = READ_ONLY("DeviceID"),
	[REG_VENDOR_ID / 4] = READ_ONLY("VendorID"),
	[REG_DEVICE_FEATURES / 4] = READ_ONLY("DeviceFeatures"),
	[REG_DEVICE_FEATURES_SEL / 4] = WRITE_ONLY("DeviceFeaturesSel"),
	[REG_DRIVER_FEATURES / 4] = WRITE_ONLY("DriverFeatures"),
	[REG_DRIVER_FEATURES_SEL / 4] = WRITE_ONLY("DriverFeaturesSel"),
	[REG_QUEUE_SEL / 4] = WRITE_ONLY("QueueSel"),
	[REG_QUEUE_NUM_MAX / 4] = READ_ONLY("QueueNumMax"),
	[REG_QUEUE_NUM / 4] = WRITE_ONLY("QueueNum"),
	[REG_QUEUE_READY / 4] = READ_WRITE("QueueReady"),
	[REG_QUEUE_NOTIFY / 4] = WRITE_ONLY("QueueNotify"),
	[REG_INTERRUPT_STATUS / 4] = READ_ONLY("InterruptStatus"),
	[REG_INTERRUPT_ACK / 4] = WRITE_ONLY("InterruptACK"),
	[REG_STATUS / 4] = READ_WRITE("Status"),
	[REG_QUEUE_DESC_LOW / 4] = WRITE_ONLY("QueueDescLow"),
	[REG_QUEUE_DESC_HIGH / 4] = WRITE_ONLY("QueueDescHigh"),
	[REG_QUEUE_DRIVER_LOW / 4] = WRITE_ONLY("QueueDriverLow"),
	[REG_QUEUE_DRIVER_HIGH / 4] = WRITE_ONLY("QueueDriverHigh"),
	[REG_QUEUE_DEVICE_LOW / 4] = WRITE_ONLY("QueueDeviceLow"),
	[REG_QUEUE_DEVICE_HIGH / 4] = WRITE_ONLY("QueueDeviceHigh"),
	[REG_SHM_SEL / 4] = WRITE_ONLY("SHMSel"),
	[REG_SHM_LEN_LOW / 4] = READ_ONLY("SHMLenLow"),
	[REG_SHM_LEN_HIGH / 4] = READ_ONLY("SHMLenHigh"),
	[REG_SHM_BASE_LOW / 4] = READ_ONLY("SHMBaseLow"),
	[REG_SHM_BASE_HIGH / 4] = READ_ONLY("SHMBaseHigh"),
	[REG_QUEUE_RESET / 4] = READ_WRITE("QueueReset"),
	[REG_CONFIG_GENERATION / 4] = READ_ONLY("ConfigGeneration"),
};

#undef READ_ONLY
#undef WRITE_ONLY
#undef READ_WRITE

#endif
