/* SPDX-License-Identifier: MIT */
/* What outlives a reset, opened in order and closed in reverse. */
#include "vmm/backends.h"

#include <string.h>

int backends_open(struct backends *backends, const struct config *config, bool has_rng,
		  const struct log *log, struct err *err)
{
	int ret = 0;

	*backends = (struct backends){.has_rng = has_rng};
	for (unsigned int i = 0; ret == 0 && i < config->nr_disks; i++) {
		ret = disk_open(&backends->disk[i], &config->disk[i], err);
		if (ret < 0)
			break;
		backends->disk_path[backends->nr_disks++] = config->disk[i].path;
	}
	for (unsigned int i = 0; ret == 0 && i < config->nr_nets; i++) {
		ret = tap_open(&backends->tap[i], &config->net[i], err);
		if (ret < 0)
			break;
		backends->nr_taps++;
	}
	if (ret < 0)
		backends_close(backends, log);
	return ret;
}

int backends_close(struct backends *backends, const struct log *log)
{
	int ret = 0;

	console_close(backends->console);
	backends->console = NULL;
	while (backends->nr_taps > 0)
		tap_close(&backends->tap[--backends->nr_taps]);
	while (backends->nr_disks > 0) {
		unsigned int i = --backends->nr_disks;
		int flushed = disk_close(&backends->disk[i]);

		if (flushed < 0) {
			log_error(log, "--disk %s: the last flush failed: %s; check the image",
				  backends->disk_path[i], strerror(-flushed));
			ret = ret < 0 ? ret : flushed;
		}
	}
	return ret;
}
