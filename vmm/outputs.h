/* SPDX-License-Identifier: MIT */
/*
 * The files that tinyvmm writes for itself: --console file=PATH and --stats=FILE, standard output
 * and standard error. None of them may be what the machine is made from, nor a disk, nor (but for
 * the two standard ones) each other: they are opened as they are, compared by device and inode, and
 * emptied only then. What keeps nothing, as a terminal, a pipe or /dev/null, may be shared.
 */
#ifndef VMM_OUTPUTS_H
#define VMM_OUTPUTS_H

#include <stdbool.h>

#include "vmm/config/config.h"
#include "vmm/core/err.h"
#include "vmm/x86/boot/boot.h"

/* The kernel, its modules (the initrd among them) and the disks. */
#define OUTPUTS_MAX_FILES (1 + BOOT_MAX_MODULES + CONFIG_MAX_DISKS)

/* A file of the machine. */
struct file_use {
	const char *option, *path; /* "--disk", "a.img"; borrowed */
	int fd;			   /* borrowed */
	bool is_written;	   /* by the guest */
};

struct outputs {
	int console_fd; /* of --console file=, non-blocking; -1 without */
	int stats_fd;	/* of --stats=FILE; -1 without */
};

#define OUTPUTS_NONE ((struct outputs){.console_fd = -1, .stats_fd = -1})

/*
 * Opens and empties. With config->dry_run it judges as far as that is possible, and nothing is
 * opened, created or changed. 0 or -errno with a message that names the option, the other one, and
 * the remedy; a new file may be left behind, empty. If the message cannot go to standard error
 * because that is one of the machine's files, standard error is the terminal from then on, or
 * nothing.
 */
int outputs_open(struct outputs *outputs, const struct config *config, const struct file_use *files,
		 unsigned int nr_files, struct err *err);
void outputs_close(struct outputs *outputs);

#endif
