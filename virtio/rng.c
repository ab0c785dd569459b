/* SPDX-License-Identifier: MIT */
/*
 * virtio-rng, the entropy device (virtio 1.2, section 5.4), fed from getrandom(2).
 *
 * The device may give fewer bytes than a buffer holds (5.4.6.2), which is what bounds the work that
 * a guest can ask for at once: BYTES_PER_CHAIN, which is more than Linux asks for, and
 * CHAINS_PER_TURN, after which the rest waits until the I/O thread has looked after the other
 * devices.
 */
#include "virtio/rng.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>

#define RNG_DEVICE_ID	4 /* 5.4.1 */
#define BYTES_PER_CHAIN 4096
#define CHAINS_PER_TURN 16

struct rng {
	struct vdev vdev;
	struct vdev_event next_turn;
};

static struct rng *to_rng(struct vdev *vdev)
{
	return (struct rng *)vdev;
}

static size_t random_bytes(void *to, size_t len)
{
	ssize_t n;

	/* Above 256 bytes a signal, such as the one that kicks a vCPU, may cut it short. */
	do
		n = getrandom(to, len, 0);
	while (n < 0 && errno == EINTR);
	return n > 0 ? (size_t)n : 0;
}

/*
 * Readable buffers, which the driver must not offer (5.4.6.1), are ignored: a chain of nothing else
 * goes back with no byte written.
 */
static void fill(struct vchain *chain)
{
	uint8_t bytes[BYTES_PER_CHAIN];
	size_t want = vchain_writable(chain);

	if (want > sizeof(bytes))
		want = sizeof(bytes);
	vchain_write(chain, bytes, random_bytes(bytes, want));
	explicit_bzero(bytes, want); /* they are the guest's secret now */
}

static void rng_notify(struct vdev *vdev, unsigned int queue)
{
	struct rng *rng = to_rng(vdev);
	struct virtq *vq = &vdev->queue[queue];
	struct vchain chain;

	for (int i = 0; i < CHAINS_PER_TURN && vdev_pop(vdev, vq, &chain) == 1; i++) {
		fill(&chain);
		virtq_push(vq, &chain);
	}
	vdev_queue_interrupt(vdev, vq);
	if (virtq_want_notify(vq, true))
		vdev_event_signal(&rng->next_turn);
}

static void next_turn(struct vdev_event *event, uint32_t epoll_events)
{
	(void)epoll_events;
	vdev_notify(event->vdev, 0); /* not if the device waits for its reset */
}

static int rng_activate(struct vdev *vdev)
{
	(void)vdev;
	return 0;
}

/* Nothing is ever in flight outside the lock. */
static void rng_deactivate(struct vdev *vdev)
{
	(void)vdev;
}

static void rng_destroy(struct vdev *vdev)
{
	struct rng *rng = to_rng(vdev);

	vdev_event_ignore(&rng->next_turn);
	vdev_event_close(&rng->next_turn);
	vdev_fini(vdev);
	free(rng);
}

static const struct vdev_ops rng_ops = {
	.name = "virtio-rng",
	.device_id = RNG_DEVICE_ID,
	.activate = rng_activate,
	.deactivate = rng_deactivate,
	.notify = rng_notify,
	.destroy = rng_destroy,
};

int rng_create(const struct device_env *env, struct vdev **vdev)
{
	struct rng *rng = calloc(1, sizeof(*rng));
	int ret;

	if (rng == NULL)
		return -ENOMEM;
	rng->vdev.ops = &rng_ops;
	rng->vdev.nr_queues = 1;
	ret = vdev_event_open(&rng->next_turn, &rng->vdev, next_turn);
	if (ret != 0)
		goto free_rng;
	ret = vdev_init(&rng->vdev, env);
	if (ret != 0)
		goto close_event;
	ret = vdev_event_watch(&rng->next_turn, EPOLLIN);
	if (ret != 0)
		goto fini_vdev;
	*vdev = &rng->vdev;
	return 0;

fini_vdev:
	vdev_fini(&rng->vdev);
close_event:
	vdev_event_close(&rng->next_turn);
free_rng:
	free(rng);
	return ret;
}
