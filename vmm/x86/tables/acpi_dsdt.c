/* SPDX-License-Identifier: MIT */
/*
 * The DSDT: the devices that a guest cannot find by itself (ACPI 6.5, chapter 6). The ids are those
 * that Linux's drivers match: LNRO0005 is virtio-mmio (drivers/virtio/virtio_mmio.c).
 */
#include "vmm/x86/tables/acpi_tables.h"

#include <stdio.h>

/* Without interrupt controllers there is nothing that an interrupt could be routed to. */
static void add_interrupt(const struct board *board, struct aml *aml, uint32_t gsi)
{
	if (board->has_irqchip)
		aml_interrupt(aml, gsi);
}

static void add_serial(const struct board *board, struct aml *aml)
{
	aml_begin_device(aml, "COM1");
	aml_name_eisa_id(aml, "_HID", "PNP0501"); /* 16550A-compatible */
	aml_name_integer(aml, "_UID", 1);
	aml_begin_resources(aml, "_CRS");
	aml_io(aml, PORT_SERIAL, 8);
	add_interrupt(board, aml, GSI_SERIAL);
	aml_end(aml);
	aml_end(aml);
}

/* The clock has no alarm, so it claims no interrupt. */
static void add_rtc(struct aml *aml)
{
	aml_begin_device(aml, "RTC");
	aml_name_eisa_id(aml, "_HID", "PNP0B00");
	aml_begin_resources(aml, "_CRS");
	aml_io(aml, PORT_RTC, 2);
	aml_end(aml);
	aml_end(aml);
}

static void add_virtio_slot(const struct board *board, struct aml *aml, unsigned int slot)
{
	char name[] = "VIO0";

	name[3] = "0123456789ABCDEF"[slot];
	aml_begin_device(aml, name);
	aml_name_string(aml, "_HID", "LNRO0005");
	aml_name_integer(aml, "_UID", slot);
	aml_name_integer(aml, "_CCA", 1); /* 6.2.17: its accesses to memory are coherent */
	aml_begin_resources(aml, "_CRS");
	aml_memory32(aml, (uint32_t)board->slot[slot].base, MEMMAP_VIRTIO_SLOT);
	add_interrupt(board, aml, board->slot[slot].gsi);
	aml_end(aml);
	aml_end(aml);
}

/*
 * 5.6.9: the interrupt of a generic event device runs its _EVT method, which asks a register what
 * has happened (devices/ged.c). 4.8.3.1: of a button that is a device, 0x80 says that it was
 * pressed. _INI runs when the guest finds the device, and tells devices/ged.c that the guest
 * listens.
 */
static void add_power_button(const struct board *board, struct aml *aml)
{
	aml_begin_device(aml, "PWRB");
	aml_name_eisa_id(aml, "_HID", "PNP0C0C");
	aml_end(aml);
	aml_begin_device(aml, "GED");
	aml_name_string(aml, "_HID", "ACPI0013");
	aml_begin_resources(aml, "_CRS");
	add_interrupt(board, aml, GSI_BUTTON);
	aml_end(aml);
	aml_io_byte(aml, "REGS", "EVTS", PORT_BUTTON);
	aml_begin_method(aml, "_INI", 0);
	aml_store(aml, "EVTS", BUTTON_LISTENS);
	aml_end(aml);
	aml_begin_method(aml, "_EVT", 1);
	aml_begin_if(aml, "EVTS");
	aml_notify(aml, "\\_SB.PWRB", 0x80);
	aml_end(aml);
	aml_end(aml);
	aml_end(aml);
}

/* 8.4: each processor of the MADT is a device too, with the same _UID. */
static void add_cpu(struct aml *aml, unsigned int cpu)
{
	static const char hex[] = "0123456789ABCDEF";
	const char name[] = {'C', hex[cpu >> 8 & 15], hex[cpu >> 4 & 15], hex[cpu & 15], '\0'};

	aml_begin_device(aml, name);
	aml_name_string(aml, "_HID", "ACPI0007");
	aml_name_integer(aml, "_UID", cpu);
	aml_end(aml);
}

void acpi_dsdt_body(const struct board *board, struct aml *aml)
{
	/* 7.4.2.6: to turn off, SLP_TYP of this value goes into the sleep control register. */
	aml_begin_name_package(aml, "\\_S5", 4);
	aml_integer(aml, POWER_S5_TYPE);
	aml_integer(aml, POWER_S5_TYPE);
	aml_integer(aml, 0);
	aml_integer(aml, 0);
	aml_end(aml);

	aml_begin_scope(aml, "\\_SB");
	if (board->has_serial)
		add_serial(board, aml);
	add_rtc(aml);
	if (board->has_irqchip)
		add_power_button(board, aml);
	for (unsigned int slot = 0; slot < board->nr_slots; slot++)
		add_virtio_slot(board, aml, slot);
	/* Three digits name 4096 processors; the MADT has them only with interrupt controllers. */
	for (unsigned int cpu = 0; board->has_irqchip && cpu < board->topo.nr_cpus && cpu < 0x1000;
	     cpu++)
		add_cpu(aml, cpu);
	aml_end(aml);
}
