/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables, found and walked as an operating system does it: from the RSDP in the BIOS area
 * through the XSDT (ACPI 6.5, 5.2.5.1, 5.2.8), every length and checksum verified on the way. Then
 * iasl reads each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/iasl.h"
#include "vmm/core/array.h"
#include "vmm/x86/tables/acpi.h"
#include "vmm/x86/tables/acpi_tables.h"

#define RAM_BYTES 0x100000u

struct machine {
	struct gmem mem;
	uint8_t *ram;
	struct board board;
};

static int setup(void **state)
{
	struct machine *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->ram = malloc(RAM_BYTES);
	assert_non_null(m->ram);
	/* RAM is not always zero: after a restart it has the guest's leavings. */
	memset(m->ram, 0xa5, RAM_BYTES);
	assert_int_equal(gmem_add(&m->mem, gpa(0), RAM_BYTES, m->ram), 0);
	m->board = (struct board){
		.topo = {1, 1, 1, 1}, .has_serial = true, .has_irqchip = true, .cmdline = ""};
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct machine *m = *state;

	free(m->ram);
	free(m);
	return 0;
}

static void build(struct machine *m)
{
	struct err err = {""};

	assert_int_equal(acpi_build(&m->board, &m->mem, &err), 0);
	assert_string_equal(err.text, "");
}

static void add_slots(struct machine *m, unsigned int nr)
{
	m->board.nr_slots = nr;
	for (unsigned int i = 0; i < nr; i++) {
		m->board.slot[i].base = MEMMAP_VIRTIO + i * MEMMAP_VIRTIO_SLOT;
		m->board.slot[i].gsi = GSI_VIRTIO_FIRST + i;
	}
}

/* Two nodes; the first one's RAM lies on both sides of the 32-bit hole. */
static void add_nodes(struct machine *m)
{
	m->board.nr_nodes = 2;
	m->board.nr_node_ranges = 3;
	m->board.node_range[0] = (struct board_node_range){0, 0, MEMMAP_HOLE_START};
	m->board.node_range[1] = (struct board_node_range){0, MEMMAP_HOLE_END, 1ull << 30};
	m->board.node_range[2] =
		(struct board_node_range){1, MEMMAP_HOLE_END + (1ull << 30), 4ull << 30};
	m->board.distance[0][0] = m->board.distance[1][1] = 10;
	m->board.distance[0][1] = m->board.distance[1][0] = 21;
}

static uint8_t sum(const void *bytes, size_t len)
{
	const uint8_t *b = bytes;
	uint8_t total = 0;

	for (size_t i = 0; i < len; i++)
		total = (uint8_t)(total + b[i]);
	return total;
}

/* A table in guest RAM, its frame verified. */
static const void *table_at(const struct machine *m, uint64_t address)
{
	struct acpi_header header;

	assert_in_range(address, MEMMAP_ACPI, MEMMAP_ACPI_END - sizeof(header));
	memcpy(&header, m->ram + address, sizeof(header));
	assert_in_range(header.length, sizeof(header), MEMMAP_ACPI_END - address);
	assert_int_equal(sum(m->ram + address, header.length), 0);
	assert_memory_equal(header.oem_id, "TNYVMM", 6);
	return m->ram + address;
}

static const struct acpi_header *find_xsdt(const struct machine *m)
{
	/* 5.2.5.1: on a 16-byte boundary between 0xe0000 and 0xfffff. */
	for (uint64_t at = 0xe0000; at < 0x100000; at += 16) {
		const struct acpi_rsdp *rsdp = (const struct acpi_rsdp *)(m->ram + at);

		if (memcmp(rsdp->signature, "RSD PTR ", 8) != 0)
			continue;
		assert_int_equal(sum(rsdp, 20), 0);
		assert_int_equal(sum(rsdp, sizeof(*rsdp)), 0);
		assert_int_equal(rsdp->length, sizeof(*rsdp));
		assert_int_equal(rsdp->revision, 2);
		assert_int_equal(rsdp->rsdt, 0);
		return table_at(m, rsdp->xsdt);
	}
	fail_msg("no RSDP");
	return NULL;
}

/* A table by its signature, or NULL. There is one of each. */
static const void *find_table(const struct machine *m, const char *signature)
{
	const struct acpi_header *xsdt = find_xsdt(m);
	const void *found = NULL;

	assert_memory_equal(xsdt->signature, "XSDT", 4);
	assert_int_equal((xsdt->length - sizeof(*xsdt)) % 8, 0);
	for (size_t at = sizeof(*xsdt); at < xsdt->length; at += 8) {
		const struct acpi_header *table;
		uint64_t address;

		memcpy(&address, (const uint8_t *)xsdt + at, 8);
		table = table_at(m, address);
		if (memcmp(table->signature, signature, 4) == 0) {
			assert_null(found);
			found = table;
		}
	}
	if (found == NULL && strcmp(signature, "DSDT") == 0) {
		const struct acpi_fadt *fadt = find_table(m, "FACP");

		return table_at(m, fadt->x_dsdt);
	}
	return found;
}

static void tables_are_those_that_the_board_has(void **state)
{
	struct machine *m = *state;

	build(m);
	assert_non_null(find_table(m, "FACP"));
	assert_non_null(find_table(m, "DSDT"));
	assert_non_null(find_table(m, "APIC"));
	assert_null(find_table(m, "SRAT"));
	assert_null(find_table(m, "SLIT"));

	m->board.has_irqchip = false;
	build(m);
	assert_non_null(find_table(m, "FACP"));
	assert_null(find_table(m, "APIC"));

	m->board.nr_nodes = 1; /* one node is no topology */
	build(m);
	assert_null(find_table(m, "SRAT"));
	add_nodes(m);
	build(m);
	assert_non_null(find_table(m, "SRAT"));
	assert_non_null(find_table(m, "SLIT"));
}

static void only_the_reserved_areas_are_written(void **state)
{
	struct machine *m = *state;

	add_slots(m, 14);
	build(m);
	for (size_t i = 0; i < RAM_BYTES; i++)
		if ((i < MEMMAP_ACPI || i >= MEMMAP_ACPI_END) &&
		    (i < MEMMAP_RSDP || i >= MEMMAP_RSDP + sizeof(struct acpi_rsdp)))
			assert_int_equal(m->ram[i], 0xa5);
}

static void check_port(const struct acpi_address *address, unsigned int port)
{
	assert_int_equal(address->space, 1); /* system I/O */
	assert_int_equal(address->bit_width, 8);
	assert_int_equal(address->bit_offset, 0);
	assert_int_equal(address->access_size, 1); /* byte */
	assert_int_equal(address->address, port);
}

/* 4.1, 5.2.9: what a hardware-reduced machine must say, and what it must leave out. */
static void fadt_is_hardware_reduced(void **state)
{
	static const uint8_t zeros[sizeof(((struct acpi_fadt *)NULL)->x_fixed_hardware)];
	struct machine *m = *state;
	const struct acpi_fadt *fadt;

	build(m);
	fadt = find_table(m, "FACP");
	assert_int_equal(fadt->header.length, 276);
	assert_int_equal(fadt->header.revision, 6);
	assert_int_equal(fadt->minor_revision, 5);
	assert_true(fadt->flags & FADT_HW_REDUCED_ACPI);
	assert_true(fadt->flags & FADT_RESET_REG_SUP);
	check_port(&fadt->reset_reg, PORT_POWER + POWER_RESET);
	assert_int_equal(fadt->reset_value, POWER_RESET_VALUE);
	check_port(&fadt->sleep_control, PORT_POWER + POWER_SLEEP_CONTROL);
	check_port(&fadt->sleep_status, PORT_POWER + POWER_SLEEP_STATUS);
	assert_memory_equal(fadt->fixed_hardware, zeros, sizeof(fadt->fixed_hardware));
	assert_memory_equal(fadt->x_fixed_hardware, zeros, sizeof(fadt->x_fixed_hardware));
	assert_int_equal(fadt->century, 0x32);
	assert_int_equal(fadt->firmware_ctrl, 0);
	assert_int_equal(fadt->x_firmware_ctrl, 0);
	assert_int_equal(fadt->boot_arch, FADT_LEGACY_DEVICES | FADT_VGA_NOT_PRESENT);

	m->board.has_serial = false;
	build(m);
	fadt = find_table(m, "FACP");
	assert_int_equal(fadt->boot_arch, FADT_VGA_NOT_PRESENT);
}

/* What the MADT says, gathered from its entries. */
struct madt_view {
	unsigned int nr_xapic, nr_x2apic, nr_io_apic, nr_nmi, nr_x2apic_nmi;
	uint32_t id_of_uid[4096];
};

static void read_madt(const struct acpi_madt *madt, struct madt_view *view)
{
	const uint8_t *end = (const uint8_t *)madt + madt->header.length;
	const uint8_t *at = (const uint8_t *)(madt + 1);

	memset(view, 0, sizeof(*view));
	while (at < end) {
		const struct acpi_madt_local_apic *xapic = (const void *)at;
		const struct acpi_madt_local_x2apic *x2apic = (const void *)at;
		const struct acpi_madt_io_apic *io_apic = (const void *)at;
		const struct acpi_madt_local_apic_nmi *nmi = (const void *)at;
		const struct acpi_madt_local_x2apic_nmi *x2apic_nmi = (const void *)at;

		assert_true(end - at >= 2 && at[1] >= 2 && at[1] <= end - at);
		switch (at[0]) {
		case MADT_LOCAL_APIC:
			assert_int_equal(at[1], sizeof(*xapic));
			assert_int_equal(xapic->flags, 1);
			view->id_of_uid[xapic->uid] = xapic->apic_id;
			view->nr_xapic++;
			break;
		case MADT_LOCAL_X2APIC:
			assert_int_equal(at[1], sizeof(*x2apic));
			assert_int_equal(x2apic->flags, 1);
			assert_in_range(x2apic->uid, 0, 4095);
			/* 5.2.12.12: the smaller entry is a must where it can say it. */
			assert_true(x2apic->apic_id >= 255);
			view->id_of_uid[x2apic->uid] = x2apic->apic_id;
			view->nr_x2apic++;
			break;
		case MADT_IO_APIC:
			assert_int_equal(at[1], sizeof(*io_apic));
			assert_int_equal(io_apic->address, MEMMAP_IOAPIC);
			assert_int_equal(io_apic->gsi_base, 0);
			view->nr_io_apic++;
			break;
		case MADT_LOCAL_APIC_NMI:
			assert_int_equal(at[1], sizeof(*nmi));
			assert_int_equal(nmi->uid, 0xff);
			assert_int_equal(nmi->lint, 1);
			view->nr_nmi++;
			break;
		case MADT_LOCAL_X2APIC_NMI:
			assert_int_equal(at[1], sizeof(*x2apic_nmi));
			assert_int_equal(x2apic_nmi->uid, UINT32_MAX);
			assert_int_equal(x2apic_nmi->lint, 1);
			view->nr_x2apic_nmi++;
			break;
		default:
			fail_msg("MADT entry of type %u", at[0]);
		}
		at += at[1];
	}
}

static void madt_names_every_vcpu_by_its_apic_id(void **state)
{
	static const struct {
		struct topology topo;
		unsigned int nr_xapic, nr_x2apic;
	} cases[] = {
		{{1, 1, 1, 1}, 1, 0},
		{{8, 2, 2, 2}, 8, 0},
		{{6, 2, 3, 1}, 6, 0},
		{{255, 1, 255, 1}, 255, 0},
		{{256, 1, 256, 1}, 255, 1},
		{{300, 1, 300, 1}, 255, 45},
		/* Three cores a socket take four ids: 192 vCPUs lie below id 255. */
		{{195, 65, 3, 1}, 192, 3},
	};
	struct machine *m = *state;
	struct madt_view *view = malloc(sizeof(*view));

	assert_non_null(view);
	for (size_t i = 0; i < NR_OF(cases); i++) {
		const struct acpi_madt *madt;

		m->board.topo = cases[i].topo;
		build(m);
		madt = find_table(m, "APIC");
		assert_int_equal(madt->local_apic, MEMMAP_LAPIC);
		assert_int_equal(madt->flags, 1); /* 5.2.12: PCAT_COMPAT, two 8259s */
		read_madt(madt, view);
		assert_int_equal(view->nr_xapic, cases[i].nr_xapic);
		assert_int_equal(view->nr_x2apic, cases[i].nr_x2apic);
		assert_int_equal(view->nr_io_apic, 1);
		assert_int_equal(view->nr_nmi, 1);
		assert_int_equal(view->nr_x2apic_nmi, cases[i].nr_x2apic > 0);
		for (unsigned int cpu = 0; cpu < cases[i].topo.nr_cpus; cpu++)
			assert_int_equal(view->id_of_uid[cpu],
					 topology_apic_id(&cases[i].topo, cpu));
	}
	free(view);
}

static void srat_puts_each_socket_into_its_node(void **state)
{
	struct machine *m = *state;
	unsigned int nr_cpus = 0, nr_memory = 0;
	const struct acpi_srat *srat;
	const uint8_t *at, *end;

	m->board.topo = (struct topology){400, 2, 200, 1};
	add_nodes(m);
	build(m);
	srat = find_table(m, "SRAT");
	assert_int_equal(srat->header.revision, 3);
	assert_int_equal(srat->reserved1, 1);
	end = (const uint8_t *)srat + srat->header.length;
	for (at = (const uint8_t *)(srat + 1); at < end; at += at[1]) {
		const struct acpi_srat_local_apic *xapic = (const void *)at;
		const struct acpi_srat_local_x2apic *x2apic = (const void *)at;
		const struct acpi_srat_memory *memory = (const void *)at;

		assert_true(end - at >= 2 && at[1] >= 2 && at[1] <= end - at);
		if (at[0] == SRAT_LOCAL_APIC) {
			assert_int_equal(at[1], sizeof(*xapic));
			assert_int_equal(xapic->apic_id, topology_apic_id(&m->board.topo, nr_cpus));
			assert_int_equal(xapic->domain_low, board_cpu_node(&m->board, nr_cpus));
			assert_int_equal(xapic->flags, 1);
			nr_cpus++;
		} else if (at[0] == SRAT_LOCAL_X2APIC) {
			assert_int_equal(at[1], sizeof(*x2apic));
			assert_int_equal(x2apic->apic_id,
					 topology_apic_id(&m->board.topo, nr_cpus));
			assert_int_equal(x2apic->domain, board_cpu_node(&m->board, nr_cpus));
			assert_int_equal(x2apic->flags, 1);
			nr_cpus++;
		} else {
			const struct board_node_range *range = &m->board.node_range[nr_memory];

			assert_int_equal(at[0], SRAT_MEMORY);
			assert_int_equal(at[1], sizeof(*memory));
			assert_int_equal(memory->domain, range->node);
			assert_int_equal(memory->base, range->start);
			assert_int_equal(memory->size_bytes, range->size_bytes);
			assert_int_equal(memory->flags, 1);
			nr_memory++;
		}
	}
	assert_int_equal(nr_cpus, 400);
	assert_int_equal(nr_memory, 3);
}

static void slit_has_the_distances(void **state)
{
	struct machine *m = *state;
	const struct acpi_slit *slit;

	add_nodes(m);
	build(m);
	slit = find_table(m, "SLIT");
	assert_int_equal(slit->nr_localities, 2);
	assert_int_equal(slit->header.length, sizeof(*slit) + 4);
	assert_memory_equal(slit + 1, "\x0a\x15\x15\x0a", 4);
}

/* The DSDT's AML as text; the caller frees. */
static char *dsdt_text(const struct machine *m)
{
	const struct acpi_header *dsdt = find_table(m, "DSDT");

	assert_int_equal(dsdt->revision, 2);
	return iasl_disassemble(dsdt, dsdt->length);
}

static void dsdt_describes_the_devices(void **state)
{
	struct machine *m = *state;
	char *text;

	iasl_or_skip();
	m->board.topo = (struct topology){18, 1, 18, 1};
	add_slots(m, 14);
	build(m);
	text = dsdt_text(m);
	assert_true(iasl_says(text, "Name (\\_S5, Package (0x04)"));
	assert_true(iasl_says(text, "{ 0x05, 0x05, Zero, Zero })"));
	assert_true(iasl_says(text, "Device (COM1) { Name (_HID, EisaId (\"PNP0501\")"));
	assert_true(iasl_says(text, "IO (Decode16, 0x03F8, // Range Minimum\n"
				    "0x03F8, // Range Maximum\n0x01, // Alignment\n"
				    "0x08, // Length\n)\n"
				    "Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive, ,, )"
				    " { 0x00000004, }"));
	assert_true(iasl_says(text, "Device (PWRB) { Name (_HID, EisaId (\"PNP0C0C\")"));
	assert_true(iasl_says(text, "Device (GED) { Name (_HID, \"ACPI0013\""));
	assert_true(iasl_says(text, "Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive, ,, )"
				    " { 0x00000009, }"));
	assert_true(iasl_says(text, "OperationRegion (REGS, SystemIO, 0x0604, One) "
				    "Field (REGS, ByteAcc, NoLock, WriteAsZeros) { EVTS, 8 }"));
	assert_true(iasl_says(text, "Method (_INI, 0, Serialized) // _INI: Initialize\n"
				    "{ EVTS = One }"));
	assert_true(iasl_says(text,
			      "Method (_EVT, 1, Serialized) // _EVT: Event\n"
			      "{ If (EVTS) { Notify (\\_SB.PWRB, 0x80) // Status Change\n} }"));
	assert_true(iasl_says(text, "Device (RTC) { Name (_HID, EisaId (\"PNP0B00\")"));
	assert_true(iasl_says(text,
			      "Device (VIO0) { Name (_HID, \"LNRO0005\") // _HID: Hardware ID\n"
			      "Name (_UID, Zero) // _UID: Unique ID\nName (_CCA, One)"));
	for (unsigned int slot = 0; slot < 14; slot++) {
		char wanted[256];

		snprintf(wanted, sizeof(wanted), "Device (VIO%X)", slot);
		assert_true(iasl_says(text, wanted));
		snprintf(wanted, sizeof(wanted),
			 "Memory32Fixed (ReadWrite, 0xD000%X000, // Address Base\n"
			 "0x00001000, // Address Length\n)\n"
			 "Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive, ,, ) { 0x%08X, "
			 "}",
			 slot, GSI_VIRTIO_FIRST + slot);
		assert_true(iasl_says(text, wanted));
	}
	assert_false(iasl_says(text, "Device (VIOE)"));
	assert_true(iasl_says(text, "Device (C000) { Name (_HID, \"ACPI0007\""));
	assert_true(iasl_says(text, "Device (C011) { Name (_HID, \"ACPI0007\""));
	assert_true(iasl_says(text, "Name (_UID, 0x11)"));
	assert_false(iasl_says(text, "Device (C012)"));
	free(text);
}

static void dsdt_of_the_least_machine(void **state)
{
	struct machine *m = *state;
	char *text;

	iasl_or_skip();
	m->board.has_serial = false;
	m->board.has_irqchip = false;
	add_slots(m, 1);
	build(m);
	text = dsdt_text(m);
	assert_false(iasl_says(text, "COM1"));
	assert_false(iasl_says(text, "ACPI0007"));
	assert_false(iasl_says(text, "Interrupt ("));
	assert_false(iasl_says(text, "PWRB"));
	assert_false(iasl_says(text, "GED"));
	assert_true(iasl_says(text, "Device (VIO0)"));
	assert_false(iasl_says(text, "Device (VIO1)"));
	free(text);
}

static void iasl_reads_every_table(void **state)
{
	static const char *const signatures[] = {"FACP", "APIC", "SRAT", "SLIT", "DSDT"};
	static const struct topology topos[] = {{1, 1, 1, 1}, {8, 2, 2, 2}, {300, 2, 150, 1}};
	struct machine *m = *state;

	iasl_or_skip();
	add_nodes(m);
	add_slots(m, 14);
	for (size_t t = 0; t < NR_OF(topos); t++) {
		m->board.topo = topos[t];
		build(m);
		for (size_t i = 0; i < NR_OF(signatures); i++) {
			const struct acpi_header *table = find_table(m, signatures[i]);

			free(iasl_disassemble(table, table->length));
		}
		free(iasl_disassemble(find_xsdt(m), find_xsdt(m)->length));
	}
}

static void iasl_finds_the_fields_of_the_fadt(void **state)
{
	struct machine *m = *state;
	char *text;

	iasl_or_skip();
	build(m);
	text = iasl_disassemble(find_table(m, "FACP"), sizeof(struct acpi_fadt));
	assert_true(iasl_says(text, "Hardware Reduced (V5) : 1"));
	assert_true(iasl_says(text, "Reset Register Supported (V2) : 1"));
	assert_true(iasl_says(text, "8042 Present on ports 60/64 (V2) : 0"));
	assert_true(iasl_says(text, "Value to cause reset : 01"));
	assert_true(iasl_says(text, "DSDT Address : 00000000000A0000"));
	assert_true(iasl_says(text, "FADT Minor Revision : 05"));
	free(text);
}

static void thousands_of_vcpus_fit(void **state)
{
	struct machine *m = *state;

	m->board.topo = (struct topology){4096, 1, 4096, 1};
	add_slots(m, 14);
	build(m);
	assert_non_null(find_table(m, "DSDT"));
	m->board.topo = (struct topology){3072, 2, 1536, 1};
	add_nodes(m);
	build(m);
	assert_non_null(find_table(m, "SRAT"));
}

static void what_does_not_fit_is_an_error_with_a_remedy(void **state)
{
	struct machine *m = *state;
	struct err err = {""};

	m->board.topo = (struct topology){20000, 1, 20000, 1};
	assert_int_equal(acpi_build(&m->board, &m->mem, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "--cpus 20000: "));
	assert_non_null(strstr(err.text, "fewer"));
	for (size_t i = 0; i < RAM_BYTES; i++)
		assert_int_equal(m->ram[i], 0xa5);
}

static void too_little_ram_is_an_error_with_a_remedy(void **state)
{
	struct machine *m = *state;
	struct gmem small = {0};
	struct err err = {""};

	assert_int_equal(gmem_add(&small, gpa(0), MEMMAP_ACPI, m->ram), 0);
	assert_int_equal(acpi_build(&m->board, &small, &err), -EFAULT);
	assert_non_null(strstr(err.text, "--mem: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tables_are_those_that_the_board_has, setup,
						teardown),
		cmocka_unit_test_setup_teardown(only_the_reserved_areas_are_written, setup,
						teardown),
		cmocka_unit_test_setup_teardown(fadt_is_hardware_reduced, setup, teardown),
		cmocka_unit_test_setup_teardown(madt_names_every_vcpu_by_its_apic_id, setup,
						teardown),
		cmocka_unit_test_setup_teardown(srat_puts_each_socket_into_its_node, setup,
						teardown),
		cmocka_unit_test_setup_teardown(slit_has_the_distances, setup, teardown),
		cmocka_unit_test_setup_teardown(dsdt_describes_the_devices, setup, teardown),
		cmocka_unit_test_setup_teardown(dsdt_of_the_least_machine, setup, teardown),
		cmocka_unit_test_setup_teardown(iasl_reads_every_table, setup, teardown),
		cmocka_unit_test_setup_teardown(iasl_finds_the_fields_of_the_fadt, setup, teardown),
		cmocka_unit_test_setup_teardown(thousands_of_vcpus_fit, setup, teardown),
		cmocka_unit_test_setup_teardown(what_does_not_fit_is_an_error_with_a_remedy, setup,
						teardown),
		cmocka_unit_test_setup_teardown(too_little_ram_is_an_error_with_a_remedy, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
