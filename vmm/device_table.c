/* SPDX-License-Identifier: MIT */
/* The two tables of devices, and what is made from them. */
#include "vmm/device_table.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "devices/debug_exit.h"
#include "devices/debugcon.h"
#include "devices/ged.h"
#include "devices/i8042.h"
#include "devices/pci_host.h"
#include "devices/post.h"
#include "devices/power.h"
#include "devices/rtc.h"
#include "devices/serial.h"
#include "devices/testdev.h"
#include "devices/timestamp.h"
#include "virtio/blk.h"
#include "virtio/mmio.h"
#include "virtio/net.h"
#include "virtio/rng.h"
#include "vmm/core/array.h"
#include "vmm/x86/memmap.h"

#define NO_GSI UINT32_MAX

/* ---- chips at fixed ports ---------------------------------------------------------------- */

static int create_power(const struct device_env *env, uint16_t port, struct device **device)
{
	const struct power_layout layout = {
		.port = port,
		.nr_ports = POWER_NR_PORTS,
		.sleep_control = POWER_SLEEP_CONTROL,
		.reset = POWER_RESET,
		.reset_value = POWER_RESET_VALUE,
		.s5_type = POWER_S5_TYPE,
	};

	return power_create(env, &layout, device);
}

static int create_testdev(const struct device_env *env, uint16_t port, struct device **device)
{
	const struct testdev_layout layout = {
		.registers = port,
		.flush = PORT_TESTDEV_FLUSH,
		.lines = PORT_TESTDEV_LINES,
		.window = MEMMAP_TESTDEV,
	};

	return testdev_create(env, &layout, device);
}

struct chip_row {
	const char *name;
	uint16_t port;
	uint32_t gsi;
	int (*create)(const struct device_env *env, uint16_t port, struct device **device);
	bool only_for_tests; /* there with --testdev */
};

static const struct chip_row chip_rows[] = {
	{"16550A serial port", PORT_SERIAL, GSI_SERIAL, serial_create, false},
	{"i8042 (reset only)", PORT_I8042, NO_GSI, i8042_create, false},
	{"CMOS clock", PORT_RTC, NO_GSI, rtc_create, false},
	{"POST code", PORT_POST, NO_GSI, post_create, false},
	{"PCI host bridge", PORT_PCI, NO_GSI, pci_host_create, false},
	{"debug console", PORT_DEBUGCON, NO_GSI, debugcon_create, false},
	{"debug exit", PORT_DEBUG_EXIT, NO_GSI, debug_exit_create, false},
	{"ACPI power button", PORT_BUTTON, GSI_BUTTON, ged_create, false},
	{"ACPI sleep and reset", PORT_POWER, NO_GSI, create_power, false},
	{"time stamps of exits", PORT_TIMESTAMP, NO_GSI, timestamp_create, false},
	{"test device", PORT_TESTDEV, NO_GSI, create_testdev, true},
};

static bool has_chip(const struct board *board, const struct chip_row *chip)
{
	return !chip->only_for_tests || board->has_testdev;
}

/* ---- virtio devices in slots ------------------------------------------------------------- */

static unsigned int count_disks(const struct backends *backends)
{
	return backends->nr_disks;
}

static const char *disk_name(const struct backends *backends, unsigned int i)
{
	return backends->disk_path[i];
}

static int create_blk(const struct device_env *env, struct backends *backends, unsigned int i,
		      struct vdev **vdev)
{
	return blk_create(env, &backends->disk[i], vdev);
}

static unsigned int count_taps(const struct backends *backends)
{
	return backends->nr_taps;
}

static const char *tap_name(const struct backends *backends, unsigned int i)
{
	return backends->tap[i].ifname;
}

static int create_net(const struct device_env *env, struct backends *backends, unsigned int i,
		      struct vdev **vdev)
{
	return net_create(env, &backends->tap[i], vdev);
}

static unsigned int count_rng(const struct backends *backends)
{
	return backends->has_rng ? 1 : 0;
}

static const char *rng_name(const struct backends *backends, unsigned int i)
{
	(void)backends;
	(void)i;
	return "getrandom";
}

static int create_rng(const struct device_env *env, struct backends *backends, unsigned int i,
		      struct vdev **vdev)
{
	(void)backends;
	(void)i;
	return rng_create(env, vdev);
}

struct virtio_row {
	const char *name;
	unsigned int (*count)(const struct backends *backends);
	const char *(*backend_name)(const struct backends *backends, unsigned int i);
	int (*create)(const struct device_env *env, struct backends *backends, unsigned int i,
		      struct vdev **vdev);
};

static const struct virtio_row virtio_rows[] = {
	{"virtio-blk", count_disks, disk_name, create_blk},
	{"virtio-net", count_taps, tap_name, create_net},
	{"virtio-rng", count_rng, rng_name, create_rng},
};

_Static_assert(BUTTON_LISTENS == GED_LISTENS, "the DSDT and the device agree");
_Static_assert(MEMMAP_VIRTIO_SLOT == VIRTIO_MMIO_SLOT_BYTES, "the map and the transport agree");
_Static_assert(NR_OF(chip_rows) + MEMMAP_MAX_SLOTS <= DEVICE_TABLE_MAX,
	       "devices fit into the table");

int device_table_slots(const struct backends *backends, struct board *board, struct err *err)
{
	for (size_t row = 0; row < NR_OF(virtio_rows); row++) {
		unsigned int count = virtio_rows[row].count(backends);

		for (unsigned int i = 0; i < count; i++) {
			unsigned int slot = board->nr_slots;

			if (slot == MEMMAP_MAX_SLOTS)
				return err_set(err, -ENOSPC,
					       "--disk, --net, --rng: more than %d virtio devices, "
					       "which is what the I/O APIC has pins for; use fewer",
					       MEMMAP_MAX_SLOTS);
			board->slot[board->nr_slots++] = (struct board_slot){
				.name = virtio_rows[row].name,
				.id = virtio_rows[row].backend_name(backends, i),
				.base = MEMMAP_VIRTIO + (uint64_t)slot * MEMMAP_VIRTIO_SLOT,
				.gsi = GSI_VIRTIO_FIRST + slot,
			};
		}
	}
	return 0;
}

static int create_virtio(const struct device_env *env, const struct virtio_row *row,
			 struct backends *backends, unsigned int i, uint64_t base,
			 struct device **device)
{
	struct vdev *vdev;
	int ret = row->create(env, backends, i, &vdev);

	return ret < 0 ? ret : virtio_mmio_create(env, gpa(base), vdev, device);
}

int device_table_create(const struct device_env *common, const struct device_wiring *wiring,
			struct backends *backends, const struct board *board,
			struct log_limit limits[DEVICE_TABLE_MAX],
			struct device *devices[DEVICE_TABLE_MAX], unsigned int *nr, struct err *err)
{
	struct device_env env = *common;
	unsigned int slot = 0;
	int ret;

	*nr = 0;
	for (size_t row = 0; row < NR_OF(chip_rows); row++) {
		const struct chip_row *chip = &chip_rows[row];

		if (!has_chip(board, chip))
			continue;
		env.irq = wiring->irq(wiring->ctx, chip->gsi);
		env.log_limit = &limits[*nr];
		ret = chip->create(&env, chip->port, &devices[*nr]);
		if (ret < 0)
			return err_set(err, ret, "%s at port 0x%x: %s", chip->name, chip->port,
				       strerror(-ret));
		++*nr;
	}
	for (size_t row = 0; row < NR_OF(virtio_rows); row++) {
		unsigned int count = virtio_rows[row].count(backends);

		for (unsigned int i = 0; i < count; i++, slot++) {
			env.irq = wiring->irq(wiring->ctx, board->slot[slot].gsi);
			env.log_limit = &limits[*nr];
			ret = create_virtio(&env, &virtio_rows[row], backends, i,
					    board->slot[slot].base, &devices[*nr]);
			if (ret < 0)
				return err_set(err, ret, "%s %s: %s", virtio_rows[row].name,
					       board->slot[slot].id, strerror(-ret));
			++*nr;
		}
	}
	return 0;
}

void device_table_print(const struct board *board, FILE *to)
{
	for (size_t row = 0; row < NR_OF(chip_rows); row++) {
		if (!has_chip(board, &chip_rows[row]))
			continue;
		fprintf(to, "%s port 0x%03x   %s", row == 0 ? "devices " : "        ",
			chip_rows[row].port, chip_rows[row].name);
		if (chip_rows[row].gsi != NO_GSI)
			fprintf(to, ", GSI %u", chip_rows[row].gsi);
		fputc('\n', to);
	}
	for (unsigned int i = 0; i < board->nr_slots; i++)
		fprintf(to, "         0x%08" PRIx64 "   %s on %s, GSI %u\n", board->slot[i].base,
			board->slot[i].name, board->slot[i].id, board->slot[i].gsi);
}
