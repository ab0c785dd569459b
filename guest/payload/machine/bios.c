/* SPDX-License-Identifier: MIT */
/* Looks for what a BIOS leaves below 1 MiB (ACPI 6.5, 5.2.5.1; MP 1.4, chapter 4). */
#include "guest/payload/kernel/kernel.h"
#include "guest/payload/lib/devtree.h"

#define PARAGRAPH 16u

/* The last KiB of base memory, which is where the extended BIOS data area begins, and the BIOS. */
#define EBDA_START 0x9fc00u
#define EBDA_END   0xa0000u
#define BIOS_START 0xe0000u
#define BIOS_END   0x100000u

/* All structures that are looked for have a sum of zero. */
static bool sums_up(const uint8_t *bytes, uint32_t len)
{
	uint8_t sum = 0;

	while (len > 0)
		sum = (uint8_t)(sum + bytes[--len]);
	return sum == 0;
}

const void *bios_find(const char *signature, uint32_t len)
{
	for (uintptr_t at = EBDA_START; at < BIOS_END; at += PARAGRAPH) {
		if (at == EBDA_END)
			at = BIOS_START;
		if (starts_with((const char *)at, signature) && sums_up((const void *)at, len))
			return (const void *)at;
	}
	return NULL;
}
