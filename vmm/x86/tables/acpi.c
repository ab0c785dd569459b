/* SPDX-License-Identifier: MIT */
/*
 * ACPI 6.5 tables of a hardware-reduced machine (4.1): no fixed hardware, hence no SCI, no PM timer
 * and no FACS; power-off and reset are two registers that the FADT names.
 */
#include "vmm/x86/tables/acpi.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/x86/tables/acpi_tables.h"

/* The tables under construction: a copy of guest RAM from MEMMAP_ACPI on. */
struct tables {
	uint8_t *bytes;
	size_t size;
	size_t len;
	bool overflow; /* something did not fit; nothing is added from then on */
};

static void append(struct tables *tables, const void *bytes, size_t len)
{
	if (tables->overflow || len > tables->size - tables->len) {
		tables->overflow = true;
		return;
	}
	memcpy(tables->bytes + tables->len, bytes, len);
	tables->len += len;
}

/* 5.2.5.3, 5.2.6: all bytes, the checksum among them, add up to zero. */
static uint8_t checksum(const void *bytes, size_t len)
{
	const uint8_t *b = bytes;
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + b[i]);
	return (uint8_t)-sum;
}

static struct acpi_header table_header(const char *signature, uint8_t revision)
{
	struct acpi_header header = {
		.revision = revision, .oem_revision = 1, .creator_revision = 1};

	memcpy(header.signature, signature, sizeof(header.signature));
	memcpy(header.oem_id, "TNYVMM", sizeof(header.oem_id));
	memcpy(header.oem_table_id, "TINYVMM ", sizeof(header.oem_table_id));
	memcpy(header.creator_id, "TVMM", sizeof(header.creator_id));
	return header;
}

/* Starts a table on a multiple of 16 and returns its offset. */
static size_t begin_table(struct tables *tables)
{
	static const uint8_t zeros[16];

	append(tables, zeros, -tables->len & 15);
	return tables->len;
}

/* Fills in length and checksum; returns the table's guest-physical address. */
static uint64_t end_table(struct tables *tables, size_t start)
{
	struct acpi_header header;

	if (!tables->overflow) {
		memcpy(&header, tables->bytes + start, sizeof(header));
		header.length = (uint32_t)(tables->len - start);
		memcpy(tables->bytes + start, &header, sizeof(header));
		header.checksum = checksum(tables->bytes + start, header.length);
		memcpy(tables->bytes + start, &header, sizeof(header));
	}
	return MEMMAP_ACPI + start;
}

static uint64_t add_dsdt(struct tables *tables, const struct board *board)
{
	size_t start = begin_table(tables);
	/* 5.2.11.1: revision 2 makes integers 64 bits wide. */
	struct acpi_header header = table_header("DSDT", 2);
	struct aml aml;

	append(tables, &header, sizeof(header));
	aml_init(&aml, tables->bytes + tables->len, tables->size - tables->len);
	acpi_dsdt_body(board, &aml);
	tables->len += aml.len;
	tables->overflow |= aml.overflow;
	return end_table(tables, start);
}

/* 4.8.3: the registers of a hardware-reduced machine are bytes; here they are I/O ports. */
static struct acpi_address power_register(unsigned int offset)
{
	return (struct acpi_address){
		.space = 1, .bit_width = 8, .access_size = 1, .address = PORT_POWER + offset};
}

static uint64_t add_fadt(struct tables *tables, const struct board *board, uint64_t dsdt)
{
	size_t start = begin_table(tables);
	struct acpi_fadt fadt = {
		.header = table_header("FACP", 6),
		.century = 0x32, /* where every BIOS has it, and devices/rtc.c */
		/*
		 * Nothing is plugged into the keyboard controller, so 8042 stays clear: it spares
		 * the guest the search, which is an exit for each look. Resetting through port
		 * 0x64 works all the same.
		 */
		.boot_arch = FADT_VGA_NOT_PRESENT,
		.flags = FADT_WBINVD | FADT_PWR_BUTTON | FADT_SLP_BUTTON | FADT_RESET_REG_SUP |
			 FADT_HW_REDUCED_ACPI,
		.reset_reg = power_register(POWER_RESET),
		.reset_value = POWER_RESET_VALUE,
		.minor_revision = 5,
		.x_dsdt = dsdt,
		.sleep_control = power_register(POWER_SLEEP_CONTROL),
		.sleep_status = power_register(POWER_SLEEP_STATUS),
	};

	if (board->has_serial)
		fadt.boot_arch |= FADT_LEGACY_DEVICES;
	memcpy(fadt.hypervisor, "TINYVMM ", sizeof(fadt.hypervisor));
	append(tables, &fadt, sizeof(fadt));
	return end_table(tables, start);
}

static void add_madt_cpu(struct tables *tables, uint32_t apic_id, unsigned int cpu)
{
	const struct acpi_madt_local_apic xapic = {
		.type = MADT_LOCAL_APIC,
		.length = sizeof(xapic),
		.uid = (uint8_t)cpu, /* an id is never below its vCPU's number, so this fits too */
		.apic_id = (uint8_t)apic_id,
		.flags = MADT_ENABLED,
	};
	const struct acpi_madt_local_x2apic x2apic = {
		.type = MADT_LOCAL_X2APIC,
		.length = sizeof(x2apic),
		.apic_id = apic_id,
		.flags = MADT_ENABLED,
		.uid = cpu,
	};

	if (apic_id <= ACPI_MAX_XAPIC_ID)
		append(tables, &xapic, sizeof(xapic));
	else
		append(tables, &x2apic, sizeof(x2apic));
}

/* An NMI arrives at every processor's LINT1, as on a PC. */
static void add_madt_nmi(struct tables *tables, bool x2apic)
{
	const struct acpi_madt_local_apic_nmi xapic_nmi = {
		.type = MADT_LOCAL_APIC_NMI, .length = sizeof(xapic_nmi), .uid = 0xff, .lint = 1};
	const struct acpi_madt_local_x2apic_nmi x2apic_nmi = {.type = MADT_LOCAL_X2APIC_NMI,
							      .length = sizeof(x2apic_nmi),
							      .uid = UINT32_MAX,
							      .lint = 1};

	append(tables, &xapic_nmi, sizeof(xapic_nmi));
	if (x2apic)
		append(tables, &x2apic_nmi, sizeof(x2apic_nmi));
}

static uint64_t add_madt(struct tables *tables, const struct board *board)
{
	size_t start = begin_table(tables);
	const struct acpi_madt madt = {
		.header = table_header("APIC", 6),
		.local_apic = MEMMAP_LAPIC,
		.flags = MADT_PCAT_COMPAT, /* KVM's interrupt controllers include two 8259s */
	};
	/*
	 * The id is what KVM's I/O APIC has after a reset. There are no interrupt source overrides:
	 * KVM routes each ISA interrupt, the timer's too, to the I/O APIC pin of the same number,
	 * and edge-triggered, active-high is what 5.2.12.5 takes for granted.
	 */
	const struct acpi_madt_io_apic io_apic = {
		.type = MADT_IO_APIC, .length = sizeof(io_apic), .address = MEMMAP_IOAPIC};

	append(tables, &madt, sizeof(madt));
	for (unsigned int cpu = 0; cpu < board->topo.nr_cpus; cpu++)
		add_madt_cpu(tables, topology_apic_id(&board->topo, cpu), cpu);
	append(tables, &io_apic, sizeof(io_apic));
	add_madt_nmi(tables, topology_max_apic_id(&board->topo) > ACPI_MAX_XAPIC_ID);
	return end_table(tables, start);
}

static void add_srat_cpu(struct tables *tables, uint32_t apic_id, unsigned int node)
{
	const struct acpi_srat_local_apic xapic = {
		.type = SRAT_LOCAL_APIC,
		.length = sizeof(xapic),
		.domain_low = (uint8_t)node, /* BOARD_MAX_NODES is small */
		.apic_id = (uint8_t)apic_id,
		.flags = SRAT_ENABLED,
	};
	const struct acpi_srat_local_x2apic x2apic = {
		.type = SRAT_LOCAL_X2APIC,
		.length = sizeof(x2apic),
		.domain = node,
		.apic_id = apic_id,
		.flags = SRAT_ENABLED,
	};

	if (apic_id <= ACPI_MAX_XAPIC_ID)
		append(tables, &xapic, sizeof(xapic));
	else
		append(tables, &x2apic, sizeof(x2apic));
}

static uint64_t add_srat(struct tables *tables, const struct board *board)
{
	size_t start = begin_table(tables);
	const struct acpi_srat srat = {.header = table_header("SRAT", 3), .reserved1 = 1};

	append(tables, &srat, sizeof(srat));
	for (unsigned int cpu = 0; cpu < board->topo.nr_cpus; cpu++)
		add_srat_cpu(tables, topology_apic_id(&board->topo, cpu),
			     board_cpu_node(board, cpu));
	for (unsigned int i = 0; i < board->nr_node_ranges; i++) {
		const struct acpi_srat_memory memory = {
			.type = SRAT_MEMORY,
			.length = sizeof(memory),
			.domain = board->node_range[i].node,
			.base = board->node_range[i].start,
			.size_bytes = board->node_range[i].size_bytes,
			.flags = SRAT_ENABLED,
		};

		append(tables, &memory, sizeof(memory));
	}
	return end_table(tables, start);
}

static uint64_t add_slit(struct tables *tables, const struct board *board)
{
	size_t start = begin_table(tables);
	const struct acpi_slit slit = {.header = table_header("SLIT", 1),
				       .nr_localities = board->nr_nodes};

	append(tables, &slit, sizeof(slit));
	for (unsigned int i = 0; i < board->nr_nodes; i++)
		append(tables, board->distance[i], board->nr_nodes);
	return end_table(tables, start);
}

/* Everything but the RSDP; returns the XSDT's address. */
static uint64_t add_tables(struct tables *tables, const struct board *board)
{
	uint64_t dsdt = add_dsdt(tables, board);
	uint64_t entry[4];
	unsigned int nr = 0;
	struct acpi_header header = table_header("XSDT", 1);
	size_t start;

	entry[nr++] = add_fadt(tables, board, dsdt);
	if (board->has_irqchip)
		entry[nr++] = add_madt(tables, board);
	if (board->nr_nodes > 1) {
		entry[nr++] = add_srat(tables, board);
		entry[nr++] = add_slit(tables, board);
	}
	start = begin_table(tables);
	append(tables, &header, sizeof(header));
	append(tables, entry, nr * sizeof(entry[0]));
	return end_table(tables, start);
}

static int write_rsdp(struct gmem *mem, uint64_t xsdt)
{
	struct acpi_rsdp rsdp = {.revision = 2, .length = sizeof(rsdp), .xsdt = xsdt};

	memcpy(rsdp.signature, "RSD PTR ", sizeof(rsdp.signature));
	memcpy(rsdp.oem_id, "TNYVMM", sizeof(rsdp.oem_id));
	rsdp.checksum = checksum(&rsdp, 20); /* the bytes that revision 0 had */
	rsdp.extended_checksum = checksum(&rsdp, sizeof(rsdp));
	return gmem_write(mem, gpa(MEMMAP_RSDP), &rsdp, sizeof(rsdp));
}

int acpi_build(const struct board *board, struct gmem *mem, struct err *err)
{
	struct tables tables = {.size = MEMMAP_ACPI_END - MEMMAP_ACPI};
	uint64_t xsdt;
	int ret;

	tables.bytes = malloc(tables.size);
	if (tables.bytes == NULL)
		return err_set(err, -ENOMEM, "ACPI tables: %s", strerror(ENOMEM));
	xsdt = add_tables(&tables, board);
	if (tables.overflow) {
		ret = err_set(
			err, -ENOSPC,
			"--cpus %u: the ACPI tables do not fit into the %zu KiB set aside for "
			"them; use fewer vCPUs",
			board->topo.nr_cpus, tables.size / 1024);
		goto out;
	}
	ret = gmem_write(mem, gpa(MEMMAP_ACPI), tables.bytes, tables.len);
	if (ret == 0)
		ret = write_rsdp(mem, xsdt);
	if (ret < 0)
		err_set(err, ret, "--mem: no RAM at 0x%x for the ACPI tables; use at least 2M",
			MEMMAP_ACPI);
out:
	free(tables.bytes);
	return ret;
}
