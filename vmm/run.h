/* SPDX-License-Identifier: MIT */
/*
 * A whole run: from the configuration to the exit status, over as many lives of the machine as the
 * guest resets itself.
 */
#ifndef VMM_RUN_H
#define VMM_RUN_H

#include "vmm/config/config.h"
#include "vmm/core/err.h"
#include "vmm/core/log.h"

/* How the run ended. */
struct run_end {
	int status; /* of the process, as in exit_status.h */
	int signal; /* not 0: end by this signal instead, so that the parent sees why */
};

/*
 * Opens everything, builds the machine and runs it (or, with --dry-run, prints it on stdout). 0, or
 * -errno with a message; end->status is set in either case, and everything is closed again.
 */
int run(const struct config *config, const struct log *log, struct run_end *end, struct err *err);

#endif
