/* SPDX-License-Identifier: MIT */
/*
 * Says that it has booted, then does what the next byte from the console asks for. The console
 * outlives a reset, so the bytes that follow drive the machine that comes after it.
 */
#include "guest/payload/lib/payload.h"

PAYLOAD(0);

static unsigned int boots;

int payload_main(const void *fdt, unsigned long cpu)
{
	(void)fdt, (void)cpu;
	EXPECT_EQUAL(++boots, 1); /* the image is loaded anew */
	print("boot\n");
	for (;;) {
		switch (get_char()) {
		case 'k': /* keyboard controller, command FEh: pulse the reset line */
			outb(0x64, 0xfe);
			break;
		case 'a': /* ACPI's reset register */
			outb(TINYVMM_PORT_RESET, TINYVMM_RESET_VALUE);
			break;
		case 'q':
			return 0;
		}
	}
}
