/* SPDX-License-Identifier: MIT */
/* The CPUs of a machine without ACPI (Intel MultiProcessor Specification 1.4, chapter 4). */
#include "guest/payload/kernel/kernel.h"

/* 4.1, table 4-1. */
struct mp_pointer {
	char signature[4];
	uint32_t table;
	uint8_t length, revision, checksum, features[5];
};

/* 4.2, table 4-2. */
struct mp_table {
	uint32_t signature;
	uint16_t length;
	uint8_t revision, checksum, names[20];
	uint32_t oem_table;
	uint16_t oem_size, nr_entries;
	uint32_t local_apic, extended;
};

/* 4.3: an entry begins with its type; a processor's has its APIC ID and flags at these places. */
#define ENTRY_BYTES	8u
#define PROCESSOR	0u
#define PROCESSOR_BYTES 20u
#define APIC_ID		1
#define FLAGS		3
#define ENABLED		1u
#define BOOT_PROCESSOR	2u

_Static_assert(sizeof(struct mp_pointer) == 16, "as in table 4-1");
_Static_assert(sizeof(struct mp_table) == 44, "as in table 4-2");

void mp_table_start_cpus(struct payload_info *info)
{
	const struct mp_pointer *pointer = bios_find("_MP_", sizeof(*pointer));
	const struct mp_table *table = pointer ? (const void *)(uintptr_t)pointer->table : NULL;

	if (!table)
		return;
	/* By the table's length: QEMU's qboot leaves its number of entries at 0. */
	for (uint32_t at = sizeof(*table); at + ENTRY_BYTES <= table->length;) {
		const uint8_t *entry = (const uint8_t *)table + at;

		if (entry[0] == PROCESSOR &&
		    (entry[FLAGS] & (ENABLED | BOOT_PROCESSOR)) == ENABLED &&
		    !cpus_start_one(info, entry[APIC_ID]))
			return;
		at += entry[0] == PROCESSOR ? PROCESSOR_BYTES : ENTRY_BYTES;
	}
}
