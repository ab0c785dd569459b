/* SPDX-License-Identifier: MIT */
/*
 * The layout of the ACPI tables that tinyvmm makes (ACPI 6.5; the section stands at each), for
 * acpi.c and its test. Little-endian, packed, as the guest reads them.
 */
#ifndef VMM_X86_TABLES_ACPI_TABLES_H
#define VMM_X86_TABLES_ACPI_TABLES_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/x86/tables/aml.h"
#include "vmm/x86/board.h"

#define ACPI_PACKED __attribute__((packed))

/* 5.2.5.3: root system description pointer. */
struct acpi_rsdp {
	char signature[8]; /* "RSD PTR " */
	uint8_t checksum;  /* of the first 20 bytes */
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum; /* of all 36 */
	uint8_t reserved[3];
} ACPI_PACKED;

/* 5.2.6: what every table begins with. */
struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} ACPI_PACKED;

/* 5.2.3.2: generic address structure. */
struct acpi_address {
	uint8_t space; /* 1: I/O ports */
	uint8_t bit_width;
	uint8_t bit_offset;
	uint8_t access_size; /* 1: bytes */
	uint64_t address;
} ACPI_PACKED;

/* 5.2.9: fixed description. What a hardware-reduced machine leaves zero is not spelled out. */
struct acpi_fadt {
	struct acpi_header header;
	uint32_t firmware_ctrl;
	uint32_t dsdt;
	uint8_t reserved1;
	uint8_t pm_profile;
	uint8_t fixed_hardware[62]; /* SCI_INT to MON_ALRM */
	uint8_t century;	    /* index of the CMOS clock's byte */
	uint16_t boot_arch;	    /* 5.2.9.3: IAPC_BOOT_ARCH */
	uint8_t reserved2;
	uint32_t flags;
	struct acpi_address reset_reg;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor_revision;
	uint64_t x_firmware_ctrl;
	uint64_t x_dsdt;
	struct acpi_address x_fixed_hardware[8]; /* X_PM1a_EVT_BLK to X_GPE1_BLK */
	struct acpi_address sleep_control;
	struct acpi_address sleep_status;
	char hypervisor[8];
} ACPI_PACKED;

/* IAPC_BOOT_ARCH */
#define FADT_LEGACY_DEVICES  (1u << 0)
#define FADT_8042	     (1u << 1)
#define FADT_VGA_NOT_PRESENT (1u << 2)

/* Flags */
#define FADT_WBINVD	     (1u << 0)
#define FADT_PWR_BUTTON	     (1u << 4) /* 1: no fixed power button */
#define FADT_SLP_BUTTON	     (1u << 5) /* 1: no fixed sleep button */
#define FADT_RESET_REG_SUP   (1u << 10)
#define FADT_HW_REDUCED_ACPI (1u << 20)

/* 5.2.12: multiple APIC description, followed by entries that begin with type and length. */
struct acpi_madt {
	struct acpi_header header;
	uint32_t local_apic;
	uint32_t flags;
} ACPI_PACKED;

#define MADT_PCAT_COMPAT (1u << 0)

enum madt_type {
	MADT_LOCAL_APIC = 0,
	MADT_IO_APIC = 1,
	MADT_LOCAL_APIC_NMI = 4,
	MADT_LOCAL_X2APIC = 9,
	MADT_LOCAL_X2APIC_NMI = 10,
};

#define MADT_ENABLED (1u << 0)

/* 5.2.12.2 */
struct acpi_madt_local_apic {
	uint8_t type, length;
	uint8_t uid;
	uint8_t apic_id;
	uint32_t flags;
} ACPI_PACKED;

/* 5.2.12.3 */
struct acpi_madt_io_apic {
	uint8_t type, length;
	uint8_t id;
	uint8_t reserved;
	uint32_t address;
	uint32_t gsi_base;
} ACPI_PACKED;

/* 5.2.12.7 */
struct acpi_madt_local_apic_nmi {
	uint8_t type, length;
	uint8_t uid;	/* 0xff: all processors */
	uint16_t flags; /* 0: polarity and trigger mode as the bus has them */
	uint8_t lint;
} ACPI_PACKED;

/* 5.2.12.12 */
struct acpi_madt_local_x2apic {
	uint8_t type, length;
	uint16_t reserved;
	uint32_t apic_id;
	uint32_t flags;
	uint32_t uid;
} ACPI_PACKED;

/* 5.2.12.13 */
struct acpi_madt_local_x2apic_nmi {
	uint8_t type, length;
	uint16_t flags;
	uint32_t uid; /* 0xffffffff: all processors */
	uint8_t lint;
	uint8_t reserved[3];
} ACPI_PACKED;

/* 5.2.16: system resource affinity, followed by entries that begin with type and length. */
struct acpi_srat {
	struct acpi_header header;
	uint32_t reserved1; /* must be 1 */
	uint64_t reserved2;
} ACPI_PACKED;

enum srat_type { SRAT_LOCAL_APIC = 0, SRAT_MEMORY = 1, SRAT_LOCAL_X2APIC = 2 };

#define SRAT_ENABLED (1u << 0)

/* 5.2.16.1 */
struct acpi_srat_local_apic {
	uint8_t type, length;
	uint8_t domain_low;
	uint8_t apic_id;
	uint32_t flags;
	uint8_t sapic_eid;
	uint8_t domain_high[3];
	uint32_t clock_domain;
} ACPI_PACKED;

/* 5.2.16.2 */
struct acpi_srat_memory {
	uint8_t type, length;
	uint32_t domain;
	uint16_t reserved1;
	uint64_t base;
	uint64_t size_bytes;
	uint32_t reserved2;
	uint32_t flags;
	uint64_t reserved3;
} ACPI_PACKED;

/* 5.2.16.3 */
struct acpi_srat_local_x2apic {
	uint8_t type, length;
	uint16_t reserved1;
	uint32_t domain;
	uint32_t apic_id;
	uint32_t flags;
	uint32_t clock_domain;
	uint32_t reserved2;
} ACPI_PACKED;

/* 5.2.17: system locality distances, followed by a matrix of bytes. */
struct acpi_slit {
	struct acpi_header header;
	uint64_t nr_localities;
} ACPI_PACKED;

/* An xAPIC id has eight bits, and 0xff is the broadcast (5.2.12.12: above that, x2APIC entries). */
#define ACPI_MAX_XAPIC_ID 254

/* The offsets and sizes of the specification's tables. */
_Static_assert(sizeof(struct acpi_rsdp) == 36, "RSDP");
_Static_assert(offsetof(struct acpi_rsdp, xsdt) == 24, "RSDP XsdtAddress");
_Static_assert(sizeof(struct acpi_header) == 36, "header");
_Static_assert(sizeof(struct acpi_address) == 12, "GAS");
_Static_assert(offsetof(struct acpi_fadt, dsdt) == 40, "FADT DSDT");
_Static_assert(offsetof(struct acpi_fadt, pm_profile) == 45, "FADT Preferred_PM_Profile");
_Static_assert(offsetof(struct acpi_fadt, century) == 108, "FADT CENTURY");
_Static_assert(offsetof(struct acpi_fadt, boot_arch) == 109, "FADT IAPC_BOOT_ARCH");
_Static_assert(offsetof(struct acpi_fadt, flags) == 112, "FADT Flags");
_Static_assert(offsetof(struct acpi_fadt, reset_reg) == 116, "FADT RESET_REG");
_Static_assert(offsetof(struct acpi_fadt, reset_value) == 128, "FADT RESET_VALUE");
_Static_assert(offsetof(struct acpi_fadt, minor_revision) == 131, "FADT Minor Version");
_Static_assert(offsetof(struct acpi_fadt, x_dsdt) == 140, "FADT X_DSDT");
_Static_assert(offsetof(struct acpi_fadt, sleep_control) == 244, "FADT SLEEP_CONTROL_REG");
_Static_assert(offsetof(struct acpi_fadt, sleep_status) == 256, "FADT SLEEP_STATUS_REG");
_Static_assert(offsetof(struct acpi_fadt, hypervisor) == 268, "FADT Hypervisor Vendor Identity");
_Static_assert(sizeof(struct acpi_fadt) == 276, "FADT");
_Static_assert(sizeof(struct acpi_madt) == 44, "MADT");
_Static_assert(sizeof(struct acpi_madt_local_apic) == 8, "MADT local APIC");
_Static_assert(sizeof(struct acpi_madt_io_apic) == 12, "MADT I/O APIC");
_Static_assert(sizeof(struct acpi_madt_local_apic_nmi) == 6, "MADT local APIC NMI");
_Static_assert(sizeof(struct acpi_madt_local_x2apic) == 16, "MADT local x2APIC");
_Static_assert(sizeof(struct acpi_madt_local_x2apic_nmi) == 12, "MADT local x2APIC NMI");
_Static_assert(sizeof(struct acpi_srat) == 48, "SRAT");
_Static_assert(sizeof(struct acpi_srat_local_apic) == 16, "SRAT local APIC");
_Static_assert(sizeof(struct acpi_srat_memory) == 40, "SRAT memory");
_Static_assert(sizeof(struct acpi_srat_local_x2apic) == 24, "SRAT local x2APIC");
_Static_assert(sizeof(struct acpi_slit) == 44, "SLIT");

/* The DSDT's body (acpi_dsdt.c); the table header is the caller's. */
void acpi_dsdt_body(const struct board *board, struct aml *aml);

#endif
