/* SPDX-License-Identifier: MIT */
/*
 * The flattened device tree that describes the board to payloads, and to Linux kernels that read
 * one (Devicetree 0.4; virtio,mmio and CPU bindings as in the kernel's Documentation/devicetree).
 *
 * A Linux with CONFIG_OF must not get it together with ACPI tables: it would find each processor
 * and each virtio-mmio slot twice. With acpi=off on its command line, the tree is all it needs.
 */
#ifndef VMM_X86_TABLES_FDT_H
#define VMM_X86_TABLES_FDT_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/x86/board.h"

/* An upper bound for the blob that fdt_build_board() makes for this board, in bytes. */
size_t fdt_size_max(const struct board *board);

/*
 * Builds the blob into `to` (room for `max` bytes), with the initrd's place if `initrd_size` is
 * not 0. Returns its size or -errno.
 */
long fdt_build_board(const struct board *board, uint64_t initrd_start, uint64_t initrd_size,
		     void *to, size_t max);

#endif
