/* SPDX-License-Identifier: MIT */
/*
 * Under a VMM that starts only the boot CPU: finds the others in ACPI's MADT (ACPI 6.5, 5.2.12), or
 * has mp_table.c find them, and starts them with INIT and start-up IPIs (Intel SDM vol. 3,
 * 8.4.4.1). All from ring 3, by the local APIC's registers in memory.
 */
#include "guest/payload/kernel/kernel.h"
#include "guest/payload/kernel/trampoline.h"
#include "guest/payload/lib/apic.h"

#define ICR_INIT     0x4500u /* INIT, level assert */
#define ICR_START_UP 0x4600u
#define ICR_PENDING  0x1000u

/* Virtual CPUs need none of the pauses of real ones; one that has not come by then will not. */
#define WAIT_TICKS (1000ull * 1000 * 1000)

#define MADT_SIGNATURE	0x43495041u /* "APIC" */
#define MADT_FIRST	44u
#define MADT_LOCAL_APIC 0u
#define MADT_ENABLED	1u

#define RSDP_BYTES 20u /* those of revision 0, which its checksum covers */

struct rsdp {
	char signature[8];
	uint8_t checksum, oem[6], revision;
	uint32_t rsdt, length;
	uint64_t xsdt;
} __attribute__((packed));

struct acpi_header {
	uint32_t signature, length;
	uint8_t rest[28];
};

struct madt_local_apic {
	uint8_t type, length, processor, apic_id;
	uint32_t flags;
};

extern const uint8_t trampoline_start[], trampoline_end[];

static const struct acpi_header *find_madt(const struct rsdp *rsdp)
{
	bool wide = rsdp->revision >= 2 && rsdp->xsdt != 0;
	const struct acpi_header *root = (const void *)(wide ? rsdp->xsdt : rsdp->rsdt);
	unsigned int entry_bytes = wide ? 8 : 4;

	for (uint32_t at = sizeof(*root); at + entry_bytes <= root->length; at += entry_bytes) {
		const uint8_t *entry = (const uint8_t *)root + at;
		const struct acpi_header *table =
			(const void *)(wide ? *(const uint64_t *)entry : *(const uint32_t *)entry);

		if (table->signature == MADT_SIGNATURE)
			return table;
	}
	return NULL;
}

static void send(uint8_t apic_id, uint32_t command)
{
	mmio_write32(LAPIC + LAPIC_ICR_HIGH, (uint32_t)apic_id << 24);
	mmio_write32(LAPIC + LAPIC_ICR_LOW, command);
	while (mmio_read32(LAPIC + LAPIC_ICR_LOW) & ICR_PENDING)
		pause();
}

bool cpus_start_one(struct payload_info *info, uint8_t apic_id)
{
	const volatile uint64_t *online = &info->cpu[info->nr_cpus].online;
	uint64_t since;

	if (info->nr_cpus == PAYLOAD_MAX_CPUS)
		return false;
	send(apic_id, ICR_INIT);
	send(apic_id, ICR_START_UP | TRAMPOLINE >> 12);
	for (since = rdtsc(); !*online;) {
		if (rdtsc() - since > WAIT_TICKS)
			return false;
		pause();
	}
	info->nr_cpus++;
	return true;
}

static void start_from_madt(const struct acpi_header *madt, struct payload_info *info)
{
	uint8_t own = (uint8_t)(mmio_read32(LAPIC + LAPIC_ID) >> 24);

	for (uint32_t at = MADT_FIRST; at + sizeof(struct madt_local_apic) <= madt->length;) {
		const struct madt_local_apic *cpu = (const void *)((const uint8_t *)madt + at);

		if (cpu->length == 0)
			return;
		at += cpu->length;
		if (cpu->type == MADT_LOCAL_APIC && (cpu->flags & MADT_ENABLED) &&
		    cpu->apic_id != own && !cpus_start_one(info, cpu->apic_id))
			return;
	}
}

void cpus_start(const struct handover *handover, struct payload_info *info)
{
	const struct rsdp *rsdp = (const void *)handover->rsdp;
	const struct acpi_header *madt;
	uint8_t *to = (uint8_t *)TRAMPOLINE;

	if (!handover->cpus_wait)
		return;
	if (!rsdp)
		rsdp = bios_find("RSD PTR ", RSDP_BYTES);
	madt = rsdp ? find_madt(rsdp) : NULL;
	for (const uint8_t *from = trampoline_start; from < trampoline_end;)
		*to++ = *from++;
	mmio_write32(LAPIC + LAPIC_SPURIOUS, LAPIC_ENABLE | PAYLOAD_SPURIOUS);
	if (madt)
		start_from_madt(madt, info);
	else
		mp_table_start_cpus(info);
}
