/* SPDX-License-Identifier: MIT */
/* --mem SIZE[,pages=4k|thp|2m|1g][,prealloc][,node=N] */
#include "vmm/host/memory_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/core/parse.h"

#define KIB (1ull << 10)
#define MIB (1ull << 20)
#define GIB (1ull << 30)

#define MIN_BYTES (2 * MIB)
#define MAX_BYTES (64ull << 40) /* half of the VMM's own address space */

/* MAX_NUMNODES of the largest x86-64 kernels. */
#define MAX_NODE 1023

static int parse_mem_part(struct mem_options *mem, const char *value, const char *key,
			  const char *part_value, struct err *err)
{
	static const enum mem_pages pages[] = {MEM_PAGES_4K, MEM_PAGES_THP, MEM_PAGES_2M,
					       MEM_PAGES_1G};
	unsigned int node;
	int choice;

	if (strcmp(key, "prealloc") == 0 && part_value == NULL) {
		mem->prealloc = true;
		return 0;
	}
	if (strcmp(key, "pages") == 0) {
		choice = part_value != NULL ? parse_choice(MEM_PAGES_CHOICES, part_value) : -1;
		if (choice < 0)
			return err_set(err, -EINVAL, "--mem %s: pages= takes one of %s", value,
				       MEM_PAGES_CHOICES);
		mem->pages = pages[choice];
		return 0;
	}
	if (strcmp(key, "node") == 0) {
		if (part_value == NULL || parse_uint(part_value, 0, MAX_NODE, &node) != 0)
			return err_set(err, -EINVAL,
				       "--mem %s: node= takes the number of a NUMA node of the "
				       "host; /sys/devices/system/node/online lists them",
				       value);
		mem->node = (int)node;
		return 0;
	}
	return err_set(err, -EINVAL,
		       "--mem %s: unknown part \"%s\"; known are pages=%s, prealloc and node=N",
		       value, key, MEM_PAGES_CHOICES);
}

uint64_t mem_page_bytes(enum mem_pages pages)
{
	switch (pages) {
	case MEM_PAGES_2M:
		return 2 * MIB;
	case MEM_PAGES_1G:
		return GIB;
	case MEM_PAGES_DEFAULT:
	case MEM_PAGES_4K:
	case MEM_PAGES_THP:
		break;
	}
	return 4 * KIB;
}

static int check_mem_size(const struct mem_options *mem, const char *value, struct err *err)
{
	uint64_t page_bytes = mem_page_bytes(mem->pages);
	char nearest[SIZE_TEXT], page[SIZE_TEXT];
	uint64_t pages;

	if (mem->size_bytes < MIN_BYTES)
		return err_set(err, -EINVAL,
			       "--mem %s: too little, images start at 1 MiB; give at least 2M",
			       value);
	if (mem->size_bytes > MAX_BYTES)
		return err_set(err, -EINVAL,
			       "--mem %s: more than tinyvmm can map; give at most 64T", value);
	if (mem->size_bytes % page_bytes == 0)
		return 0;
	pages = (mem->size_bytes + page_bytes / 2) / page_bytes;
	format_size(page, page_bytes);
	format_size(nearest, page_bytes * (pages > 0 ? pages : 1));
	return err_set(err, -EINVAL,
		       "--mem %s: not a multiple of the %s pages that back it; the nearest size "
		       "is %s",
		       value, page, nearest);
}

int mem_parse_options(const char *value, struct mem_options *options, struct err *err)
{
	struct mem_options mem = {.node = -1};
	char *copy = strdup(value);
	char *cursor = copy;
	char *key, *part_value;
	int ret = 0;

	if (copy == NULL)
		return err_set(err, -ENOMEM, "--mem: out of memory");
	parse_suboption(&cursor, &key, &part_value);
	switch (part_value != NULL ? -EINVAL : parse_size(key, &mem.size_bytes)) {
	case 0:
		break;
	case -ERANGE:
		mem.size_bytes = UINT64_MAX; /* refused below, in the same words */
		break;
	default:
		ret = err_set(err, -EINVAL,
			      "--mem %s: the size comes first, in bytes or with k, M, G or T; for "
			      "example --mem 512M",
			      value);
	}
	while (ret == 0 && parse_suboption(&cursor, &key, &part_value))
		ret = parse_mem_part(&mem, value, key, part_value, err);
	if (ret == 0)
		ret = check_mem_size(&mem, value, err);
	if (ret == 0)
		*options = mem;
	free(copy);
	return ret;
}
