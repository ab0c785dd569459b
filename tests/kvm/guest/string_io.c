/* SPDX-License-Identifier: MIT */
/*
 * String instructions (Intel SDM vol. 1, 19.3) repeat on one port: the data advances, the port
 * does not. One `rep outsb` to the debug console prints a whole text; a `rep insb` from a port
 * where nothing answers fills a buffer with ones, and no more than that.
 */
#include "guest/payload/lib/payload.h"

PAYLOAD(0);

#define NOBODY 0x500

int payload_main(const void *fdt, unsigned long cpu)
{
	static const char text[] = "one instruction, many bytes\n";
	static uint8_t buffer[600];

	(void)fdt, (void)cpu;
	rep_outsb(TINYVMM_PORT_DEBUGCON, text, sizeof(text) - 1);

	rep_insb(NOBODY, buffer + 1, sizeof(buffer) - 2);
	for (size_t i = 1; i < sizeof(buffer) - 1; i++)
		EXPECT_EQUAL(buffer[i], 0xff);
	EXPECT_EQUAL(buffer[0], 0);
	EXPECT_EQUAL(buffer[sizeof(buffer) - 1], 0);

	/* More than the page that KVM hands over at a time. */
	for (int i = 0; i < 20; i++) {
		static char line[512];

		for (size_t k = 0; k < sizeof(line); k++)
			line[k] = k % 64 == 63 ? '\n' : (char)('a' + i);
		rep_outsb(TINYVMM_PORT_DEBUGCON, line, sizeof(line));
	}
	return 0;
}
