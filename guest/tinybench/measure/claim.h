/* SPDX-License-Identifier: MIT */
/*
 * The directory of results belongs to one process at a time, and what that process makes besides
 * results lies in DIR/.tinybench: a lock, and files as long as the process lives. A process that
 * was killed leaves them; the next one that gets the lock removes them, for the lock says that they
 * are tinybench's and not in use.
 */
#ifndef GUEST_TINYBENCH_MEASURE_CLAIM_H
#define GUEST_TINYBENCH_MEASURE_CLAIM_H

#include <sys/types.h>

#include "vmm/core/err.h"

struct claim {
	int fd;	      /* of the lock, a record lock of fcntl(2) over the whole file; -1: none */
	char *path;   /* DIR/.tinybench, absolute */
	pid_t before; /* the process that had it and did not give it back, or 0 */
};

#define CLAIM_NONE ((struct claim){.fd = -1})

/*
 * Makes DIR and takes it, and removes what a dead process has left. 0, -EBUSY with a message that
 * names the process that has it, or another -errno and why. claim_release() after either.
 */
int claim_take(struct claim *claim, const char *dir, struct err *err);

/* Removes DIR/.tinybench and gives DIR back. */
void claim_release(struct claim *claim);

#endif
