/* SPDX-License-Identifier: MIT */
/* Where nothing answers, reads are all ones in every width, and writes go nowhere. */
#include "guest/payload/lib/payload.h"

PAYLOAD(0);

#define NOBODY_PORT 0x500
#define NOBODY	    0xcffff000u /* in the 32-bit hole, below the virtio-mmio slots */

int payload_main(const void *fdt, unsigned long cpu)
{
	(void)fdt, (void)cpu;
	outb(NOBODY_PORT, 0);
	outw(NOBODY_PORT, 0);
	outl(NOBODY_PORT, 0);
	EXPECT_EQUAL(inb(NOBODY_PORT), 0xff);
	EXPECT_EQUAL(inw(NOBODY_PORT), 0xffff);
	EXPECT_EQUAL(inl(NOBODY_PORT), 0xffffffff);

	mmio_write32(NOBODY, 0);
	EXPECT_EQUAL(mmio_read8(NOBODY), 0xff);
	EXPECT_EQUAL(mmio_read16(NOBODY), 0xffff);
	EXPECT_EQUAL(mmio_read32(NOBODY), 0xffffffff);
	EXPECT_EQUAL(mmio_read64(NOBODY), 0xffffffffffffffff);
	EXPECT_EQUAL(mmio_read32(NOBODY + 4094), 0xffffffff); /* over the page's edge */
	return 0;
}
