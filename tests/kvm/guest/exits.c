/* SPDX-License-Identifier: MIT */
/*
 * What an exit to user space costs: writes to a port that no device claims, timed by the guest's
 * own TSC. Prints the ticks for 1,000 exits on the debug console: those of the best of many short
 * stretches, which no other program has interrupted.
 */
#include "guest/payload/lib/payload.h"

PAYLOAD(0);

#define NOBODY	      0x500
#define STRETCHES     200
#define STRETCH_EXITS 100

static void put_number(uint64_t value)
{
	char text[24];
	char *p = text + sizeof(text);

	*--p = '\n';
	do
		*--p = (char)('0' + value % 10);
	while ((value /= 10) != 0);
	rep_outsb(TINYVMM_PORT_DEBUGCON, p, (size_t)(text + sizeof(text) - p));
}

int payload_main(const void *fdt, unsigned long cpu)
{
	uint64_t best = UINT64_MAX;

	(void)fdt, (void)cpu;
	for (int i = 0; i < STRETCHES; i++) {
		uint64_t ticks = rdtsc();

		for (int k = 0; k < STRETCH_EXITS; k++)
			outb(NOBODY, 0);
		ticks = rdtsc() - ticks;
		if (ticks < best)
			best = ticks;
	}
	put_number(best * 1000 / STRETCH_EXITS);
	return 0;
}
