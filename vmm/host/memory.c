/* SPDX-License-Identifier: MIT */
/* The host memory behind guest RAM. Documents: mmap(2), madvise(2), mbind(2), hugetlbpage.rst. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/mempolicy.h>

#include "vmm/core/parse.h"
#include "vmm/host/file.h"
#include "vmm/host/memory.h"

#define LARGE_PAGE_BYTES (2ull << 20) /* also the alignment that THP and nested paging want */

#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT 26
#endif

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

/* ---- the words of messages ---- */

/* "--mem 512M,pages=2m,node=1", as short as it says the same. */
#define MEM_TEXT 80
static const char *mem_text(const struct mem_options *mem, char text[MEM_TEXT])
{
	static const char *const pages[] = {
		[MEM_PAGES_DEFAULT] = "",	[MEM_PAGES_4K] = ",pages=4k",
		[MEM_PAGES_THP] = ",pages=thp", [MEM_PAGES_2M] = ",pages=2m",
		[MEM_PAGES_1G] = ",pages=1g",
	};
	char size[SIZE_TEXT], node[24] = "";

	format_size(size, mem->size_bytes);
	if (mem->node >= 0)
		snprintf(node, sizeof(node), ",node=%d", mem->node);
	snprintf(text, MEM_TEXT, "--mem %s%s%s%s", size, pages[mem->pages],
		 mem->prealloc ? ",prealloc" : "", node);
	return text;
}

/* ---- what the host has ---- */

int hostmem_check_huge_pages(const struct mem_options *mem, const char *root, struct err *err)
{
	const char *pages = mem->pages == MEM_PAGES_1G ? "1g" : "2m";
	uint64_t page_bytes = mem_page_bytes(mem->pages);
	uint64_t needed = mem->size_bytes / page_bytes;
	uint64_t free_pages = 0, reserved = 0, total = 0;
	char parent[64] = "/sys/kernel/mm", pool[128], text[MEM_TEXT], size[SIZE_TEXT];

	if (mem->node >= 0)
		snprintf(parent, sizeof(parent), "/sys/devices/system/node/node%d", mem->node);
	snprintf(pool, sizeof(pool), "%s/hugepages/hugepages-%" PRIu64 "kB", parent,
		 page_bytes / 1024);
	format_size(size, page_bytes);
	if (hostfile_read_u64(&free_pages, "%s%s/free_hugepages", root, pool) != 0 ||
	    hostfile_read_u64(&total, "%s%s/nr_hugepages", root, pool) != 0)
		return err_set(err, -ENOENT,
			       "%s: this host has no huge pages of %s%s; drop pages=%s%s",
			       mem_text(mem, text), size, mem->node >= 0 ? " on that node" : "",
			       pages, mem->pages == MEM_PAGES_1G ? ", or use pages=2m" : "");
	/*
	 * Free pages include those that other mappings have a claim to; nodes keep no such count.
	 */
	(void)hostfile_read_u64(&reserved, "%s%s/resv_hugepages", root, pool);
	free_pages -= reserved < free_pages ? reserved : free_pages;
	if (free_pages >= needed)
		return 0;
	return err_set(err, -ENOMEM,
		       "%s: needs %" PRIu64 " huge pages of %s, %" PRIu64 " of %" PRIu64
		       " are free; reserve them with \"echo %" PRIu64
		       " > %s/nr_hugepages\" as root, or drop pages=%s",
		       mem_text(mem, text), needed, size, free_pages, total,
		       total - free_pages + needed, pool, pages);
}

/* The bytes that a line "<field>   <number> kB" tells, or 0. */
static uint64_t meminfo_bytes(const char *meminfo, const char *field)
{
	const char *p = strstr(meminfo, field);
	uint64_t bytes = 0;
	char number[24];
	size_t len;

	if (p == NULL)
		return 0;
	p += strlen(field);
	p += strspn(p, " ");
	len = strspn(p, "0123456789");
	if (len == 0 || len > sizeof(number) - 2)
		return 0;
	memcpy(number, p, len);
	memcpy(number + len, "k", 2);
	return parse_size(number, &bytes) == 0 ? bytes : 0;
}

/* What a process could get without swapping, or 0 if the kernel does not say. */
static uint64_t available_bytes(const char *root, int node)
{
	char meminfo[4096];

	if (node < 0) {
		if (hostfile_read(meminfo, sizeof(meminfo), "%s/proc/meminfo", root) != 0)
			return 0;
		return meminfo_bytes(meminfo, "MemAvailable:");
	}
	if (hostfile_read(meminfo, sizeof(meminfo), "%s/sys/devices/system/node/node%d/meminfo",
			  root, node) != 0)
		return 0;
	/* A node has no such line: what is free, and file pages that can be dropped. */
	return meminfo_bytes(meminfo, " MemFree:") + meminfo_bytes(meminfo, " Active(file):") +
	       meminfo_bytes(meminfo, " Inactive(file):");
}

int hostmem_check_available(const struct mem_options *mem, const char *root, struct err *err)
{
	uint64_t available = available_bytes(root, mem->node);
	char text[MEM_TEXT];

	if (available == 0 || mem->size_bytes <= available)
		return 0;
	return err_set(err, -ENOMEM,
		       "%s: only %" PRIu64 "M of memory are available%s; ask for less, or drop "
		       "prealloc",
		       mem_text(mem, text), available >> 20, mem->node >= 0 ? " on that node" : "");
}

/* ---- NUMA ---- */

#define MAX_NODES     1024
#define BITS_PER_LONG (8 * sizeof(unsigned long))

static int bind_range(uint8_t *start, uint64_t len, unsigned int node, int policy)
{
	unsigned long mask[MAX_NODES / BITS_PER_LONG] = {0};

	if (node >= MAX_NODES)
		return -EINVAL;
	mask[node / BITS_PER_LONG] = 1ul << node % BITS_PER_LONG;
	/* get_nodes() in mm/mempolicy.c takes one bit less than it is told. */
	if (syscall(SYS_mbind, start, len, policy, mask, (unsigned long)MAX_NODES + 1, 0) != 0)
		return -errno;
	return 0;
}

int hostmem_bind(const struct hostmem *hostmem, uint64_t offset, uint64_t len, unsigned int node)
{
	if (offset > hostmem->size_bytes || len > hostmem->size_bytes - offset)
		return -EINVAL;
	return bind_range(hostmem->base + offset, len, node, MPOL_PREFERRED);
}

void hostmem_bind_near_cpus(const struct hostmem *hostmem, const struct hostcpus *host,
			    const struct hostmem_share *share, unsigned int nr,
			    const struct log *log)
{
	for (unsigned int i = 0; i < nr; i++) {
		int node = hostcpus_common_node(host, share[i].cpus, share[i].nr_cpus);
		int ret = node < 0 ? 0
				   : hostmem_bind(hostmem, share[i].offset, share[i].len,
						  (unsigned int)node);

		/* A container may forbid mbind(2), which is no loss on a host of one node. */
		if (ret < 0)
			log_info(log, "RAM of guest node %u is not bound to host node %d: %s",
				 share[i].guest_node, node, strerror(-ret));
	}
}

static int bind_to_node(const struct hostmem *hostmem, const struct mem_options *mem,
			struct err *err)
{
	int ret =
		bind_range(hostmem->base, hostmem->size_bytes, (unsigned int)mem->node, MPOL_BIND);
	char text[MEM_TEXT], nodes[256];

	switch (ret) {
	case 0:
		return 0;
	case -EINVAL: /* no such node, no memory there, or none that the cpuset allows */
		if (hostfile_read(nodes, sizeof(nodes), "/sys/devices/system/node/has_memory") != 0)
			snprintf(nodes, sizeof(nodes), "unknown");
		return err_set(err, ret,
			       "%s: node %d has no memory for this process; nodes with memory: %s",
			       mem_text(mem, text), mem->node, nodes);
	case -EPERM:
		return err_set(err, ret,
			       "%s: mbind is forbidden here (a container's seccomp filter?); drop "
			       "node=%d, or grant CAP_SYS_NICE",
			       mem_text(mem, text), mem->node);
	default:
		return err_set(err, ret, "%s: cannot bind to node %d: %s; drop node=%d",
			       mem_text(mem, text), mem->node, strerror(-ret), mem->node);
	}
}

/* ---- mapping ---- */

static uint8_t *map_anonymous(uint64_t size_bytes, int flags)
{
	void *at = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	return at != MAP_FAILED ? at : NULL;
}

/*
 * Aligns the start to 2 MiB. Linux 6.7 and later do that of their own accord; elsewhere the
 * mapping is made larger and its ends are given back.
 */
static uint8_t *map_aligned(uint64_t size_bytes)
{
	uint8_t *at = map_anonymous(size_bytes, MAP_NORESERVE);
	uint64_t before;

	if (at == NULL || (uintptr_t)at % LARGE_PAGE_BYTES == 0)
		return at;
	munmap(at, size_bytes);
	at = map_anonymous(size_bytes + LARGE_PAGE_BYTES, MAP_NORESERVE);
	if (at == NULL)
		return NULL;
	before = -(uintptr_t)at % LARGE_PAGE_BYTES;
	if (before > 0)
		munmap(at, before);
	munmap(at + before + size_bytes, LARGE_PAGE_BYTES - before);
	return at + before;
}

static int cannot_map(const struct mem_options *mem, int error, struct err *err)
{
	char text[MEM_TEXT];

	return err_set(err, -error,
		       "%s: the host cannot map that much: %s; ask for less, or see ulimit -v and "
		       "/proc/sys/vm/overcommit_memory",
		       mem_text(mem, text), strerror(error));
}

static int map_huge(struct hostmem *hostmem, const struct mem_options *mem, struct err *err)
{
	int shift = __builtin_ctzll(hostmem->page_bytes);

	/* Not MAP_NORESERVE: mmap reserves the pages for this mapping, or fails. */
	hostmem->base = map_anonymous(hostmem->size_bytes,
				      MAP_HUGETLB | (int)((unsigned int)shift << MAP_HUGE_SHIFT));
	return hostmem->base != NULL ? 0 : cannot_map(mem, errno, err);
}

static int map_small(struct hostmem *hostmem, const struct mem_options *mem, struct err *err)
{
	hostmem->base = map_aligned(hostmem->size_bytes);
	if (hostmem->base == NULL)
		return cannot_map(mem, errno, err);
	/*
	 * The default leaves it to the host's setting. Failure: a kernel without THP has 4k only.
	 */
	if (mem->pages == MEM_PAGES_THP)
		(void)madvise(hostmem->base, hostmem->size_bytes, MADV_HUGEPAGE);
	else if (mem->pages == MEM_PAGES_4K)
		(void)madvise(hostmem->base, hostmem->size_bytes, MADV_NOHUGEPAGE);
	return 0;
}

/* How much is taken between two looks at the signals: what a host does in a fraction of a second.
 */
#define POPULATE_STEP_BYTES (256ull << 20)

/* They are blocked, for the event loop that does not run yet; a hundred GiB take half a minute. */
static bool is_asked_to_end(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 &&
	       (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1 ||
		sigismember(&pending, SIGHUP) == 1);
}

static int populate_part(uint8_t *start, uint64_t len, uint64_t page_bytes)
{
	uint64_t offset;

	if (madvise(start, len, MADV_POPULATE_WRITE) == 0)
		return 0;
	if (errno != EINVAL)
		return -ENOMEM;
	for (offset = 0; offset < len; offset += page_bytes)
		*(volatile uint8_t *)(start + offset) = 0;
	return 0;
}

/* Takes every page now. */
static int populate(const struct hostmem *hostmem, const struct mem_options *mem, struct err *err)
{
	uint64_t left, step = hostmem->page_bytes;
	uint8_t *start = hostmem->base;
	char text[MEM_TEXT];

	if (step < POPULATE_STEP_BYTES)
		step = POPULATE_STEP_BYTES;
	for (left = hostmem->size_bytes; left > 0; left -= step, start += step) {
		if (step > left)
			step = left;
		if (is_asked_to_end())
			return err_set(err, -EINTR, "%s: interrupted while it was taken",
				       mem_text(mem, text));
		if (populate_part(start, step, hostmem->page_bytes) < 0)
			return err_set(err, -ENOMEM,
				       "%s: the host ran out of memory while it was taken; ask for "
				       "less, or drop %s",
				       mem_text(mem, text), mem->prealloc ? "prealloc" : "node=");
	}
	return 0;
}

static bool is_huge(const struct mem_options *mem)
{
	return mem->pages == MEM_PAGES_2M || mem->pages == MEM_PAGES_1G;
}

/* All but the taking of pages. */
static int map(struct hostmem *hostmem, const struct mem_options *mem, bool only_judge,
	       struct err *err)
{
	int ret = 0;

	*hostmem = (struct hostmem){.size_bytes = mem->size_bytes,
				    .page_bytes = mem_page_bytes(mem->pages)};
	if (mem->prealloc && !is_huge(mem))
		ret = hostmem_check_available(mem, "", err);
	if (is_huge(mem))
		ret = hostmem_check_huge_pages(mem, "", err);
	if (ret == 0)
		ret = is_huge(mem) && !only_judge ? map_huge(hostmem, mem, err)
						  : map_small(hostmem, mem, err);
	if (ret != 0)
		return ret;
	/* A core file of tinyvmm is about tinyvmm; guest RAM would only fill the disk. */
	(void)madvise(hostmem->base, hostmem->size_bytes, MADV_DONTDUMP);
	if (mem->node >= 0)
		ret = bind_to_node(hostmem, mem, err);
	if (ret != 0)
		hostmem_unmap(hostmem);
	return ret;
}

int hostmem_map(struct hostmem *hostmem, const struct mem_options *mem, struct err *err)
{
	int ret = map(hostmem, mem, false, err);

	/*
	 * Huge pages are reserved from the host as a whole, not from a node: only taking them now
	 * makes sure that the guest finds the node's own and is not killed by SIGBUS later.
	 */
	if (ret == 0 && (mem->prealloc || (is_huge(mem) && mem->node >= 0))) {
		ret = populate(hostmem, mem, err);
		if (ret != 0)
			hostmem_unmap(hostmem);
	}
	return ret;
}

int hostmem_judge(struct hostmem *hostmem, const struct mem_options *mem, struct err *err)
{
	return map(hostmem, mem, true, err);
}

void hostmem_unmap(struct hostmem *hostmem)
{
	if (hostmem->base != NULL)
		munmap(hostmem->base, hostmem->size_bytes);
	*hostmem = (struct hostmem){0};
}
