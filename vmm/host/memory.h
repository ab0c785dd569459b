/* SPDX-License-Identifier: MIT */
/*
 * The host memory behind guest RAM: one mapping, backed by the kind of page that --mem asks for.
 */
#ifndef VMM_HOST_MEMORY_H
#define VMM_HOST_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/core/err.h"
#include "vmm/core/log.h"
#include "vmm/host/cpus.h"
#include "vmm/host/memory_options.h"

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
int hostmem_map(struct hostmem *hostmem, const struct mem_options *mem, struct err *err);

/*
 * Says the same without taking anything (--dry-run): huge pages are counted and memory is looked
 * at, but the mapping is one of small pages, none of which is touched. Only hostmem_map() notices
 * what other processes take between the two.
 */
int hostmem_judge(struct hostmem *hostmem, const struct mem_options *mem, struct err *err);
void hostmem_unmap(struct hostmem *hostmem);

/*
 * What hostmem_map() asks beforehand, with the directory that stands for / given, for tests on
 * made-up hosts. Are there free huge pages enough? Is there memory enough for `prealloc` (or does
 * the host not say)? 0 or -errno with the message.
 */
int hostmem_check_huge_pages(const struct mem_options *mem, const char *root, struct err *err);
int hostmem_check_available(const struct mem_options *mem, const char *root, struct err *err);

/* Binds a part to a host node (best effort placement of a guest node). 0 or -errno. */
int hostmem_bind(const struct hostmem *hostmem, uint64_t offset, uint64_t len, unsigned int node);

/* The RAM of a guest node, or a stretch of it, and where the node's vCPUs run. */
struct hostmem_share {
	unsigned int guest_node; /* for the log */
	uint64_t offset, len;	 /* in the mapping */
	const unsigned int *cpus;
	unsigned int nr_cpus; /* 0: stays where it is */
};

/*
 * Binds each share to the host node that its CPUs have in common, if they have one. What cannot be
 * bound stays where it is, and the log says so (info).
 */
void hostmem_bind_near_cpus(const struct hostmem *hostmem, const struct hostcpus *host,
			    const struct hostmem_share *share, unsigned int nr,
			    const struct log *log);

#endif
