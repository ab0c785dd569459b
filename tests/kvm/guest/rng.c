/* SPDX-License-Identifier: MIT */
/* virtio-rng (virtio 1.2, 5.4) fills what it is given, with something else each time. */
#include "guest/payload/lib/virtio.h"

PAYLOAD(0);

static struct virtq queue;

int payload_main(const void *fdt, unsigned long cpu)
{
	uint64_t word[2][8] = {0};
	uint64_t base = virtio_find(fdt, VIRTIO_RNG, 0);
	unsigned int same = 0;

	(void)cpu;
	EXPECT(base != 0);
	virtio_negotiate(base, 0);
	virtio_add_queue(base, 0, &queue);
	virtio_driver_ok(base);
	for (int i = 0; i < 2; i++) {
		struct virtio_buffer buffer = {word[i], sizeof(word[i]), true};

		EXPECT_EQUAL(virtq_request(&queue, &buffer, 1), sizeof(word[i]));
	}
	for (int i = 0; i < 8; i++) {
		EXPECT(word[0][i] != 0 && word[1][i] != 0);
		same += word[0][i] == word[1][i];
	}
	EXPECT_EQUAL(same, 0);
	return 0;
}
