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

#include "virtio/mmio_regs.h"

#define MAGIC	  0x74726976u /* "virt" */
#define VERSION	  2u
#define VENDOR_ID 0x4d4d5654u /* "TVMM"; there is no registry of these */

#define NOT_WHOLE "not an aligned access of 32 bits" /* 4.2.2.2 */

/* The doorbell of one queue. Its eventfd is made when first needed and kept until the end. */
struct bell {
	struct vdev_event rung; /* first */
	struct virtio_mmio *slot;
	unsigned int queue;
	bool in_loop;
	bool bound;
};

struct virtio_mmio {
	struct device device;
	gpa_t base;
	struct vdev *vdev; /* its lock protects what follows as well */
	struct irq irq;
	struct doorbell doorbell;
	uint32_t isr; /* VIRTIO_ISR_* */
	uint32_t device_features_sel, driver_features_sel, queue_sel;
	struct bell bell[VDEV_MAX_QUEUES];
};

/* Logs an access that had no effect, by the register's name. */
static void ignored_read(struct virtio_mmio *slot, uint64_t offset, const char *why)
{
	const char *name = regs[offset / 4].name;

	vdev_log(slot->vdev, LOG_WARN, "read of %s (%#" PRIx64 ") ignored: %s",
		 name != NULL ? name : "offset", offset, name != NULL ? why : "no register");
}

static void ignored_write(struct virtio_mmio *slot, uint64_t offset, uint64_t value,
			  const char *why)
{
	const char *name = regs[offset / 4].name;

	vdev_log(slot->vdev, LOG_WARN, "write of %#" PRIx64 " to %s (%#" PRIx64 ") ignored: %s",
		 value, name != NULL ? name : "offset", offset, name != NULL ? why : "no register");
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

/* On the I/O thread: the driver rang. */
static void bell_rung(struct vdev_event *event, uint32_t epoll_events)
{
	(void)epoll_events;
	vdev_notify(event->vdev, ((struct bell *)event)->queue);
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
	ret = vdev_event_open(&bell->rung, bell->slot->vdev, bell_rung);
	if (ret != 0)
		return ret;
	ret = vdev_event_watch(&bell->rung, EPOLLIN);
	if (ret != 0) {
		vdev_event_close(&bell->rung);
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
					  bell->rung.source.fd);
	bell->bound = ret == 0;
	return ret;
}

/*
 * Without a doorbell the driver's write arrives here, which is slower and otherwise the same. A
 * measurement has to say so.
 */
static void bind_bells(struct virtio_mmio *slot)
{
	struct vdev *vdev = slot->vdev;

	if (slot->doorbell.bind == NULL)
		return;
	for (unsigned int i = 0; i < vdev->nr_queues; i++) {
		int ret = vdev->queue[i].enabled ? bind_bell(&slot->bell[i]) : 0;

		if (ret != 0)
			vdev_log(vdev, LOG_WARN,
				 "no doorbell for queue %u: %s; each notification is an exit", i,
				 strerror(-ret));
	}
}

static void unbind_bells(struct virtio_mmio *slot)
{
	for (unsigned int i = 0; i < slot->vdev->nr_queues; i++) {
		struct bell *bell = &slot->bell[i];

		if (!bell->bound)
			continue;
		slot->doorbell.unbind(slot->doorbell.ctx, notify_register(slot), i,
				      bell->rung.source.fd);
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
		ignored_write(slot, reg, value, "the queue is ready, or not there");
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
		ignored_write(slot, REG_QUEUE_READY, value, "neither 0 nor 1, or no such queue");
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
		break;
	}
}

/* Is this an access to a whole register? */
static bool is_whole(uint64_t offset, unsigned int size)
{
	return offset % 4 == 0 && size == regs[offset / 4].width;
}

static uint64_t read_control(struct virtio_mmio *slot, uint64_t offset, unsigned int size)
{
	if (!is_whole(offset, size))
		ignored_read(slot, offset, NOT_WHOLE);
	else if (!regs[offset / 4].readable)
		ignored_read(slot, offset, "write-only");
	else
		return read_register(slot, offset);
	return 0;
}

static void write_control(struct virtio_mmio *slot, uint64_t offset, unsigned int size,
			  uint64_t value)
{
	if (!is_whole(offset, size))
		ignored_write(slot, offset, value, NOT_WHOLE);
	else if (!regs[offset / 4].writable)
		ignored_write(slot, offset, value, "read-only");
	else
		write_register(slot, offset, (uint32_t)value);
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
	} else {
		value = read_control(slot, offset, size);
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
	else
		write_control(slot, offset, size, value);
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
		vdev_event_ignore(&bell->rung);
		vdev_event_close(&bell->rung);
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
