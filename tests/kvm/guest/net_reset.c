/* SPDX-License-Identifier: MIT */
/*
 * A hostile driver of virtio-net (virtio 1.2, 5.1): starts and resets the device restarts= times,
 * each time with other offloads, so that each would change the host's interface.
 */
#include "guest/payload/lib/virtio.h"

PAYLOAD(0);

#define F_GUEST_CSUM (1ull << 1)

int payload_main(const void *fdt, unsigned long cpu)
{
	static struct virtq receive, transmit;
	uint64_t restarts = devtree_number(fdt, "restarts=", 1);
	uint64_t base = virtio_find(fdt, VIRTIO_NET, 0);

	(void)cpu;
	EXPECT(base != 0);
	for (uint64_t i = 0; i < restarts; i++) {
		virtio_negotiate(base, i % 2 == 0 ? F_GUEST_CSUM : 0);
		virtio_add_queue(base, 0, &receive);
		virtio_add_queue(base, 1, &transmit);
		virtio_driver_ok(base);
	}
	return 0;
}
