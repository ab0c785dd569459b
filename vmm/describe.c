/* SPDX-License-Identifier: MIT */
/* The machine as data: memory map, NUMA nodes, switches; and its text for --dry-run. */
#include "vmm/describe.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "vmm/core/parse.h"
#include "vmm/device_table.h"

#define NODE_ALIGN_BYTES (2ull << 20) /* a node begins where a large page may */
#define DISTANCE_LOCAL	 10	      /* ACPI 6.5, 5.2.17 */
#define DISTANCE_REMOTE	 20

#define LOW_BYTES  MEMMAP_HOLE_START
#define HIGH_START MEMMAP_HOLE_END

static uint64_t low_bytes(uint64_t size_bytes)
{
	return size_bytes < LOW_BYTES ? size_bytes : LOW_BYTES;
}

static void add_range(struct board *board, uint64_t start, uint64_t end, enum board_range_type type)
{
	if (end > start)
		board->range[board->nr_ranges++] = (struct board_range){
			.start = start, .size_bytes = end - start, .type = type};
}

static void add_node_range(struct board *board, unsigned int node, uint64_t start, uint64_t end)
{
	if (end > start)
		board->node_range[board->nr_node_ranges++] = (struct board_node_range){
			.node = node, .start = start, .size_bytes = end - start};
}

/* The stretch [from, to) of RAM, counted without the hole, belongs to `node`. */
static void add_node_ram(struct board *board, unsigned int node, uint64_t from, uint64_t to)
{
	uint64_t low_to = to < LOW_BYTES ? to : LOW_BYTES;
	uint64_t high_from = from > LOW_BYTES ? from : LOW_BYTES;

	add_node_range(board, node, from, low_to);
	add_node_range(board, node, high_from - LOW_BYTES + HIGH_START,
		       to > LOW_BYTES ? to - LOW_BYTES + HIGH_START : 0);
}

/* Every socket is a node with an equal share of RAM; the last one takes the remainder. */
static void describe_nodes(struct board *board, uint64_t size_bytes)
{
	unsigned int nodes = board->topo.sockets;
	uint64_t share = size_bytes / nodes / NODE_ALIGN_BYTES * NODE_ALIGN_BYTES;

	if (nodes < 2 || nodes > BOARD_MAX_NODES || share == 0)
		return;
	board->nr_nodes = nodes;
	for (unsigned int n = 0; n < nodes; n++) {
		add_node_ram(board, n, n * share, n + 1 < nodes ? (n + 1) * share : size_bytes);
		for (unsigned int other = 0; other < nodes; other++)
			board->distance[n][other] = n == other ? DISTANCE_LOCAL : DISTANCE_REMOTE;
	}
}

void describe_topology(struct topology *topo, const struct config *config,
		       const struct hostcpus *host, unsigned int *cpu_of)
{
	const struct cpus_options *cpus = &config->cpus;
	struct hostcpus_shape shape = {.packages = 1, .cores = cpus->nr, .threads = 1};

	if (cpus->topology_given)
		shape = (struct hostcpus_shape){
			.packages = cpus->sockets, .cores = cpus->cores, .threads = cpus->threads};
	if (cpu_of != NULL) {
		const struct hostcpus_shape wanted = shape;

		(void)hostcpus_follow(host, &config->pin, cpus->nr, cpu_of,
				      cpus->topology_given ? &wanted : NULL, &shape);
	}
	*topo = (struct topology){.nr_cpus = cpus->nr,
				  .sockets = shape.packages,
				  .cores = shape.cores,
				  .threads = shape.threads};
}

int describe_check_cpus(const struct board *board, const struct boot_image *image, struct err *err)
{
	const struct topology *topo = &board->topo;
	uint32_t max = topology_max_apic_id(topo);
	unsigned int fit = topo->nr_cpus;

	if (!image->is_linux || !board->has_irqchip || max <= TOPOLOGY_MAX_IOAPIC_ID)
		return 0;
	while (topology_apic_id(topo, fit - 1) > TOPOLOGY_MAX_IOAPIC_ID)
		fit--;
	return err_set(
		err, -EINVAL,
		"--cpus %u,sockets=%u,cores=%u,threads=%u: has APIC ids up to %u, and Linux "
		"starts no CPU above %u, which KVM's I/O APIC cannot reach; use --cpus %u or "
		"fewer in this topology",
		topo->nr_cpus, topo->sockets, topo->cores, topo->threads, max,
		TOPOLOGY_MAX_IOAPIC_ID, fit);
}

unsigned int describe_shares(const struct board *board, const unsigned int *cpu_of,
			     struct hostmem_share share[2 * BOARD_MAX_NODES])
{
	for (unsigned int i = 0; i < board->nr_node_ranges; i++) {
		const struct board_node_range *range = &board->node_range[i];
		unsigned int first, nr = board_node_cpus(board, range->node, &first);

		share[i] = (struct hostmem_share){.guest_node = range->node,
						  .offset = board_mapping_offset(range->start),
						  .len = range->size_bytes,
						  .cpus = cpu_of + first,
						  .nr_cpus = nr};
	}
	return board->nr_node_ranges;
}

static bool resolve(enum tristate asked, bool automatic)
{
	return asked == TRI_AUTO ? automatic : asked == TRI_ON;
}

void describe_board(struct board *board, const struct config *config,
		    const struct boot_image *image)
{
	uint64_t size = config->mem.size_bytes;

	add_range(board, 0, MEMMAP_LOW_RAM_END, BOARD_RAM);
	/* What a PC's firmware and its tables occupy. */
	add_range(board, MEMMAP_LOW_RAM_END, MEMMAP_IMAGE, BOARD_RESERVED);
	add_range(board, MEMMAP_IMAGE, low_bytes(size), BOARD_RAM);
	add_range(board, HIGH_START, size > LOW_BYTES ? size - LOW_BYTES + HIGH_START : 0,
		  BOARD_RAM);
	describe_nodes(board, size);
	board->has_serial = true;
	/* ACPI says hardware-reduced: no guest needs an 8254, so there is one only where the user
	 * asks for it. */
	board->has_testdev = config->testdev;
	board->has_pit = resolve(config->pit, false);
	/* api.rst, KVM_CREATE_PIT2: without interrupt controllers in KVM there is no PIT either. */
	board->has_irqchip = resolve(config->irqchip, image->wants_irqchip || board->has_pit);
	board->cmdline = config->append;
	if (board->cmdline == NULL)
		board->cmdline = image->is_linux ? "console=ttyS0" : "";
}

/* ---- --dry-run -------------------------------------------------------------------------- */

static const char *range_type_name(enum board_range_type type)
{
	switch (type) {
	case BOARD_RAM:
		return "RAM";
	case BOARD_ACPI:
		return "ACPI";
	case BOARD_RESERVED:
		break;
	}
	return "reserved";
}

static const char *pages_name(enum mem_pages pages)
{
	static const char *const names[] = {
		[MEM_PAGES_DEFAULT] = "as the host decides",
		[MEM_PAGES_4K] = "4 KiB",
		[MEM_PAGES_THP] = "transparent huge",
		[MEM_PAGES_2M] = "2 MiB",
		[MEM_PAGES_1G] = "1 GiB",
	};

	return names[pages];
}

static void print_memory(const struct describe_print *what, FILE *to)
{
	const struct mem_options *mem = &what->config->mem;
	const struct board *board = what->board;
	char size[SIZE_TEXT];

	format_size(size, mem->size_bytes);
	fprintf(to, "memory   %s, host pages %s%s", size, pages_name(mem->pages),
		mem->prealloc ? ", preallocated" : "");
	if (mem->node >= 0)
		fprintf(to, ", from host node %d", mem->node);
	fputc('\n', to);
	for (unsigned int i = 0; i < board->nr_ranges; i++)
		fprintf(to, "         %010" PRIx64 "-%010" PRIx64 "  %s\n", board->range[i].start,
			board->range[i].start + board->range[i].size_bytes - 1,
			range_type_name(board->range[i].type));
	for (unsigned int i = 0; i < board->nr_node_ranges; i++)
		fprintf(to, "         %010" PRIx64 "-%010" PRIx64 "  node %u\n",
			board->node_range[i].start,
			board->node_range[i].start + board->node_range[i].size_bytes - 1,
			board->node_range[i].node);
}

static void print_cpus(const struct describe_print *what, FILE *to)
{
	const struct topology *topo = &what->board->topo;

	fprintf(to, "cpus     %u: %u socket%s x %u core%s x %u thread%s\n", topo->nr_cpus,
		topo->sockets, topo->sockets == 1 ? "" : "s", topo->cores,
		topo->cores == 1 ? "" : "s", topo->threads, topo->threads == 1 ? "" : "s");
	for (unsigned int i = 0; i < topo->nr_cpus; i++) {
		fprintf(to, "         vcpu%u  APIC id %u", i, topology_apic_id(topo, i));
		if (what->board->nr_nodes > 1)
			fprintf(to, "  node %u", board_cpu_node(what->board, i));
		if (what->cpu_of != NULL)
			fprintf(to, "  on host CPU %u", what->cpu_of[i]);
		fputc('\n', to);
	}
}

static void print_modules(const struct module_options *modules, FILE *to)
{
	for (unsigned int i = 0; i < modules->nr; i++) {
		const char *string = modules->module[i].string;

		fprintf(to, "module   %s%s%s\n", modules->module[i].path,
			string != NULL ? ": " : "", string != NULL ? string : "");
	}
}

void describe_print(const struct describe_print *what, FILE *to)
{
	if (what->no_host != NULL)
		fprintf(to, "host     unknown, and what only KVM can refuse is not judged: %s\n",
			what->no_host);
	else
		fprintf(to, "host     %s\n", what->host_kind);
	fprintf(to, "image    %s: %s, entry 0x%" PRIx64 "\n", what->config->kernel,
		boot_protocol_name(what->image->protocol), what->image->entry);
	if (what->config->initrd != NULL)
		fprintf(to, "initrd   %s\n", what->config->initrd);
	print_modules(&what->config->modules, to);
	fprintf(to, "cmdline  %s\n",
		what->board->cmdline[0] != '\0' ? what->board->cmdline : "(none)");
	print_memory(what, to);
	print_cpus(what, to);
	fprintf(to, "irqchip  %s%s\n",
		what->board->has_irqchip ? "in the kernel (local APICs, I/O APIC, PIC)" : "none",
		what->board->has_pit ? ", with PIT" : "");
	device_table_print(what->board, to);
}
