/* SPDX-License-Identifier: MIT */
/*
 * The host memory behind guest RAM: one mapping, backed by the kind of page that --mem asks for.
 */
#ifndef VMM_HOST_MEMORY_H
#define VMM_HOST_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/config/config.h"
#include "vmm/core/err.h"

struct hostmem {
	uint8_t *base;
	uint64_t size_bytes;
	uint64_t page_bytes; /* that backs it: 4 KiB (also THP), 2 MiB or 1 GiB */
};

/*
 * Maps `mem->size_bytes`, aligned to 2 MiB at least: no page is touched unless `prealloc` says so
 * (MAP_NORESERVE, so a 64 GiB guest starts as fast as a 64 MiB one); MAP_HUGETLB for 2m and 1g;
 * madvise for thp and 4k; mbind(2) for `node`. 0 or -errno with a message that names --mem and the
 * remedy: how many huge pages are free, how many are needed and the command that reserves them; how
 * much memory there is; which nodes have memory. A huge-page mapping is reserved in full, so that
 * the guest cannot be killed by SIGBUS later; with `node` that takes touching it all. -EINTR: a
 * blocked SIGINT, SIGTERM or SIGHUP came while all of it was touched, and still waits.
 */
int hostmem_map(struct hostmem *hostmem, const struct config_mem *mem, struct err *err);
void hostmem_unmap(struct hostmem *hostmem);

/*
 * What hostmem_map() asks beforehand, with the directory that stands for / given, for tests on
 * made-up hosts. Are there free huge pages enough? Is there memory enough for `prealloc` (or does
 * the host not say)? 0 or -errno with the message.
 */
int hostmem_check_huge_pages(const struct config_mem *mem, const char *root, struct err *err);
int hostmem_check_available(const struct config_mem *mem, const char *root, struct err *err);

/* Binds a part to a host node (best effort placement of a guest node). 0 or -errno. */
int hostmem_bind(const struct hostmem *hostmem, uint64_t offset, uint64_t len, unsigned int node);

#endif
