/* SPDX-License-Identifier: MIT */
/*
 * From the configuration to the description of the machine, and the printing of that description
 * (--dry-run). Pure: what it needs to know of the host and the image is passed in.
 */
#ifndef VMM_DESCRIBE_H
#define VMM_DESCRIBE_H

#include <stdio.h>

#include "vmm/config/config.h"
#include "vmm/host/cpus.h"
#include "vmm/host/memory.h"
#include "vmm/x86/board.h"
#include "vmm/x86/boot/boot.h"

/*
 * The topology that the guest sees. The user's if given (and if the host's is the same, `cpu_of` is
 * put in the order that makes vCPU siblings host siblings). For pinned vCPUs the host's, if the
 * chosen CPUs make a regular shape (hostcpus_follow()). Else one socket of single-threaded cores.
 * `cpu_of` is NULL without --pin, and `host` is not looked at then.
 */
void describe_topology(struct topology *topo, const struct config *config,
		       const struct hostcpus *host, unsigned int *cpu_of);

/*
 * Memory map, NUMA nodes and the switches of the machine, for the topology in board->topo. The
 * slots are added by device_table_slots().
 */
void describe_board(struct board *board, const struct config *config,
		    const struct boot_image *image);

/*
 * Whether the image can use all vCPUs. Linux takes none that the interrupts of devices cannot reach
 * (try_to_enable_x2apic() in its arch/x86/kernel/apic/apic.c), and KVM's I/O APIC has no extended
 * destination ids (cpuid.rst, KVM_FEATURE_MSI_EXT_DEST_ID), so it is not offered. 0 or -EINVAL with
 * a message.
 */
int describe_check_cpus(const struct board *board, const struct boot_image *image, struct err *err);

/*
 * The RAM of each guest node, and the host CPUs that its vCPUs are pinned to: fills `share` and
 * returns how many there are. `cpu_of` is borrowed by them.
 */
unsigned int describe_shares(const struct board *board, const unsigned int *cpu_of,
			     struct hostmem_share share[2 * BOARD_MAX_NODES]);

struct describe_print {
	const struct board *board;
	const struct config *config;
	const struct boot_image *image;
	const unsigned int *cpu_of; /* or NULL without --pin */
	const char *host_kind;	    /* one sentence */
	const char *no_host;	    /* why that is unknown, or NULL */
};

void describe_print(const struct describe_print *what, FILE *to);

#endif
