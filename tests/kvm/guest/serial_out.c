/* SPDX-License-Identifier: MIT */
/* Every byte value comes out of the serial port as it went in, count= rounds of all 256. */
#include "guest/payload/lib/devtree.h"

PAYLOAD(0);

int payload_main(const void *fdt, unsigned long cpu)
{
	uint64_t rounds = devtree_number(fdt, "count=", 1);

	(void)cpu;
	while (rounds-- > 0)
		for (unsigned int c = 0; c < 256; c++)
			put_char((char)c);
	return 0;
}
