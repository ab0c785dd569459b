/* SPDX-License-Identifier: MIT */
/*
 * The host's side of the devices: what is opened once, before the machine is built, and outlives
 * its resets. A disk keeps its lock, a TAP its addresses, and the console its terminal while the
 * guest reboots.
 */
#ifndef VMM_BACKENDS_H
#define VMM_BACKENDS_H

#include <stdbool.h>

#include "vmm/config/config.h"
#include "vmm/console/console.h"
#include "vmm/core/err.h"
#include "vmm/core/log.h"
#include "virtio/disk.h"
#include "virtio/tap.h"

struct backends {
	struct console *console; /* opened later, console_open(); backends_close() closes it */
	unsigned int nr_disks;
	struct disk disk[CONFIG_MAX_DISKS];
	const char *disk_path[CONFIG_MAX_DISKS]; /* borrowed from the configuration */
	unsigned int nr_taps;
	struct tap tap[CONFIG_MAX_NETS];
	bool has_rng;
};

/* 0 or -errno with a message; on failure nothing stays open. */
int backends_open(struct backends *backends, const struct config *config, bool has_rng,
		  const struct log *log, struct err *err);

/*
 * Closes everything that is open, the disks with a last flush. 0, or the first -errno of a flush
 * that failed, which has been logged: what the guest believed to be on that disk may not be.
 */
int backends_close(struct backends *backends, const struct log *log);

#endif
