/* SPDX-License-Identifier: MIT */
/*
 * All files that a guest boots from, and their way into guest memory.
 *
 * The kernel is read and identified once. With --on-reset restart its copy is kept, and each life
 * begins with the same bytes; else it is given back once they are loaded. Initrd and modules are
 * not judged: each life reads them from the descriptors that images_open() opened, and fails if
 * they have changed.
 */
#ifndef VMM_IMAGES_H
#define VMM_IMAGES_H

#include <stdbool.h>

#include "vmm/config/config.h"
#include "vmm/core/err.h"
#include "vmm/core/gmem.h"
#include "vmm/image.h"
#include "vmm/x86/board.h"
#include "vmm/x86/boot/boot.h"
#include "vmm/x86/entry.h"

struct images {
	struct image_file kernel;
	bool keeps_kernel;
	struct boot_image image; /* its bytes are the kernel's, as long as those are there */
	struct image_file file[BOOT_MAX_MODULES];
	struct boot_module module[BOOT_MAX_MODULES];
	struct boot_modules modules;
};

/*
 * Opens the files, reads the kernel and identifies it. 0 or -errno with a message; images_close()
 * in either case.
 */
int images_open(struct images *images, const struct config *config, struct err *err);
void images_close(struct images *images);

/* Where it all goes on this board; also for --dry-run. 0 or -errno with a message. */
int images_plan(const struct images *images, const struct board *board, struct boot_plan *plan,
		struct err *err);

/*
 * Fills guest RAM with the image, its modules, the device tree and the ACPI tables. May be called
 * again only with keeps_kernel. 0 or -errno with a message.
 */
int images_load(struct images *images, const struct board *board, struct gmem *mem,
		struct boot_entry *entry, struct err *err);

#endif
