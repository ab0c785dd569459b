/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables of a hardware-reduced machine (ACPI 6.5): RSDP, XSDT, FADT, MADT, DSDT, and
 * SRAT and SLIT where the board has NUMA nodes.
 */
#ifndef VMM_X86_TABLES_ACPI_H
#define VMM_X86_TABLES_ACPI_H

#include "vmm/core/err.h"
#include "vmm/core/gmem.h"
#include "vmm/x86/board.h"

/*
 * Writes the tables into guest RAM at MEMMAP_ACPI and the RSDP at MEMMAP_RSDP. 0, or -ENOSPC with
 * a message if they do not fit (thousands of vCPUs).
 */
int acpi_build(const struct board *board, struct gmem *mem, struct err *err);

#endif
