/* SPDX-License-Identifier: MIT */
/*
 * Sends back count= bytes as they come. The host offers them all at once, far more than the
 * FIFO holds, and takes the echo when it pleases: no byte may be lost either way. Without
 * count=, a byte 4 (end of transmission, what a terminal's Ctrl-D makes) ends it.
 */
#include "guest/payload/lib/devtree.h"

PAYLOAD(0);

int payload_main(const void *fdt, unsigned long cpu)
{
	uint64_t count = devtree_number(fdt, "count=", UINT64_MAX);
	bool until_eot = count == UINT64_MAX;

	(void)cpu;
	outb(TINYVMM_PORT_SERIAL + 2, 0x01); /* FIFO on */
	while (count-- > 0) {
		uint8_t c = get_char();

		if (until_eot && c == 4)
			break;
		put_char((char)c);
	}
	return 0;
}
