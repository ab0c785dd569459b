/* SPDX-License-Identifier: MIT */
/*
 * A driver that does anything: the input is a list of what it does with registers, rings and RAM,
 * OP_BYTES each, so that any input is a driver and most of them get as far as the chains.
 *
 * Two devices stand behind virtio-mmio slots: one that uses every function of virtq.h and checks
 * what it is told, and virtio-rng. Whatever happens to them, a reset must make them serve a good
 * driver again. RAM is small and on the heap: few addresses are valid, and none beside it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/core/device.h"
#include "virtio/mmio.h"
#include "virtio/rng.h"

#define RAM_BYTES  0x2000u
#define QUEUE_SIZE 16u
#define DESC	   0x000u /* where each slot's queue 0 lies when it is brought up */
#define AVAIL	   0x100u
#define USED	   0x180u
#define QUEUE_STEP 0x400u /* from the first slot's to the second's */
#define TABLE	   0x800u /* an indirect table */
#define SLOTS	   2u
#define SLOT(n)	   (0x10000ull + (n)*VIRTIO_MMIO_SLOT_BYTES)
#define OP_BYTES   8u
#define MAX_OPS	   256u

/* 4.2.2 */
#define QUEUE_SEL    0x030
#define QUEUE_NUM    0x038
#define QUEUE_READY  0x044
#define QUEUE_NOTIFY 0x050
#define STATUS	     0x070
#define LIVE                                                                            \
	(VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK | \
	 VIRTIO_STATUS_DRIVER_OK)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
	if (!condition)
		abort();
}

/* --- a device that looks closely --- */

static int probe_activate(struct vdev *vdev)
{
	(void)vdev;
	return 0;
}

static void probe_deactivate(struct vdev *vdev)
{
	(void)vdev;
}

/* Bytes of the streams, taken in different ways, add up to what the chain said. */
static void use_chain(struct vchain *chain)
{
	const uint64_t readable = vchain_readable(chain), writable = vchain_writable(chain);
	struct iovec iov[VIRTQ_MAX_SIZE];
	uint8_t bytes[64];
	uint64_t read = 0, described = 0;
	size_t n;
	int nr;

	check(chain->nr_readable <= chain->nr_segments && chain->nr_segments <= VIRTQ_MAX_SIZE);
	check(readable == chain->readable_bytes && writable == chain->writable_bytes);
	check(vchain_iov_readable(chain, readable + 1, iov, VIRTQ_MAX_SIZE) < 0);
	while (read < readable / 2 && (n = vchain_read(chain, bytes, sizeof(bytes))) > 0)
		read += n;
	nr = vchain_iov_readable(chain, readable - read, iov, VIRTQ_MAX_SIZE);
	check(nr >= 0 && nr <= VIRTQ_MAX_SIZE);
	for (int i = 0; i < nr; i++) {
		/* Touched at both ends, so that the sanitizer sees where it is. */
		volatile const uint8_t *base = iov[i].iov_base;

		check(iov[i].iov_len > 0);
		(void)base[0];
		(void)base[iov[i].iov_len - 1];
		described += iov[i].iov_len;
	}
	check(read + described == readable && vchain_readable(chain) == 0);

	memset(bytes, 0xa5, sizeof(bytes));
	check(vchain_write(chain, bytes, sizeof(bytes)) ==
	      (writable < sizeof(bytes) ? writable : sizeof(bytes)));
	nr = vchain_iov_writable(chain, vchain_writable(chain), iov, VIRTQ_MAX_SIZE);
	check(nr >= 0 && vchain_writable(chain) == 0 && chain->written == writable);
}

static void probe_notify(struct vdev *vdev, unsigned int queue)
{
	struct virtq *vq = &vdev->queue[queue];
	struct vchain chain;

	/* A buffer may cover the available ring, and so make new work of every chain. */
	for (unsigned int i = 0; i < vq->size && vdev_pop(vdev, vq, &chain) == 1; i++) {
		virtq_unpop(vq);
		if (vdev_pop(vdev, vq, &chain) != 1)
			break;
		use_chain(&chain);
		virtq_push(vq, &chain);
	}
	vdev_queue_interrupt(vdev, vq);
	virtq_want_notify(vq, (queue & 1) == 0);
}

static void probe_destroy(struct vdev *vdev)
{
	vdev_fini(vdev);
}

static const struct vdev_ops probe_ops = {
	.name = "probe",
	.device_id = 1,
	.activate = probe_activate,
	.deactivate = probe_deactivate,
	.notify = probe_notify,
	.destroy = probe_destroy,
};

/* --- the guest --- */

static void write32(struct bus *bus, uint64_t at, uint32_t value)
{
	bus_write(bus, at, &value, sizeof(value), 1);
}

static uint32_t read32(struct bus *bus, uint64_t at)
{
	uint32_t value;

	bus_read(bus, at, &value, sizeof(value), 1);
	return value;
}

/* What a good driver does first (3.1.1 steps 1 to 6). */
static void negotiate(struct bus *bus, uint64_t slot, uint32_t features)
{
	write32(bus, slot + STATUS, 0);
	check(read32(bus, slot + STATUS) == 0);
	write32(bus, slot + 0x024, 0);
	write32(bus, slot + 0x020, features);
	write32(bus, slot + 0x024, 1);
	write32(bus, slot + 0x020, 1u << (VIRTIO_F_VERSION_1 - 32));
	write32(bus, slot + STATUS, LIVE & ~VIRTIO_STATUS_DRIVER_OK);
}

/* And then, up to DRIVER_OK with queue 0 in its place. */
static void bring_up(struct bus *bus, unsigned int n, uint32_t features)
{
	const uint64_t slot = SLOT(n);

	negotiate(bus, slot, features);
	write32(bus, slot + QUEUE_SEL, 0);
	write32(bus, slot + QUEUE_NUM, QUEUE_SIZE);
	write32(bus, slot + 0x080, DESC + n * QUEUE_STEP);
	write32(bus, slot + 0x084, 0);
	write32(bus, slot + 0x090, AVAIL + n * QUEUE_STEP);
	write32(bus, slot + 0x094, 0);
	write32(bus, slot + 0x0a0, USED + n * QUEUE_STEP);
	write32(bus, slot + 0x0a4, 0);
	write32(bus, slot + QUEUE_READY, 1);
	write32(bus, slot + STATUS, LIVE);
	check(read32(bus, slot + STATUS) == LIVE);
}

/*
 * Writes a descriptor into a queue's table or the indirect one. Small numbers are themselves, the
 * largest are the ends of what the field can hold.
 */
static void put_desc(struct gmem *mem, unsigned int slot, const uint8_t *op)
{
	const uint16_t addr = (uint16_t)(op[4] | op[5] << 8), len = (uint16_t)(op[6] | op[7] << 8);
	struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next;
	} desc = {
		.addr = addr < 0xf000 ? addr % (RAM_BYTES + 32) : UINT64_MAX - (addr & 0xfff),
		.len = len < 0xf000 ? len >> (op[2] >> 4) : UINT32_MAX - (len & 0xfff),
		.flags = op[3] & 7,
		.next = op[3] >> 3,
	};
	uint64_t table = op[2] & 1 ? TABLE : DESC + slot * QUEUE_STEP;

	if (op[2] & 2)
		desc.addr = TABLE;
	if (op[2] & 4)
		desc.len &= ~15u;
	(void)gmem_write(mem, gpa(table + op[1] % 32 * sizeof(desc)), &desc, sizeof(desc));
}

/* Puts a head into the ring and publishes it, usually by one. */
static void put_head(struct gmem *mem, unsigned int slot, const uint8_t *op)
{
	gpa_t avail = gpa(AVAIL + slot * QUEUE_STEP);
	uint16_t head = op[1], idx;

	check(gmem_read(mem, gpa_add(avail, 2), &idx, sizeof(idx)) == 0);
	(void)gmem_write(mem, gpa_add(avail, 4 + 2 * (idx % QUEUE_SIZE)), &head, sizeof(head));
	idx = (uint16_t)(idx + 1 + (op[2] == 0xff ? op[3] : 0));
	(void)gmem_write(mem, gpa_add(avail, 2), &idx, sizeof(idx));
}

static void run_op(struct bus *bus, struct gmem *mem, const uint8_t *op)
{
	const unsigned int slot = op[0] >> 7, width = 1u << (op[0] >> 5 & 3);
	const uint64_t reg = (op[1] | (uint64_t)op[2] << 8) % VIRTIO_MMIO_SLOT_BYTES;
	uint64_t value = 0;

	memcpy(&value, op + 4, 4);
	switch (op[0] % 32) {
	case 0:
		bus_read(bus, SLOT(slot) + reg, &value, width, 1);
		break;
	case 1:
		bus_write(bus, SLOT(slot) + reg, &value, width, 1);
		break;
	case 2:
		write32(bus, SLOT(slot) + reg % 64 * 4, (uint32_t)value);
		break;
	case 3:
		if (op[1] & 2)
			negotiate(bus, SLOT(slot), 0);
		else
			bring_up(bus, slot, op[1] & 1 ? 1u << VIRTIO_F_EVENT_IDX : 0);
		break;
	case 4:
		(void)gmem_write(mem, gpa(reg), &value, width);
		break;
	case 5 ... 12:
		write32(bus, SLOT(slot) + QUEUE_NOTIFY, op[1] & 1);
		break;
	case 13 ... 20:
		put_head(mem, slot, op);
		break;
	default:
		put_desc(mem, slot, op);
		break;
	}
}

/* After whatever was done to it: reset, and one buffer of 16 bytes comes back. */
static void check_recovery(struct bus *bus, unsigned int slot, uint8_t *ram)
{
	static const struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next;
	} desc = {RAM_BYTES - 16, 16, VIRTQ_DESC_F_WRITE, 0};
	const uint8_t *used = ram + USED + slot * QUEUE_STEP;

	memset(ram, 0, RAM_BYTES);
	memcpy(ram + DESC + slot * QUEUE_STEP, &desc, sizeof(desc));
	ram[AVAIL + slot * QUEUE_STEP + 2] = 1;
	bring_up(bus, slot, 0);
	write32(bus, SLOT(slot) + QUEUE_NOTIFY, 0);
	check(used[2] == 1 && used[8] == 16);
	check(read32(bus, SLOT(slot) + STATUS) == LIVE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct log log = {.level = LOG_ERROR};
	struct vdev probe = {.ops = &probe_ops, .nr_queues = 2};
	struct device *device[SLOTS] = {0};
	uint8_t *ram = calloc(1, RAM_BYTES);
	struct log_limit log_limit = {0};
	struct device_env env = {.log = &log, .log_limit = &log_limit};
	struct gmem mem = {0};
	struct bus bus = {0};
	struct vdev *rng;

	check(ram != NULL && gmem_add(&mem, gpa(0), RAM_BYTES, ram) == 0);
	env.mem = &mem;
	env.mmio = &bus;
	check(evloop_create(&env.loop) == 0);
	check(vdev_init(&probe, &env) == 0);
	check(virtio_mmio_create(&env, gpa(SLOT(0)), &probe, &device[0]) == 0);
	check(rng_create(&env, &rng) == 0);
	check(virtio_mmio_create(&env, gpa(SLOT(1)), rng, &device[1]) == 0);

	for (unsigned int i = 0; i < SLOTS; i++)
		bring_up(&bus, i, size & 1 ? 1u << VIRTIO_F_EVENT_IDX : 0);
	for (unsigned int n = 0; n < MAX_OPS && size >= OP_BYTES; n++) {
		run_op(&bus, &mem, data);
		data += OP_BYTES;
		size -= OP_BYTES;
	}
	for (unsigned int i = 0; i < SLOTS; i++) {
		check_recovery(&bus, i, ram);
		device_destroy(device[i]);
	}
	evloop_destroy(env.loop);
	free(ram);
	return 0;
}
