/* SPDX-License-Identifier: MIT */
/* Where guest RAM is: one mapping of the host around the 32-bit hole. */
#include "vmm/x86/board.h"

#define LOW_BYTES  MEMMAP_HOLE_START
#define HIGH_START MEMMAP_HOLE_END

int board_map_ram(struct gmem *mem, uint64_t size_bytes, void *hva)
{
	uint64_t low = size_bytes < LOW_BYTES ? size_bytes : LOW_BYTES;
	int ret = gmem_add(mem, gpa(0), low, hva);

	if (ret == 0 && size_bytes > low)
		ret = gmem_add(mem, gpa(HIGH_START), size_bytes - low, (uint8_t *)hva + low);
	return ret;
}

uint64_t board_mapping_offset(uint64_t gpa)
{
	return gpa < HIGH_START ? gpa : gpa - HIGH_START + LOW_BYTES;
}

unsigned int board_node_cpus(const struct board *board, unsigned int node, unsigned int *first)
{
	unsigned int per_node = board->topo.cores * board->topo.threads;

	*first = node * per_node;
	if (*first >= board->topo.nr_cpus)
		return 0;
	return per_node < board->topo.nr_cpus - *first ? per_node : board->topo.nr_cpus - *first;
}

uint64_t board_ram_from(const struct board *board, uint64_t start)
{
	for (unsigned int i = 0; i < board->nr_ranges; i++) {
		const struct board_range *r = &board->range[i];

		if (r->type == BOARD_RAM && r->start <= start && start - r->start < r->size_bytes)
			return r->size_bytes - (start - r->start);
	}
	return 0;
}
