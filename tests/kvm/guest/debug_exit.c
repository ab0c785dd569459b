/* SPDX-License-Identifier: MIT */
/* The debug-exit port ends the machine with a status made of what is written: value= says what. */
#include "guest/payload/lib/devtree.h"

PAYLOAD(0);

int payload_main(const void *fdt, unsigned long cpu)
{
	(void)cpu;
	debug_exit((uint8_t)devtree_number(fdt, "value=", 1));
	return 0;
}
