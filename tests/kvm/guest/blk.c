/* SPDX-License-Identifier: MIT */
/*
 * A disk on virtio-mmio (virtio 1.2, 5.2). The host has filled it with lines of "tinyvmm"; sector 1
 * is overwritten with letters, for the host to find. ro=1 says that the disk is read-only.
 */
#include "guest/payload/lib/virtio.h"

PAYLOAD(0);

#define SECTOR 512

enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8 };
enum { S_OK = 0, S_IOERR = 1 };
#define F_RO	(1ull << 5)
#define F_FLUSH (1ull << 9)

static struct virtq queue;

static uint8_t request(uint32_t type, uint64_t sector, void *data, uint32_t len)
{
	struct {
		uint32_t type, reserved;
		uint64_t sector;
	} header = {type, 0, sector};
	uint8_t status = 0xff;
	bool reads = type == T_IN || type == T_GET_ID;
	struct virtio_buffer buffer[3] = {
		{&header, sizeof(header), false},
		{data, len, reads},
		{&status, 1, true},
	};
	uint32_t written;

	if (len == 0) {
		buffer[1] = buffer[2];
		written = virtq_request(&queue, buffer, 2);
	} else {
		written = virtq_request(&queue, buffer, 3);
	}
	if (status == S_OK)
		EXPECT_EQUAL(written, (reads ? len : 0) + 1);
	return status;
}

static void check_letters(const char *data)
{
	for (int i = 0; i < SECTOR; i++)
		EXPECT_EQUAL(data[i], 'a' + i % 26);
}

int payload_main(const void *fdt, unsigned long cpu)
{
	static char data[4 * SECTOR] __attribute__((aligned(SECTOR)));
	uint64_t base = virtio_find(fdt, VIRTIO_BLK, 0);
	bool read_only = devtree_number(fdt, "ro=", 0) != 0;
	uint64_t sectors;

	(void)cpu;
	EXPECT(base != 0);
	EXPECT_EQUAL((virtio_offered(base) & F_RO) != 0, read_only);
	virtio_negotiate(base, F_FLUSH | (read_only ? F_RO : 0));
	virtio_add_queue(base, 0, &queue);
	virtio_driver_ok(base);
	sectors = mmio_read32(base + VIRTIO_CONFIG) |
		  (uint64_t)mmio_read32(base + VIRTIO_CONFIG + 4) << 32;
	EXPECT_EQUAL(sectors, devtree_number(fdt, "sectors=", 0));

	EXPECT_EQUAL(request(T_IN, 0, data, sizeof(data)), S_OK);
	for (unsigned int i = 0; i < sizeof(data); i++)
		EXPECT_EQUAL(data[i], "tinyvmm\n"[i % 8]);
	for (int i = 0; i < SECTOR; i++)
		data[i] = (char)('a' + i % 26);
	EXPECT_EQUAL(request(T_OUT, 1, data, SECTOR), read_only ? S_IOERR : S_OK);
	if (!read_only) {
		EXPECT_EQUAL(request(T_FLUSH, 0, NULL, 0), S_OK);
		EXPECT_EQUAL(request(T_IN, 1, data, SECTOR), S_OK);
		check_letters(data);
	}
	/* The last sector is there, the next is not, nor a request that runs over the end. */
	EXPECT_EQUAL(request(T_IN, sectors - 1, data, SECTOR), S_OK);
	EXPECT_EQUAL(request(T_IN, sectors, data, SECTOR), S_IOERR);
	EXPECT_EQUAL(request(T_IN, sectors - 1, data, 2 * SECTOR), S_IOERR);
	EXPECT_EQUAL(request(T_IN, UINT64_MAX, data, SECTOR), S_IOERR);

	EXPECT_EQUAL(request(T_GET_ID, 0, data, 20), S_OK);
	print("id ");
	print(data);
	print("\n");
	return 0;
}
