/* SPDX-License-Identifier: MIT */
/* The device tree: read back with libfdt, and by dtc without a warning. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/core/array.h"
#include "vmm/x86/tables/fdt.h"

/* A board that has everything: 8 vCPUs, two nodes, 14 slots. */
static struct board full_board(void)
{
	struct board board = {
		.topo = {8, 2, 2, 2},
		.nr_ranges = 4,
		.range = {{0, MEMMAP_LOW_RAM_END, BOARD_RAM},
			  {MEMMAP_ACPI, MEMMAP_IMAGE - MEMMAP_ACPI, BOARD_ACPI},
			  {MEMMAP_IMAGE, MEMMAP_HOLE_START - MEMMAP_IMAGE, BOARD_RAM},
			  {MEMMAP_HOLE_END, 2ull << 30, BOARD_RAM}},
		.nr_nodes = 2,
		.nr_node_ranges = 3,
		/* Node 0 ends in the middle of a range; node 1 lies around the hole. */
		.node_range = {{0, 0, 1ull << 30},
			       {1, 1ull << 30, MEMMAP_HOLE_START - (1ull << 30)},
			       {1, MEMMAP_HOLE_END, 2ull << 30}},
		.distance = {{10, 20}, {20, 10}},
		.nr_slots = MEMMAP_MAX_SLOTS,
		.has_serial = true,
		.has_irqchip = true,
		.cmdline = "console=ttyS0 root=/dev/vda",
	};

	for (unsigned int i = 0; i < board.nr_slots; i++) {
		board.slot[i].base = MEMMAP_VIRTIO + i * MEMMAP_VIRTIO_SLOT;
		board.slot[i].gsi = GSI_VIRTIO_FIRST + i;
	}
	return board;
}

/* The least: one vCPU, no interrupts, no serial port. */
static struct board bare_board(void)
{
	return (struct board){
		.topo = {1, 1, 1, 1},
		.nr_ranges = 1,
		.range = {{0, 2 << 20, BOARD_RAM}},
		.cmdline = "",
	};
}

/* Builds the tree, with the initrd at 16 MiB; the caller frees. */
static void *build(const struct board *board, uint64_t initrd_size)
{
	size_t max = fdt_size_max(board);
	void *fdt = malloc(max);
	long size;

	assert_non_null(fdt);
	size = fdt_build_board(board, 16 << 20, initrd_size, fdt, max);
	assert_in_range(size, 1, max);
	assert_int_equal(size, fdt_totalsize(fdt));
	assert_int_equal(fdt_check_full(fdt, (size_t)size), 0);
	return fdt;
}

static int node_at(const void *fdt, const char *path)
{
	int node = fdt_path_offset(fdt, path);

	if (node < 0)
		fail_msg("%s: %s", path, fdt_strerror(node));
	return node;
}

static void assert_text(const void *fdt, const char *path, const char *name, const char *expected)
{
	int len;
	const char *value = fdt_getprop(fdt, node_at(fdt, path), name, &len);

	assert_non_null(value);
	assert_int_equal(len, strlen(expected) + 1);
	assert_string_equal(value, expected);
}

static void assert_cells(const void *fdt, const char *path, const char *name, unsigned int nr,
			 const uint32_t *expected)
{
	int len;
	const fdt32_t *value = fdt_getprop(fdt, node_at(fdt, path), name, &len);

	assert_non_null(value);
	assert_int_equal(len, nr * sizeof(*value));
	for (unsigned int i = 0; i < nr; i++)
		assert_int_equal(fdt32_to_cpu(value[i]), expected[i]);
}

#define CELLS(...)                                                                     \
	sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), (const uint32_t[]) \
	{                                                                              \
		__VA_ARGS__                                                            \
	}

static bool has_property(const void *fdt, const char *path, const char *name)
{
	return fdt_getprop(fdt, node_at(fdt, path), name, NULL) != NULL;
}

static void chosen_carries_the_command_line_and_the_initrd(void **state)
{
	struct board board = full_board();
	void *fdt = build(&board, 0x12345);

	(void)state;
	assert_text(fdt, "/chosen", "bootargs", "console=ttyS0 root=/dev/vda");
	assert_text(fdt, "/chosen", "stdout-path", "serial0:115200n8");
	assert_cells(fdt, "/chosen", "linux,initrd-start", CELLS(0, 0x1000000));
	assert_cells(fdt, "/chosen", "linux,initrd-end", CELLS(0, 0x1012345));
	free(fdt);

	fdt = build(&board, 0);
	assert_false(has_property(fdt, "/chosen", "linux,initrd-start"));
	assert_false(has_property(fdt, "/chosen", "linux,initrd-end"));
	free(fdt);

	board = bare_board();
	fdt = build(&board, 0);
	assert_text(fdt, "/chosen", "bootargs", "");
	assert_false(has_property(fdt, "/chosen", "stdout-path"));
	free(fdt);
}

static void stdout_leads_to_the_serial_port(void **state)
{
	struct board board = full_board();
	void *fdt = build(&board, 0);
	const char *path = fdt_get_alias(fdt, "serial0");

	(void)state;
	assert_non_null(path);
	assert_text(fdt, path, "compatible", "ns16550a");
	assert_cells(fdt, path, "reg", CELLS(1, PORT_SERIAL, 8));
	assert_cells(fdt, path, "interrupts", CELLS(GSI_SERIAL, 3));
	assert_cells(fdt, path, "clock-frequency", CELLS(1843200));
	free(fdt);
}

static void each_cpu_is_named_by_its_apic_id(void **state)
{
	struct board board = full_board();
	void *fdt;

	(void)state;
	board.topo = (struct topology){6, 2, 3, 1}; /* ids 0, 1, 2, 4, 5, 6 */
	fdt = build(&board, 0);
	for (unsigned int cpu = 0; cpu < 6; cpu++) {
		uint32_t id = topology_apic_id(&board.topo, cpu);
		char path[32];

		snprintf(path, sizeof(path), "/cpus/cpu@%x", id);
		assert_text(fdt, path, "device_type", "cpu");
		assert_cells(fdt, path, "reg", CELLS(id));
		assert_cells(fdt, path, "numa-node-id", CELLS(cpu / 3));
	}
	assert_int_equal(fdt_path_offset(fdt, "/cpus/cpu@3"), -FDT_ERR_NOTFOUND);
	free(fdt);
}

/* Follows the map from socket, core and thread to the CPU's node. */
static void assert_mapped(const void *fdt, const char *path, uint32_t apic_id)
{
	int len;
	const fdt32_t *phandle = fdt_getprop(fdt, node_at(fdt, path), "cpu", &len);
	const fdt32_t *reg;
	int cpu;

	assert_non_null(phandle);
	cpu = fdt_node_offset_by_phandle(fdt, fdt32_to_cpu(*phandle));
	assert_true(cpu >= 0);
	reg = fdt_getprop(fdt, cpu, "reg", &len);
	assert_non_null(reg);
	assert_int_equal(fdt32_to_cpu(*reg), apic_id);
}

static void the_cpu_map_is_the_topology(void **state)
{
	struct board board = full_board();
	void *fdt;

	(void)state;
	board.topo = (struct topology){7, 2, 2, 2}; /* the last thread is missing */
	fdt = build(&board, 0);
	assert_mapped(fdt, "/cpus/cpu-map/socket0/core0/thread0", 0);
	assert_mapped(fdt, "/cpus/cpu-map/socket0/core0/thread1", 1);
	assert_mapped(fdt, "/cpus/cpu-map/socket0/core1/thread0", 2);
	assert_mapped(fdt, "/cpus/cpu-map/socket1/core1/thread0", 6);
	assert_int_equal(fdt_path_offset(fdt, "/cpus/cpu-map/socket1/core1/thread1"),
			 -FDT_ERR_NOTFOUND);
	assert_int_equal(fdt_path_offset(fdt, "/cpus/cpu-map/socket2"), -FDT_ERR_NOTFOUND);
	free(fdt);

	board.topo = (struct topology){3, 1, 3, 1}; /* single threads: the core is the leaf */
	fdt = build(&board, 0);
	assert_mapped(fdt, "/cpus/cpu-map/socket0/core2", 2);
	free(fdt);
}

static void memory_is_the_ram_of_the_map(void **state)
{
	struct board board = full_board();
	void *fdt;

	(void)state;
	board.nr_nodes = 0;
	fdt = build(&board, 0);
	assert_text(fdt, "/memory@0", "device_type", "memory");
	assert_cells(fdt, "/memory@0", "reg", CELLS(0, 0, 0, 0xa0000));
	assert_cells(fdt, "/memory@100000", "reg", CELLS(0, 0x100000, 0, 0xbff00000));
	assert_cells(fdt, "/memory@100000000", "reg", CELLS(1, 0, 0, 0x80000000));
	assert_false(has_property(fdt, "/memory@0", "numa-node-id"));
	/* What is not RAM is no memory node. */
	assert_int_equal(fdt_path_offset(fdt, "/memory@a0000"), -FDT_ERR_NOTFOUND);
	assert_int_equal(fdt_path_offset(fdt, "/distance-map"), -FDT_ERR_NOTFOUND);
	free(fdt);
}

static void memory_is_cut_where_nodes_meet(void **state)
{
	struct board board = full_board();
	void *fdt = build(&board, 0);

	(void)state;
	assert_cells(fdt, "/memory@0", "reg", CELLS(0, 0, 0, 0xa0000));
	assert_cells(fdt, "/memory@0", "numa-node-id", CELLS(0));
	assert_cells(fdt, "/memory@100000", "reg", CELLS(0, 0x100000, 0, 0x3ff00000));
	assert_cells(fdt, "/memory@100000", "numa-node-id", CELLS(0));
	assert_cells(fdt, "/memory@40000000", "reg", CELLS(0, 0x40000000, 0, 0x80000000));
	assert_cells(fdt, "/memory@40000000", "numa-node-id", CELLS(1));
	assert_cells(fdt, "/memory@100000000", "numa-node-id", CELLS(1));
	assert_text(fdt, "/distance-map", "compatible", "numa-distance-map-v1");
	assert_cells(fdt, "/distance-map", "distance-matrix",
		     CELLS(0, 0, 10, 0, 1, 20, 1, 0, 20, 1, 1, 10));
	free(fdt);
}

static void virtio_slots_have_their_page_and_their_interrupt(void **state)
{
	struct board board = full_board();
	void *fdt = build(&board, 0);

	(void)state;
	for (unsigned int i = 0; i < board.nr_slots; i++) {
		char path[48];

		snprintf(path, sizeof(path), "/soc/virtio_mmio@%llx",
			 (unsigned long long)board.slot[i].base);
		assert_text(fdt, path, "compatible", "virtio,mmio");
		assert_cells(fdt, path, "reg", CELLS(0, (uint32_t)board.slot[i].base, 0, 0x1000));
		assert_cells(fdt, path, "interrupts", CELLS(board.slot[i].gsi, 3));
	}
	free(fdt);
}

/* Devicetree 0.4, 2.4: the interrupts' parent must be there and say how long a specifier is. */
static void interrupts_lead_to_the_io_apic(void **state)
{
	struct board board = full_board();
	void *fdt = build(&board, 0);
	const fdt32_t *parent = fdt_getprop(fdt, 0, "interrupt-parent", NULL);
	int ioapic;

	(void)state;
	assert_non_null(parent);
	ioapic = fdt_node_offset_by_phandle(fdt, fdt32_to_cpu(*parent));
	assert_int_equal(ioapic, node_at(fdt, "/interrupt-controller@fec00000"));
	assert_cells(fdt, "/interrupt-controller@fec00000", "#interrupt-cells", CELLS(2));
	assert_text(fdt, "/interrupt-controller@fec00000", "compatible", "intel,ce4100-ioapic");
	assert_text(fdt, "/interrupt-controller@fee00000", "compatible", "intel,ce4100-lapic");
	free(fdt);
}

static void without_an_irqchip_nothing_speaks_of_interrupts(void **state)
{
	struct board board = full_board();
	void *fdt;
	int depth = 0;

	(void)state;
	board.has_irqchip = false;
	fdt = build(&board, 0);
	for (int node = 0; node >= 0; node = fdt_next_node(fdt, node, &depth)) {
		assert_null(fdt_getprop(fdt, node, "interrupts", NULL));
		assert_null(fdt_getprop(fdt, node, "interrupt-parent", NULL));
		assert_null(fdt_getprop(fdt, node, "interrupt-controller", NULL));
	}
	free(fdt);
}

static void ports_of_payloads_are_described(void **state)
{
	struct board board = bare_board();
	void *fdt = build(&board, 0);

	(void)state;
	assert_cells(fdt, "/soc/isa@0/debugcon@ie9", "reg", CELLS(1, PORT_DEBUGCON, 1));
	assert_cells(fdt, "/soc/isa@0/debug-exit@if4", "reg", CELLS(1, PORT_DEBUG_EXIT, 4));
	assert_cells(fdt, "/soc/isa@0/power@i600", "reg", CELLS(1, PORT_POWER, 4));
	assert_cells(fdt, "/soc/isa@0/rtc@i70", "reg", CELLS(1, PORT_RTC, 2));
	assert_int_equal(fdt_path_offset(fdt, "/soc/isa@0/serial@i3f8"), -FDT_ERR_NOTFOUND);
	free(fdt);
}

/* fdt_size_max() is an upper bound, and not a wild one: the guest's RAM is set aside by it. */
static void the_size_is_bounded(void **state)
{
	static const struct topology topos[] = {
		{1, 1, 1, 1},	  {8, 2, 2, 2},	      {300, 2, 150, 1},	 {4096, 8, 256, 2},
		{512, 512, 1, 1}, {2048, 1, 1, 2048}, {4096, 1, 4096, 1}};
	char *cmdline = calloc(1, MEMMAP_CMDLINE_MAX);

	(void)state;
	assert_non_null(cmdline);
	memset(cmdline, 'x', MEMMAP_CMDLINE_MAX - 1);
	for (size_t i = 0; i < NR_OF(topos); i++) {
		struct board board = full_board(), bare = bare_board();
		void *fdt;

		board.topo = bare.topo = topos[i];
		board.cmdline = cmdline;
		fdt = build(&board, UINT32_MAX);
		assert_in_range(fdt_size_max(&board), fdt_totalsize(fdt),
				2 * (size_t)fdt_totalsize(fdt));
		free(fdt);
		free(build(&bare, 0));
	}
	free(cmdline);
}

static void too_little_room_is_an_error_at_every_size(void **state)
{
	struct board board = full_board();
	size_t max = fdt_size_max(&board);
	uint8_t *blob = malloc(max);
	long size;

	(void)state;
	assert_non_null(blob);
	size = fdt_build_board(&board, 0, 0, blob, max);
	assert_true(size > 0);
	for (size_t room = 0; room < (size_t)size; room++) {
		memset(blob, 0xee, max);
		assert_int_equal(fdt_build_board(&board, 0, 0, blob, room), -ENOSPC);
		assert_int_equal(blob[room], 0xee);
	}
	assert_int_equal(fdt_build_board(&board, 0, 0, blob, (size_t)size), size);
	free(blob);
}

static void dtc_reads_it_without_a_warning(void **state)
{
	struct board boards[] = {full_board(), bare_board(), full_board()};
	char path[] = "/tmp/tinyvmm-dtb-XXXXXX";
	int fd;

	(void)state;
	if (system("command -v dtc >/dev/null") != 0) {
		print_message("dtc is not installed (Debian package device-tree-compiler)\n");
		skip();
	}
	boards[2].has_irqchip = false;
	fd = mkstemp(path);
	assert_true(fd >= 0);
	for (size_t i = 0; i < NR_OF(boards); i++) {
		void *fdt = build(&boards[i], 0x1000);
		char command[128], words[4096];
		size_t len;
		FILE *dtc;

		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, fdt, fdt_totalsize(fdt), 0), fdt_totalsize(fdt));
		snprintf(command, sizeof(command), "dtc -I dtb -O dts -o /dev/null %s 2>&1", path);
		dtc = popen(command, "r");
		assert_non_null(dtc);
		len = fread(words, 1, sizeof(words) - 1, dtc);
		words[len] = '\0';
		assert_int_equal(pclose(dtc), 0);
		assert_string_equal(words, "");
		free(fdt);
	}
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chosen_carries_the_command_line_and_the_initrd),
		cmocka_unit_test(stdout_leads_to_the_serial_port),
		cmocka_unit_test(each_cpu_is_named_by_its_apic_id),
		cmocka_unit_test(the_cpu_map_is_the_topology),
		cmocka_unit_test(memory_is_the_ram_of_the_map),
		cmocka_unit_test(memory_is_cut_where_nodes_meet),
		cmocka_unit_test(virtio_slots_have_their_page_and_their_interrupt),
		cmocka_unit_test(interrupts_lead_to_the_io_apic),
		cmocka_unit_test(without_an_irqchip_nothing_speaks_of_interrupts),
		cmocka_unit_test(ports_of_payloads_are_described),
		cmocka_unit_test(the_size_is_bounded),
		cmocka_unit_test(too_little_room_is_an_error_at_every_size),
		cmocka_unit_test(dtc_reads_it_without_a_warning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
