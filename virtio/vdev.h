/* SPDX-License-Identifier: MIT */
/*
 * What every virtio device has in common, whatever the transport: the status and feature state
 * machine (virtio 1.2, sections 2.1 to 2.4 and 3.1) and the configuration space.
 *
 * A device (blk, net, rng) embeds a `struct vdev` as its first member, fills in its ops and
 * features, and calls vdev_init(). A transport (mmio) drives it through the vdev_* functions.
 * Both sides hold `lock`: the transport takes it around every register access and doorbell, a
 * device takes it in its back end's callbacks, so a device's ops always run with the lock held.
 */
#ifndef VIRTIO_VDEV_H
#define VIRTIO_VDEV_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/core/device.h"
#include "virtio/virtq.h"

/* Device status (2.1). */
#define VIRTIO_STATUS_ACKNOWLEDGE 1
#define VIRTIO_STATUS_DRIVER	  2
#define VIRTIO_STATUS_DRIVER_OK	  4
#define VIRTIO_STATUS_FEATURES_OK 8
#define VIRTIO_STATUS_NEEDS_RESET 64
#define VIRTIO_STATUS_FAILED	  128

/* Features that are not a device's own (6). */
#define VIRTIO_F_INDIRECT_DESC 28
#define VIRTIO_F_EVENT_IDX     29
#define VIRTIO_F_VERSION_1     32

/* Reasons to interrupt, as the transports present them (4.2.2 InterruptStatus). */
#define VIRTIO_ISR_QUEUE  1
#define VIRTIO_ISR_CONFIG 2

#define VDEV_MAX_QUEUES 4

struct vdev;

struct vdev_ops {
	const char *name;   /* "virtio-blk" */
	uint32_t device_id; /* section 5 */
	/*
	 * The driver is ready: features are final, queues are set up (3.1.1 step 8). 0 or -errno,
	 * which the driver sees as DEVICE_NEEDS_RESET; deactivate is not called then.
	 */
	int (*activate)(struct vdev *vdev);
	/*
	 * Stops all work: on return no request of the old life touches guest RAM any more. Called
	 * only after an activate that succeeded.
	 */
	void (*deactivate)(struct vdev *vdev);
	/* The driver rang queue `queue`; only between activate and deactivate. */
	void (*notify)(struct vdev *vdev, unsigned int queue);
	/* The driver wrote to the configuration space, which holds the new bytes; may be NULL. */
	void (*config_written)(struct vdev *vdev, uint32_t offset, uint32_t len);
	/* Frees the device; deactivated before, the event loop has stopped. */
	void (*destroy)(struct vdev *vdev);
};

/* How a device's interrupt reaches the driver; set by the transport. */
struct vdev_transport {
	void (*interrupt)(void *ctx, uint32_t isr_bits); /* called with the device's lock held */
	void *ctx;
};

/*
 * A descriptor that the I/O thread watches for a device. What has to come before a device's own
 * work has been done when `ready` runs: an eventfd of vdev_event_open() is empty, the device's lock
 * is held, and the device is active. An event that a reset on another thread has overtaken ends
 * before it gets there.
 */
struct vdev_event {
	struct ev_source source; /* the device may signal or watch its `fd`, not close it */
	struct vdev *vdev;
	void (*ready)(struct vdev_event *event, uint32_t epoll_events);
	bool is_eventfd;
};

struct vdev {
	const struct vdev_ops *ops;
	pthread_mutex_t lock;
	struct gmem *mem;
	struct evloop *loop;
	const struct log *log;
	struct log_limit *log_limit;
	const char *id; /* which one of its kind, for messages; borrowed */

	uint64_t features_offered; /* bit masks; VERSION_1, EVENT_IDX, INDIRECT are added by init */
	uint64_t features_driver;  /* what the driver accepted */
	uint8_t status;
	bool active; /* between activate and deactivate */

	/* The device-specific configuration space, little-endian (2.5); the device's memory. */
	uint8_t *config;
	uint32_t config_size;
	/* The offsets that the driver may write: [from, to). */
	uint32_t config_writable_from, config_writable_to;
	uint32_t config_generation; /* changes with the configuration (2.5, 4.2.2.1) */

	unsigned int nr_queues;
	struct virtq queue[VDEV_MAX_QUEUES];

	struct vdev_transport transport;
};

/*
 * `ops`, `features_offered`, `config`, `config_size`, `nr_queues` and `id` are set before.
 * Uses env's mem, loop and log. 0 or -errno; vdev_destroy() ends it.
 */
int vdev_init(struct vdev *vdev, const struct device_env *env);
void vdev_destroy(struct vdev *vdev); /* deactivates, then ops->destroy; NULL is fine */

/* For the device's mutex and fields, to be called by its destroy() before it frees itself. */
void vdev_fini(struct vdev *vdev);

static inline bool vdev_has_feature(const struct vdev *vdev, unsigned int bit)
{
	return (vdev->features_driver >> bit) & 1;
}

/* --- called by transports, with the lock held --- */

/* The driver writes the status register (2.1); 0 resets the device (2.4). */
void vdev_write_status(struct vdev *vdev, uint8_t status);

/* 32 bits of the driver's features, word 0 or 1; ignored once FEATURES_OK is set. */
void vdev_write_features(struct vdev *vdev, unsigned int word, uint32_t bits);

/*
 * Reads past the end give zeroes. Writes that are not wholly in the writable range, or come before
 * FEATURES_OK (3.1.1 step 4), are dropped.
 */
void vdev_config_read(struct vdev *vdev, uint32_t offset, void *to, uint32_t len);
void vdev_config_write(struct vdev *vdev, uint32_t offset, const void *from, uint32_t len);

/*
 * The driver hands over the queue whose size and addresses the transport has filled in, or takes it
 * back. Both belong between FEATURES_OK and DRIVER_OK (3.1.1 step 7, 3.3.1): a queue that cannot be
 * enabled, or that changes hands while the device is live, is a guest fault, the latter after all
 * work has stopped. `queue` is below nr_queues.
 */
void vdev_enable_queue(struct vdev *vdev, unsigned int queue);
void vdev_disable_queue(struct vdev *vdev, unsigned int queue);

/* A doorbell for `queue`; ignored unless the device is active and the queue enabled. */
void vdev_notify(struct vdev *vdev, unsigned int queue);

/* --- called by devices and transports --- */

/* Prints "virtio-blk a.img: <text>" at the device's limited rate. */
void vdev_log(struct vdev *vdev, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Makes an event with an eventfd of its own, which vdev_event_close() closes, or with a descriptor
 * that the caller keeps. 0 or -errno. Neither is watched yet.
 */
int vdev_event_open(struct vdev_event *event, struct vdev *vdev,
		    void (*ready)(struct vdev_event *event, uint32_t epoll_events));
void vdev_event_init(struct vdev_event *event, struct vdev *vdev, int fd,
		     void (*ready)(struct vdev_event *event, uint32_t epoll_events));
void vdev_event_close(struct vdev_event *event);

/* Adds the event to the I/O thread's loop (0 or -errno), or takes it away. */
int vdev_event_watch(struct vdev_event *event, uint32_t epoll_events);
void vdev_event_ignore(struct vdev_event *event);

/* Makes `ready` run, once the other sources of the loop had their turn; for an eventfd. */
void vdev_event_signal(struct vdev_event *event);

/* --- called by devices, with the lock held --- */

/* Interrupts the driver for used buffers, if it wants that. */
void vdev_queue_interrupt(struct vdev *vdev, struct virtq *vq);

/* Bumps the generation and interrupts the driver: the configuration space has changed (2.5). */
void vdev_config_changed(struct vdev *vdev);

/*
 * The driver broke the rules in a way that the device cannot recover from (2.1.2): sets
 * DEVICE_NEEDS_RESET, interrupts, and logs `what` at a limited rate. The device serves nothing
 * until it is reset. `what` says what the driver did.
 */
void vdev_guest_fault(struct vdev *vdev, const char *what);

/* virtq_pop() that turns a broken queue into vdev_guest_fault(): 1 a chain, 0 none (or broken). */
int vdev_pop(struct vdev *vdev, struct virtq *vq, struct vchain *chain);

#endif
