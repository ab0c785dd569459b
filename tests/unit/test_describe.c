/* SPDX-License-Identifier: MIT */
/* From the configuration to struct board: memory map, NUMA nodes, defaults. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/core/array.h"
#include "vmm/describe.h"
#include "vmm/device_table.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

static struct config config_of(uint64_t mem_bytes)
{
	return (struct config){
		.kernel = "k", .cpus = {.nr = 1}, .mem = {.size_bytes = mem_bytes, .node = -1}};
}

static uint64_t ram_bytes(const struct board *board)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < board->nr_ranges; i++)
		if (board->range[i].type == BOARD_RAM)
			sum += board->range[i].size_bytes;
	return sum;
}

static void memory_map_covers_ram_around_the_holes(void **state)
{
	static const struct {
		uint64_t size, low_end, high_end; /* high_end 0: nothing above 4 GiB */
	} cases[] = {
		{2 * MIB, 2 * MIB, 0},
		{512 * MIB, 512 * MIB, 0},
		{3 * GIB - 4096, 3 * GIB - 4096, 0},
		{3 * GIB, 3 * GIB, 0},
		{3 * GIB + 2 * MIB, 3 * GIB, 4 * GIB + 2 * MIB},
		{5 * GIB, 3 * GIB, 6 * GIB},
		{1024 * GIB, 3 * GIB, 1025 * GIB},
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct board board = {.topo = {1, 1, 1, 1}};
		struct config config = config_of(cases[i].size);
		struct boot_image image = {.wants_irqchip = true};
		const struct board_range *last;

		describe_board(&board, &config, &image);
		/* All RAM but what lies behind the firmware area, 640 KiB to 1 MiB. */
		assert_int_equal(ram_bytes(&board), cases[i].size - (MIB - 640 * 1024));
		for (unsigned int r = 1; r < board.nr_ranges; r++)
			assert_true(board.range[r].start >=
				    board.range[r - 1].start + board.range[r - 1].size_bytes);
		assert_int_equal(board.range[2].start + board.range[2].size_bytes,
				 cases[i].low_end);
		last = &board.range[board.nr_ranges - 1];
		if (cases[i].high_end != 0)
			assert_int_equal(last->start + last->size_bytes, cases[i].high_end);
		else
			assert_int_equal(board.nr_ranges, 3);
	}
}

static void every_socket_is_a_node_with_its_share(void **state)
{
	struct board board = {.topo = {.nr_cpus = 8, .sockets = 2, .cores = 2, .threads = 2}};
	struct config config = config_of(8 * GIB);
	struct boot_image image = {.wants_irqchip = true};
	uint64_t of_node[2] = {0};

	(void)state;
	describe_board(&board, &config, &image);
	assert_int_equal(board.nr_nodes, 2);
	/* The second node's share straddles the hole: 4 GiB from 4 GiB on, less the hole. */
	assert_int_equal(board.nr_node_ranges, 3);
	for (unsigned int i = 0; i < board.nr_node_ranges; i++)
		of_node[board.node_range[i].node] += board.node_range[i].size_bytes;
	assert_int_equal(of_node[0], 4 * GIB);
	assert_int_equal(of_node[1], 4 * GIB);
	assert_int_equal(board.distance[0][0], 10);
	assert_int_equal(board.distance[0][1], 20);
	assert_int_equal(board_cpu_node(&board, 3), 0);
	assert_int_equal(board_cpu_node(&board, 4), 1);
}

static void a_nodes_ram_stands_beside_the_cpus_of_its_vcpus(void **state)
{
	struct board board = {.topo = {.nr_cpus = 3, .sockets = 2, .cores = 2, .threads = 1}};
	static const unsigned int cpu_of[] = {7, 5, 3};
	struct hostmem_share share[2 * BOARD_MAX_NODES];
	struct config config = config_of(8 * GIB);
	struct boot_image image = {.wants_irqchip = true};

	(void)state;
	describe_board(&board, &config, &image);
	/* Node 0 lies on both sides of the hole. */
	assert_int_equal(describe_shares(&board, cpu_of, share), 3);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(share[i].guest_node, i < 2 ? 0 : 1);
		assert_int_equal(share[i].nr_cpus, i < 2 ? 2 : 1);
		assert_int_equal(share[i].cpus[0], i < 2 ? 7 : 3);
	}
	assert_int_equal(share[0].offset, 0);
	assert_int_equal(share[0].len, 3 * GIB);
	assert_int_equal(share[1].offset, 3 * GIB);
	assert_int_equal(share[1].offset + share[1].len, share[2].offset);
	assert_int_equal(share[2].offset + share[2].len, 8 * GIB);
}

static void one_socket_needs_no_numa_tables(void **state)
{
	struct board board = {.topo = {.nr_cpus = 8, .sockets = 1, .cores = 4, .threads = 2}};
	struct config config = config_of(GIB);
	struct boot_image image = {.wants_irqchip = true};

	(void)state;
	describe_board(&board, &config, &image);
	assert_int_equal(board.nr_nodes, 0);
	assert_int_equal(board.nr_node_ranges, 0);
}

static void interrupt_controllers_default_to_what_the_image_needs(void **state)
{
	static const struct {
		bool image_wants;
		enum tristate asked;
		bool made;
	} cases[] = {
		{true, TRI_AUTO, true},
		{false, TRI_AUTO, false},
		{true, TRI_OFF, false},
		{false, TRI_ON, true},
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct board board = {.topo = {1, 1, 1, 1}};
		struct config config = config_of(GIB);
		struct boot_image image = {.wants_irqchip = cases[i].image_wants};

		config.irqchip = cases[i].asked;
		describe_board(&board, &config, &image);
		assert_int_equal(board.has_irqchip, cases[i].made);
		assert_false(board.has_pit);
	}
}

static void linux_gets_no_cpu_that_interrupts_cannot_reach(void **state)
{
	static const struct {
		struct topology topo;
		bool is_linux, has_irqchip;
		const char *message; /* NULL: fine */
	} cases[] = {
		{{256, 1, 256, 1}, true, true, NULL}, /* ids 0 to 255 */
		{{257, 1, 257, 1},
		 true,
		 true,
		 "--cpus 257,sockets=1,cores=257,threads=1: has APIC ids up to 256, and Linux "
		 "starts no CPU above 255, which KVM's I/O APIC cannot reach; use --cpus 256 or "
		 "fewer in this topology"},
		/* Three cores take four ids. */
		{{195, 65, 3, 1},
		 true,
		 true,
		 "--cpus 195,sockets=65,cores=3,threads=1: has APIC ids up to 258, and Linux "
		 "starts no CPU above 255, which KVM's I/O APIC cannot reach; use --cpus 192 or "
		 "fewer in this topology"},
		{{300, 1, 300, 1}, false, true, NULL}, /* may take none, or know better */
		{{300, 1, 300, 1}, true, false, NULL}, /* one CPU runs */
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		const struct board board = {.topo = cases[i].topo,
					    .has_irqchip = cases[i].has_irqchip};
		const struct boot_image image = {.is_linux = cases[i].is_linux};
		struct err err = {""};

		assert_int_equal(describe_check_cpus(&board, &image, &err),
				 cases[i].message != NULL ? -EINVAL : 0);
		assert_string_equal(err.text, cases[i].message != NULL ? cases[i].message : "");
	}
}

/* A KVM without them has no PIT either (api.rst, KVM_CREATE_PIT2). */
static void a_pit_brings_the_interrupt_controllers_along(void **state)
{
	struct boot_image payload = {.wants_irqchip = false};
	struct board board = {.topo = {1, 1, 1, 1}};
	struct config config = config_of(GIB);

	(void)state;
	config.pit = TRI_ON;
	describe_board(&board, &config, &payload);
	assert_true(board.has_pit);
	assert_true(board.has_irqchip);
}

/* What --dry-run says of a machine that has everything. */
static void the_description_leaves_nothing_out(void **state)
{
	static const char want[] =
		"host     made-up KVM\n"
		"image    a.elf: 64-bit ELF, entry 0x100000\n"
		"initrd   a.img\n"
		"module   dom0: root=/dev/vda ro\n"
		"module   b.img\n"
		"cmdline  (none)\n"
		"memory   3146M, host pages 2 MiB, preallocated, from host node 1\n"
		"         0000000000-000009ffff  RAM\n"
		"         00000a0000-00000fffff  reserved\n"
		"         0000100000-00bfffffff  RAM\n"
		"         0100000000-01049fffff  RAM\n"
		"         0000000000-00623fffff  node 0\n"
		"         0062400000-00bfffffff  node 1\n"
		"         0100000000-01049fffff  node 1\n"
		"cpus     2: 2 sockets x 1 core x 1 thread\n"
		"         vcpu0  APIC id 0  node 0  on host CPU 5\n"
		"         vcpu1  APIC id 1  node 1  on host CPU 3\n"
		"irqchip  in the kernel (local APICs, I/O APIC, PIC), with PIT\n"
		"devices  port 0x3f8   16550A serial port, GSI 4\n";
	static const char last[] = "         0xd0000000   virtio-blk on b.img, GSI 10\n";
	static const unsigned int cpu_of[] = {5, 3};
	struct config config = config_of(3146 * MIB);
	struct boot_image image = {.protocol = BOOT_ELF64, .entry = 0x100000};
	struct board board = {
		.topo = {.nr_cpus = 2, .sockets = 2, .cores = 1, .threads = 1},
		.nr_slots = 1,
		.slot = {{.name = "virtio-blk", .id = "b.img", .base = 0xd0000000, .gsi = 10}},
	};
	struct describe_print what = {
		.board = &board,
		.config = &config,
		.image = &image,
		.cpu_of = cpu_of,
		.host_kind = "made-up KVM",
	};
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	(void)state;
	assert_non_null(to);
	config.kernel = "a.elf";
	config.initrd = "a.img";
	config.modules.nr = 2;
	config.modules.module[0].path = (char[]){"dom0"};
	config.modules.module[0].string = "root=/dev/vda ro";
	config.modules.module[1].path = (char[]){"b.img"};
	config.mem.pages = MEM_PAGES_2M;
	config.mem.prealloc = true;
	config.mem.node = 1;
	config.pit = TRI_ON;
	describe_board(&board, &config, &image);
	describe_print(&what, to);
	assert_int_equal(fclose(to), 0);
	assert_true(len > sizeof(want) + sizeof(last));
	assert_string_equal(text + len - strlen(last), last);
	text[strlen(want)] = '\0';
	assert_string_equal(text, want);
	free(text);
}

static void linux_gets_a_console_unless_append_says_otherwise(void **state)
{
	struct boot_image linux_image = {.is_linux = true}, payload = {.is_linux = false};
	struct config config = config_of(GIB);
	struct board board = {.topo = {1, 1, 1, 1}};

	(void)state;
	describe_board(&board, &config, &linux_image);
	assert_string_equal(board.cmdline, "console=ttyS0");
	board = (struct board){.topo = {1, 1, 1, 1}};
	describe_board(&board, &config, &payload);
	assert_string_equal(board.cmdline, "");
	config.append = "quiet";
	board = (struct board){.topo = {1, 1, 1, 1}};
	describe_board(&board, &config, &linux_image);
	assert_string_equal(board.cmdline, "quiet");
}

static void the_test_device_is_there_where_it_is_asked_for(void **state)
{
	(void)state;
	for (int asked = 0; asked <= 1; asked++) {
		struct board board = {.topo = {1, 1, 1, 1}};
		struct config config = config_of(512 * MIB);
		struct boot_image image = {0};
		char *text = NULL;
		size_t len = 0;
		FILE *to = open_memstream(&text, &len);

		assert_non_null(to);
		config.testdev = asked;
		describe_board(&board, &config, &image);
		device_table_print(&board, to);
		fclose(to);
		assert_int_equal(strstr(text, "port 0x0e0   test device\n") != NULL, asked);
		assert_non_null(strstr(text, "port 0x0f4   debug exit\n"));
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_map_covers_ram_around_the_holes),
		cmocka_unit_test(every_socket_is_a_node_with_its_share),
		cmocka_unit_test(a_nodes_ram_stands_beside_the_cpus_of_its_vcpus),
		cmocka_unit_test(one_socket_needs_no_numa_tables),
		cmocka_unit_test(interrupt_controllers_default_to_what_the_image_needs),
		cmocka_unit_test(linux_gets_no_cpu_that_interrupts_cannot_reach),
		cmocka_unit_test(a_pit_brings_the_interrupt_controllers_along),
		cmocka_unit_test(the_description_leaves_nothing_out),
		cmocka_unit_test(the_test_device_is_there_where_it_is_asked_for),
		cmocka_unit_test(linux_gets_a_console_unless_append_says_otherwise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
