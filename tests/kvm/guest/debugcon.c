/* SPDX-License-Identifier: MIT */
/* The debug console takes bytes without a handshake, and answers a read with its port number. */
#include "guest/payload/lib/payload.h"

PAYLOAD(0);

int payload_main(const void *fdt, unsigned long cpu)
{
	(void)fdt, (void)cpu;
	EXPECT_EQUAL(inb(TINYVMM_PORT_DEBUGCON), TINYVMM_PORT_DEBUGCON);
	for (const char *p = "debugcon works\n"; *p != '\0'; p++)
		outb(TINYVMM_PORT_DEBUGCON, (uint8_t)*p);
	return 0;
}
