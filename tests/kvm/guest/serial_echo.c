/* SPDX-License-Identifier: MIT */
/*
 * Sends back count= bytes as they come. The host offers them all at once, far more than the
 * FIFO holds, and takes the echo when it pleases: no byte may be lost either way. Without
 * count=, a byte 4 (end of transmission, what a terminal's Ctrl-D makes) ends it.
 */
#include "guest/payload/lib/devtree.h"

PAYLOAD(0);

#define BURST 16 /* what the 16550A's FIFOs hold */

int payload_main(const void *fdt, unsigned long cpu)
{
	uint64_t left = devtree_number(fdt, "count=", UINT64_MAX);
	bool until_eot = left == UINT64_MAX, ended = false;
	uint8_t bytes[BURST];

	(void)cpu;
	outb(TINYVMM_PORT_SERIAL + 2, 0x01); /* FIFO on */
	while (left > 0 && !ended) {
		unsigned int n = 0;

		do {
			uint8_t c = get_char();

			left--;
			ended = until_eot && c == 4;
			if (!ended)
				bytes[n++] = c;
		} while (n < BURST && left > 0 && !ended && (inb(TINYVMM_PORT_SERIAL + 5) & 0x01));
		while (!(inb(TINYVMM_PORT_SERIAL + 5) & 0x20))
			pause();
		rep_outsb(TINYVMM_PORT_SERIAL, bytes, n);
	}
	return 0;
}
