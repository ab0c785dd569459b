/* SPDX-License-Identifier: MIT */
/*
 * Every byte value comes out of the serial port as it went in: count= rounds of all 256, a FIFO's
 * worth at a time.
 */
#include "guest/payload/lib/devtree.h"

PAYLOAD(0);

#define FIFO 16

int payload_main(const void *fdt, unsigned long cpu)
{
	uint64_t rounds = devtree_number(fdt, "count=", 1);
	uint8_t bytes[256];

	(void)cpu;
	for (unsigned int c = 0; c < 256; c++)
		bytes[c] = (uint8_t)c;
	outb(TINYVMM_PORT_SERIAL + 2, 0x01); /* FIFO on */
	while (rounds-- > 0) {
		for (unsigned int at = 0; at < 256; at += FIFO) {
			while (!(inb(TINYVMM_PORT_SERIAL + 5) & 0x20))
				pause();
			rep_outsb(TINYVMM_PORT_SERIAL, bytes + at, FIFO);
		}
	}
	return 0;
}
