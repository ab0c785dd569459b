/* SPDX-License-Identifier: MIT */
/*
 * What every virtio device has in common: status, features, configuration space (virtio 1.2,
 * sections 2.1 to 2.5 and 3.1).
 *
 *	reset --ACKNOWLEDGE, DRIVER, features--> FEATURES_OK --queues--> DRIVER_OK = active
 *
 * Status bits only ever go up until the driver writes 0. A guest fault adds NEEDS_RESET, with which
 * the device pops no chain and hears no doorbell; the reset that follows recovers everything.
 */
#include "virtio/vdev.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define FEATURE(bit) (1ull << (bit))

#define FEATURES_OF_ALL                                              \
	(FEATURE(VIRTIO_F_VERSION_1) | FEATURE(VIRTIO_F_EVENT_IDX) | \
	 FEATURE(VIRTIO_F_INDIRECT_DESC))

/* What a driver may set; NEEDS_RESET is the device's, and other bits do not exist (2.1). */
#define DRIVER_STATUS                                                                   \
	(VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK | \
	 VIRTIO_STATUS_DRIVER_OK | VIRTIO_STATUS_FAILED)

int vdev_init(struct vdev *vdev, const struct device_env *env)
{
	assert(vdev->nr_queues <= VDEV_MAX_QUEUES);
	assert(vdev->config_writable_to <= vdev->config_size);

	vdev->mem = env->mem;
	vdev->loop = env->loop;
	vdev->log = env->log;
	vdev->log_limit = env->log_limit;
	vdev->features_offered |= FEATURES_OF_ALL;
	return -pthread_mutex_init(&vdev->lock, NULL);
}

void vdev_fini(struct vdev *vdev)
{
	pthread_mutex_destroy(&vdev->lock);
}

/* On return nothing of the device touches guest RAM any more. */
static void stop(struct vdev *vdev)
{
	if (!vdev->active)
		return;
	vdev->ops->deactivate(vdev);
	vdev->active = false;
}

void vdev_destroy(struct vdev *vdev)
{
	if (vdev == NULL)
		return;
	pthread_mutex_lock(&vdev->lock);
	stop(vdev);
	pthread_mutex_unlock(&vdev->lock);
	vdev->ops->destroy(vdev);
}

static bool has_status(const struct vdev *vdev, uint8_t bit)
{
	return (vdev->status & bit) != 0;
}

void vdev_log(struct vdev *vdev, enum log_level level, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	log_limited(vdev->log, vdev->log_limit, level, "%s%s%s: %s", vdev->ops->name,
		    vdev->id != NULL ? " " : "", vdev->id != NULL ? vdev->id : "", text);
}

/* Drivers hear nothing before DRIVER_OK (2.1.2). */
static void interrupt(struct vdev *vdev, uint32_t isr_bits)
{
	if (has_status(vdev, VIRTIO_STATUS_DRIVER_OK) && vdev->transport.interrupt != NULL)
		vdev->transport.interrupt(vdev->transport.ctx, isr_bits);
}

static void need_reset(struct vdev *vdev)
{
	if (has_status(vdev, VIRTIO_STATUS_NEEDS_RESET))
		return;
	vdev->status |= VIRTIO_STATUS_NEEDS_RESET;
	interrupt(vdev, VIRTIO_ISR_CONFIG); /* 2.1.2 */
}

void vdev_guest_fault(struct vdev *vdev, const char *what)
{
	need_reset(vdev);
	vdev_log(vdev, LOG_WARN, "guest fault: %s; the device waits for its reset", what);
}

static void reset(struct vdev *vdev)
{
	stop(vdev);
	for (unsigned int i = 0; i < vdev->nr_queues; i++)
		virtq_disable(&vdev->queue[i]);
	vdev->features_driver = 0;
	vdev->status = 0;
}

/* 2.2.1, 6.1: only what was offered, and VERSION_1 in any case. */
static bool features_acceptable(struct vdev *vdev)
{
	uint64_t foreign = vdev->features_driver & ~vdev->features_offered;

	if (foreign == 0 && vdev_has_feature(vdev, VIRTIO_F_VERSION_1))
		return true;
	vdev_log(vdev, LOG_WARN, "features %#" PRIx64 " refused: %s", vdev->features_driver,
		 foreign != 0 ? "not all of them were offered" : "VIRTIO_F_VERSION_1 is missing");
	return false;
}

static void driver_ok(struct vdev *vdev)
{
	int ret;

	if (has_status(vdev, VIRTIO_STATUS_FAILED | VIRTIO_STATUS_NEEDS_RESET))
		return;
	vdev->active = true; /* an activate() may look into the queues already */
	ret = vdev->ops->activate(vdev);
	if (ret != 0) {
		vdev->active = false;
		need_reset(vdev);
		vdev_log(vdev, LOG_WARN, "cannot start: %s; the device waits for its reset",
			 strerror(-ret));
	}
}

void vdev_write_status(struct vdev *vdev, uint8_t status)
{
	uint8_t added = (uint8_t)(status & DRIVER_STATUS & ~vdev->status);

	if (status == 0) {
		reset(vdev);
		return;
	}
	/* 2.1.1: the driver must not clear a bit; nor can it. */
	if ((vdev->status & DRIVER_STATUS & ~status) != 0)
		vdev_log(vdev, LOG_WARN, "the driver tries to clear status bits (%#x, then %#x)",
			 vdev->status, status);

	/* The driver reads back whether FEATURES_OK stuck (3.1.1 step 6). */
	if ((added & VIRTIO_STATUS_FEATURES_OK) != 0 && !features_acceptable(vdev))
		added &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
	if ((added & VIRTIO_STATUS_DRIVER_OK) != 0 &&
	    ((vdev->status | added) & VIRTIO_STATUS_FEATURES_OK) == 0) {
		added &= (uint8_t)~VIRTIO_STATUS_DRIVER_OK;
		vdev_guest_fault(vdev, "DRIVER_OK without FEATURES_OK"); /* 3.1.1 */
	}
	vdev->status |= added;
	if ((added & VIRTIO_STATUS_DRIVER_OK) != 0)
		driver_ok(vdev);
}

void vdev_write_features(struct vdev *vdev, unsigned int word, uint32_t bits)
{
	if (has_status(vdev, VIRTIO_STATUS_FEATURES_OK)) {
		vdev_log(vdev, LOG_WARN,
			 "features written after FEATURES_OK (word %u, %#" PRIx32 ")", word, bits);
		return;
	}
	if (word == 0)
		vdev->features_driver = (vdev->features_driver & ~0xffffffffull) | bits;
	else if (word == 1)
		vdev->features_driver = (vdev->features_driver & 0xffffffffull) | (uint64_t)bits
											  << 32;
}

void vdev_enable_queue(struct vdev *vdev, unsigned int queue)
{
	struct virtq *vq = &vdev->queue[queue];
	int ret;

	if (vq->enabled)
		return;
	if (!has_status(vdev, VIRTIO_STATUS_FEATURES_OK) ||
	    has_status(vdev, VIRTIO_STATUS_DRIVER_OK)) {
		vdev_guest_fault(vdev, "a queue made ready before FEATURES_OK or after DRIVER_OK");
		return;
	}
	ret = virtq_enable(vq, vdev->mem, vdev_has_feature(vdev, VIRTIO_F_EVENT_IDX));
	if (ret == -EINVAL)
		vdev_guest_fault(vdev, "a queue of a bad size or alignment");
	else if (ret != 0)
		vdev_guest_fault(vdev, "a queue outside RAM");
}

void vdev_disable_queue(struct vdev *vdev, unsigned int queue)
{
	struct virtq *vq = &vdev->queue[queue];

	if (!vq->enabled)
		return;
	/*
	 * 3.3.1: a live queue is taken back by a reset of the device. The driver will reuse its
	 * buffers when it has read QueueReady as 0 (4.2.2.2), so everything must have stopped.
	 */
	if (vdev->active) {
		stop(vdev);
		vdev_guest_fault(vdev, "a queue taken back from the live device");
	}
	virtq_disable(vq);
}

/* Whether [offset, offset + len) lies in [from, to). */
static bool inside(uint32_t offset, uint32_t len, uint32_t from, uint32_t to)
{
	return offset >= from && offset <= to && len <= to - offset;
}

void vdev_config_read(struct vdev *vdev, uint32_t offset, void *to, uint32_t len)
{
	uint32_t left = offset < vdev->config_size ? vdev->config_size - offset : 0;
	uint32_t there = len < left ? len : left;

	memset(to, 0, len);
	if (there > 0)
		memcpy(to, vdev->config + offset, there);
}

void vdev_config_write(struct vdev *vdev, uint32_t offset, const void *from, uint32_t len)
{
	if (!has_status(vdev, VIRTIO_STATUS_FEATURES_OK) ||
	    !inside(offset, len, vdev->config_writable_from, vdev->config_writable_to)) {
		vdev_log(vdev, LOG_WARN,
			 "configuration write of %" PRIu32 " bytes at %" PRIu32 " dropped", len,
			 offset);
		return;
	}
	memcpy(vdev->config + offset, from, len);
	if (vdev->ops->config_written != NULL)
		vdev->ops->config_written(vdev, offset, len);
}

void vdev_notify(struct vdev *vdev, unsigned int queue)
{
	if (!vdev->active || has_status(vdev, VIRTIO_STATUS_NEEDS_RESET) ||
	    queue >= vdev->nr_queues || !vdev->queue[queue].enabled)
		return;
	vdev->ops->notify(vdev, queue);
}

void vdev_queue_interrupt(struct vdev *vdev, struct virtq *vq)
{
	if (virtq_want_interrupt(vq))
		interrupt(vdev, VIRTIO_ISR_QUEUE);
}

void vdev_config_changed(struct vdev *vdev)
{
	vdev->config_generation++;
	interrupt(vdev, VIRTIO_ISR_CONFIG);
}

int vdev_pop(struct vdev *vdev, struct virtq *vq, struct vchain *chain)
{
	const char *why;
	int got;

	if (!vdev->active || has_status(vdev, VIRTIO_STATUS_NEEDS_RESET))
		return 0;
	got = virtq_pop(vq, chain, &why);
	if (got < 0) {
		vdev_guest_fault(vdev, why);
		return 0;
	}
	return got;
}

/* --- events on the I/O thread --- */

/*
 * Emptied before the lock is taken: a signal after that makes it readable again, and what was
 * signalled before is seen with the lock held. A reset on another thread clears `active`, and
 * an event that was on its way then ends here.
 */
static void event_ready(void *ctx, uint32_t epoll_events)
{
	struct vdev_event *event = ctx;
	struct vdev *vdev = event->vdev;
	eventfd_t count;

	if (event->is_eventfd && eventfd_read(event->source.fd, &count) != 0)
		return;
	pthread_mutex_lock(&vdev->lock);
	if (vdev->active)
		event->ready(event, epoll_events);
	pthread_mutex_unlock(&vdev->lock);
}

void vdev_event_init(struct vdev_event *event, struct vdev *vdev, int fd,
		     void (*ready)(struct vdev_event *event, uint32_t epoll_events))
{
	*event = (struct vdev_event){
		.source = {.fd = fd, .ready = event_ready, .ctx = event},
		.vdev = vdev,
		.ready = ready,
	};
}

int vdev_event_open(struct vdev_event *event, struct vdev *vdev,
		    void (*ready)(struct vdev_event *event, uint32_t epoll_events))
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	vdev_event_init(event, vdev, fd, ready);
	event->is_eventfd = true;
	return 0;
}

void vdev_event_close(struct vdev_event *event)
{
	close(event->source.fd);
	event->source.fd = -1;
}

int vdev_event_watch(struct vdev_event *event, uint32_t epoll_events)
{
	return evloop_add(event->vdev->loop, &event->source, epoll_events);
}

void vdev_event_ignore(struct vdev_event *event)
{
	evloop_remove(event->vdev->loop, &event->source);
}

void vdev_event_signal(struct vdev_event *event)
{
	(void)!eventfd_write(event->source.fd, 1);
}
