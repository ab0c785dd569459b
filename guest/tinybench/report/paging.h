/* SPDX-License-Identifier: MIT */
/*
 * Which part of a memory access is paging. An access to a page that no TLB knows waits for a walk
 * of page tables, and pages of 2 MiB make nearly all of these go away; so what an access costs more
 * with pages of 4 KiB than with those is its walks. Both in both arms, from the same rounds, tell
 * how much of what a VM adds is walks, and how much is something else.
 */
#ifndef GUEST_TINYBENCH_REPORT_PAGING_H
#define GUEST_TINYBENCH_REPORT_PAGING_H

#include "guest/tinybench/data/summary.h"

/* Nanoseconds for each access in one working set; estimates over rounds that have all four arms. */
struct paging {
	const struct bench *bench;
	struct estimate native_walks;	    /* 4 KiB - 2 MiB, natively */
	struct estimate vm_walks;	    /* the same in the VM */
	struct estimate extra_4k, extra_2m; /* VM - native, with pages of either size */
	struct estimate walks;		    /* extra_4k - extra_2m: what the VM's walks add */
	double native_4k, native_2m;	    /* medians */
	double vm_4k, vm_2m;
};

/* The arms that are compared, for people. */
#define PAGING_ARMS "native:pages=4k,vm:pages=4k,native:pages=thp,vm:pages=thp"

/* False if the four arms have no round of this benchmark in common. */
bool paging_make(struct paging *paging, const struct dataset *data, const struct bench *bench);

/* "80 ns more in vm, of which 75 ns (94 %) go away with 2 MiB pages: page walks", ... */
void paging_say(const struct paging *paging, char *text, size_t size);

/* True for the benchmarks that a curve over working sets is made of. */
bool paging_concerns(const struct bench *bench);

#endif
