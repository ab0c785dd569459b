/* SPDX-License-Identifier: MIT */
/*
 * The virtio-mmio transport, version 2 (virtio 1.2, section 4.2).
 *
 * A driver may use the control registers with aligned 32-bit accesses only, may not read the
 * write-only ones and may not write the read-only ones (4.2.2.2). What it does otherwise has no
 * effect, reads zero, and is logged at a limited rate.
 */
#include "virtio/mmio.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* 4.2.2, table 4.1 */
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

#define MAGIC	  0x74726976u /* "virt" */
#define VERSION	  2u
#define VENDOR_ID 0x4d4d5654u /* "TVMM"; nobody assigns these */

/* The doorbell of one queue. Its eventfd is made when first needed and kept until the end. */
struct bell {
	struct virtio_mmio *slot;
	unsigned int queue;
	bool in_loop;
	bool bound;
	struct ev_source source;
};

struct virtio_mmio {
	struct device device;
	gpa_t base;
	struct vdev *vdev; /* its lock protects what follows as well */
	struct irq irq;
	struct doorbell doorbell;
	struct evloop *loop;
	uint32_t isr; /* VIRTIO_ISR_* */
	uint32_t device_features_sel, driver_features_sel, queue_sel;
	struct bell bell[VDEV_MAX_QUEUES];
};

static void complain(struct virtio_mmio *slot, const char *what, uint64_t offset, uint64_t value)
{
	struct vdev *vdev = slot->vdev;

	log_limited(vdev->log, &vdev->log_limit, LOG_WARN,
		    "%s at %#" PRIx64 ": %s, offset %#" PRIx64 ", value %#" PRIx64 "",
		    vdev->ops->name, slot->base.addr, what, offset, value);
}

/* --- interrupts and doorbells --- */

static void raise_interrupt(void *ctx, uint32_t isr_bits)
{
	struct virtio_mmio *slot = ctx;

	/*
	 * The line is an edge: raised also when the bit is set already, since the driver may have
	 * read InterruptStatus just before.
	 */
	slot->isr |= isr_bits;
	irq_raise(&slot->irq);
}

/* On the I/O thread: the driver rang. If the device was reset meanwhile, vdev_notify() knows. */
static void bell_rung(void *ctx, uint32_t epoll_events)
{
	struct bell *bell = ctx;
	struct vdev *vdev = bell->slot->vdev;
	eventfd_t count;

	(void)epoll_events;
	/* Emptied first: whoever rings from here on wakes us again. */
	if (eventfd_read(bell->source.fd, &count) != 0)
		return;
	pthread_mutex_lock(&vdev->lock);
	vdev_notify(vdev, bell->queue);
	pthread_mutex_unlock(&vdev->lock);
}

static gpa_t notify_register(const struct virtio_mmio *slot)
{
	return gpa_add(slot->base, REG_QUEUE_NOTIFY);
}

static int bell_open(struct bell *bell)
{
	int ret;

	if (bell->in_loop)
		return 0;
	bell->source = (struct ev_source){
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.ready = bell_rung,
		.ctx = bell,
	};
	if (bell->source.fd < 0)
		return -errno;
	ret = evloop_add(bell->slot->loop, &bell->source, EPOLLIN);
	if (ret != 0) {
		close(bell->source.fd);
		return ret;
	}
	bell->in_loop = true;
	return 0;
}

static int bind_bell(struct bell *bell)
{
	const struct virtio_mmio *slot = bell->slot;
	int ret = bell_open(bell);

	if (ret == 0)
		ret = slot->doorbell.bind(slot->doorbell.ctx, notify_register(slot), bell->queue,
					  bell->source.fd);
	bell->bound = ret == 0;
	return ret;
}

/*
 * Without a doorbell the driver's write arrives here, which is slower and otherwise the same. Who
 * measures must know.
 */
static void bind_bells(struct virtio_mmio *slot)
{
	struct vdev *vdev = slot->vdev;

	if (slot->doorbell.bind == NULL)
		return;
	for (unsigned int i = 0; i < vdev->nr_queues; i++) {
		int ret = vdev->queue[i].enabled ? bind_bell(&slot->bell[i]) : 0;

		if (ret != 0)
			log_limited(vdev->log, &vdev->log_limit, LOG_WARN,
				    "%s at %#" PRIx64 ": no doorbell for queue %u: %s; each "
				    "notification is an exit",
				    vdev->ops->name, slot->base.addr, i, strerror(-ret));
	}
}

static void unbind_bells(struct virtio_mmio *slot)
{
	for (unsigned int i = 0; i < slot->vdev->nr_queues; i++) {
		struct bell *bell = &slot->bell[i];

		if (!bell->bound)
			continue;
		slot->doorbell.unbind(slot->doorbell.ctx, notify_register(slot), i,
				      bell->source.fd);
		bell->bound = false;
	}
}

/* --- registers --- */

static struct virtq *selected_queue(const struct virtio_mmio *slot)
{
	struct vdev *vdev = slot->vdev;

	return slot->queue_sel < vdev->nr_queues ? &vdev->queue[slot->queue_sel] : NULL;
}

static uint32_t device_features(const struct virtio_mmio *slot)
{
	if (slot->device_features_sel > 1)
		return 0;
	return (uint32_t)(slot->vdev->features_offered >> (32 * slot->device_features_sel));
}

static uint32_t read_register(struct virtio_mmio *slot, uint64_t reg)
{
	const struct virtq *vq = selected_queue(slot);

	switch (reg) {
	case REG_MAGIC:
		return MAGIC;
	case REG_VERSION:
		return VERSION;
	case REG_DEVICE_ID:
		return slot->vdev->ops->device_id;
	case REG_VENDOR_ID:
		return VENDOR_ID;
	case REG_DEVICE_FEATURES:
		return device_features(slot);
	case REG_QUEUE_NUM_MAX:
		return vq != NULL ? VIRTQ_MAX_SIZE : 0;
	case REG_QUEUE_READY:
		return vq != NULL && vq->enabled;
	case REG_INTERRUPT_STATUS:
		return slot->isr;
	case REG_STATUS:
		return slot->vdev->status;
	case REG_SHM_LEN_LOW: /* there is no shared memory */
	case REG_SHM_LEN_HIGH:
	case REG_SHM_BASE_LOW:
	case REG_SHM_BASE_HIGH:
		return UINT32_MAX;
	case REG_QUEUE_RESET: /* VIRTIO_F_RING_RESET is not offered */
		return 0;
	case REG_CONFIG_GENERATION:
		return slot->vdev->config_generation;
	default:
		complain(slot, "read of no readable register", reg, 0);
		return 0;
	}
}

static void write_status(struct virtio_mmio *slot, uint32_t value)
{
	struct vdev *vdev = slot->vdev;
	bool was_active = vdev->active;

	if (value == 0) {
		vdev_write_status(vdev, 0);
		slot->isr = 0; /* 4.2.2.1 */
		unbind_bells(slot);
		return;
	}
	/* Only a zero of all 32 bits is a reset; the upper 24 mean nothing. */
	if ((uint8_t)value != 0)
		vdev_write_status(vdev, (uint8_t)value);
	if (vdev->active && !was_active)
		bind_bells(slot);
}

static void set_half(gpa_t *at, bool high, uint32_t value)
{
	uint64_t keep = high ? 0xffffffffull : ~0xffffffffull;

	*at = gpa((at->addr & keep) | (uint64_t)value << (high ? 32 : 0));
}

static void write_queue_register(struct virtio_mmio *slot, uint64_t reg, uint32_t value)
{
	struct virtq *vq = selected_queue(slot);

	if (vq == NULL || vq->enabled) { /* 4.2.2.2 */
		complain(slot, "write to a queue that is not there or ready", reg, value);
		return;
	}
	switch (reg) {
	case REG_QUEUE_NUM:
		/* A size that cannot be is refused when the queue is made ready. */
		vq->size = value <= VIRTQ_MAX_SIZE ? (uint16_t)value : 0;
		break;
	case REG_QUEUE_DESC_LOW:
	case REG_QUEUE_DESC_HIGH:
		set_half(&vq->desc, reg == REG_QUEUE_DESC_HIGH, value);
		break;
	case REG_QUEUE_DRIVER_LOW:
	case REG_QUEUE_DRIVER_HIGH:
		set_half(&vq->driver, reg == REG_QUEUE_DRIVER_HIGH, value);
		break;
	case REG_QUEUE_DEVICE_LOW:
	case REG_QUEUE_DEVICE_HIGH:
		set_half(&vq->device, reg == REG_QUEUE_DEVICE_HIGH, value);
		break;
	default:
		break;
	}
}

static void write_queue_ready(struct virtio_mmio *slot, uint32_t value)
{
	if (selected_queue(slot) == NULL || value > 1)
		complain(slot, "QueueReady for no queue, or neither 0 nor 1", REG_QUEUE_READY,
			 value);
	else if (value == 1)
		vdev_enable_queue(slot->vdev, slot->queue_sel);
	else
		vdev_disable_queue(slot->vdev, slot->queue_sel);
}

static void write_register(struct virtio_mmio *slot, uint64_t reg, uint32_t value)
{
	switch (reg) {
	case REG_DEVICE_FEATURES_SEL:
		slot->device_features_sel = value;
		break;
	case REG_DRIVER_FEATURES:
		vdev_write_features(slot->vdev, slot->driver_features_sel, value);
		break;
	case REG_DRIVER_FEATURES_SEL:
		slot->driver_features_sel = value;
		break;
	case REG_QUEUE_SEL:
		slot->queue_sel = value;
		break;
	case REG_QUEUE_NUM:
	case REG_QUEUE_DESC_LOW:
	case REG_QUEUE_DESC_HIGH:
	case REG_QUEUE_DRIVER_LOW:
	case REG_QUEUE_DRIVER_HIGH:
	case REG_QUEUE_DEVICE_LOW:
	case REG_QUEUE_DEVICE_HIGH:
		write_queue_register(slot, reg, value);
		break;
	case REG_QUEUE_READY:
		write_queue_ready(slot, value);
		break;
	case REG_QUEUE_NOTIFY: /* where no doorbell is bound */
		vdev_notify(slot->vdev, value);
		break;
	case REG_INTERRUPT_ACK:
		slot->isr &= ~value;
		break;
	case REG_STATUS:
		write_status(slot, value);
		break;
	case REG_SHM_SEL: /* all of them are absent */
		break;
	default:
		complain(slot, "write to no writable register", reg, value);
		break;
	}
}

static bool is_control_access(uint64_t offset, unsigned int size)
{
	return size == 4 && offset % 4 == 0;
}

static uint64_t mmio_read(void *device, uint64_t offset, unsigned int size)
{
	struct virtio_mmio *slot = device;
	uint64_t value = 0;

	pthread_mutex_lock(&slot->vdev->lock);
	if (offset >= REG_CONFIG) {
		/*
		 * The driver's little-endian bytes; 8 of them at once are more than it may ask for.
		 */
		vdev_config_read(slot->vdev, (uint32_t)(offset - REG_CONFIG), &value, size);
		value = le64toh(value);
	} else if (is_control_access(offset, size)) {
		value = read_register(slot, offset);
	} else {
		complain(slot, "read that is not 32 bits wide and aligned", offset, 0);
	}
	pthread_mutex_unlock(&slot->vdev->lock);
	return value;
}

static void mmio_write(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	struct virtio_mmio *slot = device;
	uint64_t bytes = htole64(value);

	pthread_mutex_lock(&slot->vdev->lock);
	if (offset >= REG_CONFIG)
		vdev_config_write(slot->vdev, (uint32_t)(offset - REG_CONFIG), &bytes, size);
	else if (is_control_access(offset, size))
		write_register(slot, offset, (uint32_t)value);
	else
		complain(slot, "write that is not 32 bits wide and aligned", offset, value);
	pthread_mutex_unlock(&slot->vdev->lock);
}

static const struct bus_ops mmio_ops = {
	.read = mmio_read,
	.write = mmio_write,
};

/* --- life --- */

static void mmio_destroy(struct device *device)
{
	struct virtio_mmio *slot = (struct virtio_mmio *)device;

	unbind_bells(slot);
	for (unsigned int i = 0; i < slot->vdev->nr_queues; i++) {
		struct bell *bell = &slot->bell[i];

		if (!bell->in_loop)
			continue;
		evloop_remove(slot->loop, &bell->source);
		close(bell->source.fd);
	}
	vdev_destroy(slot->vdev);
	free(slot);
}

int virtio_mmio_create(const struct device_env *env, gpa_t base, struct vdev *vdev,
		       struct device **device)
{
	struct virtio_mmio *slot = calloc(1, sizeof(*slot));
	int ret;

	if (slot == NULL) {
		ret = -ENOMEM;
		goto destroy_vdev;
	}
	slot->device = (struct device){.name = vdev->ops->name, .destroy = mmio_destroy};
	slot->base = base;
	slot->vdev = vdev;
	slot->irq = env->irq;
	slot->doorbell = env->doorbell;
	slot->loop = env->loop;
	for (unsigned int i = 0; i < VDEV_MAX_QUEUES; i++)
		slot->bell[i] = (struct bell){.slot = slot, .queue = i};

	ret = bus_add(env->mmio, base.addr, VIRTIO_MMIO_SLOT_BYTES, &mmio_ops, slot,
		      vdev->ops->name);
	if (ret != 0)
		goto free_slot;
	vdev->transport = (struct vdev_transport){.interrupt = raise_interrupt, .ctx = slot};
	*device = &slot->device;
	return 0;

free_slot:
	free(slot);
destroy_vdev:
	vdev_destroy(vdev);
	return ret;
}
