/* SPDX-License-Identifier: MIT */
/* --mem: how much RAM the guest has, and which pages of the host back it. */
#ifndef VMM_HOST_MEMORY_OPTIONS_H
#define VMM_HOST_MEMORY_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/core/err.h"

#define MEM_PAGES_CHOICES "4k|thp|2m|1g"

#define MEM_ARG "SIZE[,pages=" MEM_PAGES_CHOICES "][,prealloc][,node=N]"
#define MEM_HELP                                                                                   \
	"guest RAM with suffix k, M, G or T (default 512M), the host pages that back it, whether " \
	"to "                                                                                      \
	"take them at once, and the host's NUMA node to take them from"

enum mem_pages { MEM_PAGES_DEFAULT, MEM_PAGES_4K, MEM_PAGES_THP, MEM_PAGES_2M, MEM_PAGES_1G };

struct mem_options {
	uint64_t size_bytes; /* a multiple of the page size that backs it */
	enum mem_pages pages;
	bool prealloc;
	int node; /* host NUMA node to bind to, or -1 */
};

/* 0, or -EINVAL or -ENOMEM with a message that begins with "--mem"; *options is kept then. */
int mem_parse_options(const char *value, struct mem_options *options, struct err *err);

/* The size of the pages that back the RAM: 4 KiB (also for THP), 2 MiB or 1 GiB. */
uint64_t mem_page_bytes(enum mem_pages pages);

#endif
