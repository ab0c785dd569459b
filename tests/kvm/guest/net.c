/* SPDX-License-Identifier: MIT */
/*
 * A network card on virtio-mmio (virtio 1.2, 5.1), without offloads. Sends rounds= frames of
 * growing size and takes for each the answer of frame_echo.c: the same bytes inverted, under
 * another type. Whatever else the host sends is not for us.
 */
#include "guest/payload/lib/virtio.h"

PAYLOAD(0);

#define TYPE_ASK    0x88b5 /* IEEE 802 local experimental */
#define TYPE_ANSWER 0x88b6
#define FRAME_MIN   60
#define FRAME_MAX   1514

struct packet {
	uint8_t header[12]; /* struct virtio_net_hdr; 5.1.6: num_buffers is always there */
	uint8_t destination[6], source[6], type[2];
	uint8_t payload[FRAME_MAX - 14];
} __attribute__((packed));

static struct virtq receive, transmit;
static struct packet in, out;

static uint32_t next_frame(void)
{
	struct virtio_buffer buffer = {&in, sizeof(in), true};
	uint32_t len = virtq_request(&receive, &buffer, 1);

	EXPECT(len >= 12 + 14);
	return len - 12;
}

static void exchange(uint32_t len, uint8_t first)
{
	struct virtio_buffer buffer = {&out, 12 + len, false};
	uint32_t payload = len - 14;

	for (uint32_t i = 0; i < payload; i++)
		out.payload[i] = (uint8_t)(first + i);
	virtq_request(&transmit, &buffer, 1);
	for (;;) {
		uint32_t got = next_frame();

		if (in.type[0] == TYPE_ANSWER >> 8 && in.type[1] == (TYPE_ANSWER & 0xff)) {
			EXPECT_EQUAL(got, len);
			break;
		}
	}
	for (uint32_t i = 0; i < payload; i++)
		EXPECT_EQUAL(in.payload[i], (uint8_t)~out.payload[i]);
}

int payload_main(const void *fdt, unsigned long cpu)
{
	uint64_t rounds = devtree_number(fdt, "rounds=", 1);
	uint64_t base = virtio_find(fdt, VIRTIO_NET, 0);

	(void)cpu;
	EXPECT(base != 0);
	virtio_negotiate(base, 0);
	virtio_add_queue(base, 0, &receive);
	virtio_add_queue(base, 1, &transmit);
	virtio_driver_ok(base);
	for (int i = 0; i < 6; i++) {
		out.destination[i] = 0xff;
		out.source[i] = (uint8_t)(i == 0 ? 0x02 : i); /* locally administered */
	}
	out.type[0] = TYPE_ASK >> 8;
	out.type[1] = TYPE_ASK & 0xff;
	for (uint64_t i = 0; i < rounds; i++)
		exchange(FRAME_MIN + (uint32_t)(i * (FRAME_MAX - FRAME_MIN) / rounds), (uint8_t)i);
	exchange(FRAME_MAX, 0);
	return 0;
}
