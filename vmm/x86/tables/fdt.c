/* SPDX-License-Identifier: MIT */
/*
 * The board as a flattened device tree (Devicetree 0.4), written in one pass with libfdt.
 *
 * The interrupt controllers carry the names that x86 Linux knows ("intel,ce4100-ioapic" and
 * "-lapic", after the first SoC that had them; arch/x86/kernel/devicetree.c), so a kernel without
 * ACPI finds its processors, interrupts and devices here. A kernel that reads both would find them
 * twice: it registers each processor again, and a virtio-mmio slot is taken by whichever of its two
 * descriptions comes first. So the tree is for payloads, and for Linux with acpi=off.
 *
 * I/O ports are children of an ISA bus, whose addresses have two cells: 1 for I/O, and the port
 * (IEEE 1275 ISA binding). Its "ranges" maps them to the same numbers, which x86 Linux takes for
 * ports again.
 */
#include "vmm/x86/tables/fdt.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <libfdt.h>

#define PHANDLE_IOAPIC 1
#define PHANDLE_CPU    0x1000 /* and up, by vCPU number */

/*
 * Second cell of an interrupt: what x86 Linux programs as edge-triggered, active-high (its
 * of_ioapic_type table; the text of the old binding has 0 and 3 the other way round).
 */
#define INTERRUPT_EDGE_HIGH 3

/* libfdt's first error stays, and nothing is added after it. */
struct tree {
	void *blob;
	int error;
};

static void begin(struct tree *tree, const char *name)
{
	if (tree->error == 0)
		tree->error = fdt_begin_node(tree->blob, name);
}

/* A node with a unit address, "name@address". */
static void begin_at(struct tree *tree, const char *name, uint64_t address)
{
	char full[48];

	snprintf(full, sizeof(full), "%s@%llx", name, (unsigned long long)address);
	begin(tree, full);
}

/* A node with a number, "name0". */
static void begin_numbered(struct tree *tree, const char *name, unsigned int number)
{
	char full[48];

	snprintf(full, sizeof(full), "%s%u", name, number);
	begin(tree, full);
}

static void end(struct tree *tree)
{
	if (tree->error == 0)
		tree->error = fdt_end_node(tree->blob);
}

static void add(struct tree *tree, const char *name, const void *value, size_t len)
{
	if (tree->error == 0)
		tree->error = fdt_property(tree->blob, name, value, (int)len);
}

static void add_flag(struct tree *tree, const char *name)
{
	add(tree, name, NULL, 0);
}

static void add_string(struct tree *tree, const char *name, const char *string)
{
	add(tree, name, string, strlen(string) + 1);
}

#define MAX_CELLS 6

static void add_cells(struct tree *tree, const char *name, unsigned int nr, const uint32_t cells[])
{
	fdt32_t big_endian[MAX_CELLS];

	for (unsigned int i = 0; i < nr; i++)
		big_endian[i] = cpu_to_fdt32(cells[i]);
	add(tree, name, big_endian, nr * sizeof(big_endian[0]));
}

static void add_u32(struct tree *tree, const char *name, uint32_t value)
{
	add_cells(tree, name, 1, &value);
}

static void add_u64(struct tree *tree, const char *name, uint64_t value)
{
	add_cells(tree, name, 2, (const uint32_t[]){(uint32_t)(value >> 32), (uint32_t)value});
}

/* "reg" on a bus whose addresses and sizes have two cells. */
static void add_reg(struct tree *tree, uint64_t address, uint64_t size)
{
	add_cells(tree, "reg", 4,
		  (const uint32_t[]){(uint32_t)(address >> 32), (uint32_t)address,
				     (uint32_t)(size >> 32), (uint32_t)size});
}

static void add_interrupt(struct tree *tree, const struct board *board, uint32_t gsi)
{
	if (board->has_irqchip)
		add_cells(tree, "interrupts", 2, (const uint32_t[]){gsi, INTERRUPT_EDGE_HIGH});
}

static void add_chosen(struct tree *tree, const struct board *board, uint64_t initrd_start,
		       uint64_t initrd_size)
{
	begin(tree, "chosen");
	add_string(tree, "bootargs", board->cmdline);
	if (board->has_serial)
		add_string(tree, "stdout-path", "serial0:115200n8");
	if (initrd_size != 0) {
		add_u64(tree, "linux,initrd-start", initrd_start);
		add_u64(tree, "linux,initrd-end", initrd_start + initrd_size);
	}
	end(tree);
	if (board->has_serial) {
		begin(tree, "aliases");
		add_string(tree, "serial0", "/soc/isa@0/serial@i3f8");
		end(tree);
	}
}

/* Documentation/devicetree/bindings/cpu/cpu-topology.txt: a core with one thread is the leaf. */
static void add_cpu_map(struct tree *tree, const struct topology *topo)
{
	unsigned int cpu = 0;

	begin(tree, "cpu-map");
	for (unsigned int socket = 0; cpu < topo->nr_cpus; socket++) {
		begin_numbered(tree, "socket", socket);
		for (unsigned int core = 0; core < topo->cores && cpu < topo->nr_cpus; core++) {
			begin_numbered(tree, "core", core);
			for (unsigned int thread = 0; thread < topo->threads && cpu < topo->nr_cpus;
			     thread++) {
				if (topo->threads > 1)
					begin_numbered(tree, "thread", thread);
				add_u32(tree, "cpu", PHANDLE_CPU + cpu++);
				if (topo->threads > 1)
					end(tree);
			}
			end(tree);
		}
		end(tree);
	}
	end(tree);
}

static void add_cpus(struct tree *tree, const struct board *board)
{
	begin(tree, "cpus");
	add_u32(tree, "#address-cells", 1);
	add_u32(tree, "#size-cells", 0);
	for (unsigned int cpu = 0; cpu < board->topo.nr_cpus; cpu++) {
		uint32_t apic_id = topology_apic_id(&board->topo, cpu);

		begin_at(tree, "cpu", apic_id);
		add_string(tree, "device_type", "cpu");
		add_u32(tree, "reg", apic_id); /* bindings/x86/ce4100.txt: the local APIC id */
		add_u32(tree, "phandle", PHANDLE_CPU + cpu);
		if (board->nr_nodes > 1)
			add_u32(tree, "numa-node-id", board_cpu_node(board, cpu));
		end(tree);
	}
	add_cpu_map(tree, &board->topo);
	end(tree);
}

static void add_memory(struct tree *tree, uint64_t start, uint64_t size_bytes)
{
	begin_at(tree, "memory", start);
	add_string(tree, "device_type", "memory");
	add_reg(tree, start, size_bytes);
}

/* The part of a stretch of RAM that belongs to a node. */
static void add_node_memory(struct tree *tree, const struct board_range *ram,
			    const struct board_node_range *part)
{
	uint64_t start = ram->start > part->start ? ram->start : part->start;
	uint64_t ram_end = ram->start + ram->size_bytes;
	uint64_t part_end = part->start + part->size_bytes;
	uint64_t stop = ram_end < part_end ? ram_end : part_end;

	if (start >= stop)
		return;
	add_memory(tree, start, stop - start);
	add_u32(tree, "numa-node-id", part->node);
	end(tree);
}

/* bindings/numa.txt */
static void add_distances(struct tree *tree, const struct board *board)
{
	fdt32_t matrix[BOARD_MAX_NODES * BOARD_MAX_NODES * 3];
	unsigned int nr = 0;

	for (unsigned int from = 0; from < board->nr_nodes; from++)
		for (unsigned int to = 0; to < board->nr_nodes; to++) {
			matrix[nr++] = cpu_to_fdt32(from);
			matrix[nr++] = cpu_to_fdt32(to);
			matrix[nr++] = cpu_to_fdt32(board->distance[from][to]);
		}
	begin(tree, "distance-map");
	add_string(tree, "compatible", "numa-distance-map-v1");
	add(tree, "distance-matrix", matrix, nr * sizeof(matrix[0]));
	end(tree);
}

static void add_ram(struct tree *tree, const struct board *board)
{
	for (unsigned int i = 0; i < board->nr_ranges; i++) {
		const struct board_range *ram = &board->range[i];

		if (ram->type != BOARD_RAM)
			continue;
		if (board->nr_nodes <= 1) {
			add_memory(tree, ram->start, ram->size_bytes);
			end(tree);
			continue;
		}
		for (unsigned int part = 0; part < board->nr_node_ranges; part++)
			add_node_memory(tree, ram, &board->node_range[part]);
	}
	if (board->nr_nodes > 1)
		add_distances(tree, board);
}

static void add_interrupt_controllers(struct tree *tree)
{
	begin_at(tree, "interrupt-controller", MEMMAP_IOAPIC);
	add_string(tree, "compatible", "intel,ce4100-ioapic");
	add_reg(tree, MEMMAP_IOAPIC, 0x1000);
	add_flag(tree, "interrupt-controller");
	add_u32(tree, "#address-cells", 0);
	add_u32(tree, "#interrupt-cells", 2);
	add_u32(tree, "phandle", PHANDLE_IOAPIC);
	end(tree);

	begin_at(tree, "interrupt-controller", MEMMAP_LAPIC);
	add_string(tree, "compatible", "intel,ce4100-lapic");
	add_reg(tree, MEMMAP_LAPIC, 0x1000);
	add_flag(tree, "interrupt-controller");
	add_u32(tree, "#address-cells", 0);
	add_u32(tree, "#interrupt-cells", 2);
	add_flag(tree, "intel,virtual-wire-mode"); /* there is no IMCR to switch */
	end(tree);
}

static void begin_port_device(struct tree *tree, const char *name, const char *compatible,
			      uint32_t port, uint32_t nr_ports)
{
	char full[48];

	snprintf(full, sizeof(full), "%s@i%x", name, port);
	begin(tree, full);
	add_string(tree, "compatible", compatible);
	add_cells(tree, "reg", 3, (const uint32_t[]){1, port, nr_ports});
}

static void add_isa(struct tree *tree, const struct board *board)
{
	begin(tree, "isa@0");
	add_string(tree, "compatible", "isa");
	add_u32(tree, "#address-cells", 2);
	add_u32(tree, "#size-cells", 1);
	add_cells(tree, "ranges", 5, (const uint32_t[]){1, 0, 0, 0, 0x10000});
	if (board->has_serial) {
		begin_port_device(tree, "serial", "ns16550a", PORT_SERIAL, 8);
		add_u32(tree, "clock-frequency", 1843200);
		add_u32(tree, "current-speed", 115200);
		add_interrupt(tree, board, GSI_SERIAL);
		end(tree);
	}
	begin_port_device(tree, "rtc", "motorola,mc146818", PORT_RTC, 2);
	end(tree);
	begin_port_device(tree, "debugcon", "tinyvmm,debugcon", PORT_DEBUGCON, 1);
	end(tree);
	begin_port_device(tree, "debug-exit", "tinyvmm,debug-exit", PORT_DEBUG_EXIT, 4);
	end(tree);
	begin_port_device(tree, "power", "tinyvmm,power", PORT_POWER, 4);
	end(tree);
	end(tree);
}

static void add_virtio_slots(struct tree *tree, const struct board *board)
{
	for (unsigned int i = 0; i < board->nr_slots; i++) {
		begin_at(tree, "virtio_mmio", board->slot[i].base);
		add_string(tree, "compatible", "virtio,mmio");
		add_reg(tree, board->slot[i].base, MEMMAP_VIRTIO_SLOT);
		add_flag(tree, "dma-coherent");
		add_interrupt(tree, board, board->slot[i].gsi);
		end(tree);
	}
}

static void add_devices(struct tree *tree, const struct board *board)
{
	begin(tree, "soc");
	add_string(tree, "compatible", "simple-bus");
	add_u32(tree, "#address-cells", 2);
	add_u32(tree, "#size-cells", 2);
	add_flag(tree, "ranges");
	add_isa(tree, board);
	add_virtio_slots(tree, board);
	end(tree);
}

/*
 * Sizes of a node: 8 bytes of tags, its name, and 12 bytes for each property besides the value,
 * all rounded up to 4 (Devicetree 0.4, 5.4).
 */
#define BYTES_FIXED	   2560 /* header, strings, and the nodes that any board has */
#define BYTES_EACH_CPU	   176	/* cpu@, and its socket, core and thread in the map */
#define BYTES_EACH_MEMORY  112
#define BYTES_EACH_SLOT	   128
#define BYTES_EACH_CMDLINE 4 /* rounding */

size_t fdt_size_max(const struct board *board)
{
	return BYTES_FIXED + (size_t)board->topo.nr_cpus * BYTES_EACH_CPU +
	       (size_t)(board->nr_ranges + board->nr_node_ranges) * BYTES_EACH_MEMORY +
	       (size_t)board->nr_slots * BYTES_EACH_SLOT + strlen(board->cmdline) +
	       BYTES_EACH_CMDLINE + (size_t)board->nr_nodes * board->nr_nodes * 3 * sizeof(fdt32_t);
}

static int begin_tree(void *to, size_t max)
{
	int ret = fdt_create(to, max > INT_MAX ? INT_MAX : (int)max);

	/* Nothing is reserved: the memory nodes leave out what is not the guest's. */
	return ret != 0 ? ret : fdt_finish_reservemap(to);
}

long fdt_build_board(const struct board *board, uint64_t initrd_start, uint64_t initrd_size,
		     void *to, size_t max)
{
	struct tree tree = {.blob = to, .error = begin_tree(to, max)};

	begin(&tree, "");
	add_string(&tree, "compatible", "tinyvmm,machine");
	add_string(&tree, "model", "tinyvmm");
	add_u32(&tree, "#address-cells", 2);
	add_u32(&tree, "#size-cells", 2);
	if (board->has_irqchip)
		add_u32(&tree, "interrupt-parent", PHANDLE_IOAPIC);
	add_chosen(&tree, board, initrd_start, initrd_size);
	add_cpus(&tree, board);
	add_ram(&tree, board);
	if (board->has_irqchip)
		add_interrupt_controllers(&tree);
	add_devices(&tree, board);
	end(&tree);
	if (tree.error == 0)
		tree.error = fdt_finish(to);
	if (tree.error != 0)
		return tree.error == -FDT_ERR_NOSPACE ? -ENOSPC : -EINVAL;
	return (long)fdt_totalsize(to);
}
