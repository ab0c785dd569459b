/* SPDX-License-Identifier: MIT */
/* The energy counters of the CPU packages (Linux powercap, admin-guide/pm/powercap). */
#ifndef GUEST_TINYBENCH_HOST_RAPL_H
#define GUEST_TINYBENCH_HOST_RAPL_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/core/err.h"

#define RAPL_POWERCAP	  "/sys/class/powercap"
#define RAPL_MAX_PACKAGES 16

/* One reading of all packages. */
struct rapl {
	unsigned int packages;
	uint64_t energy_uj[RAPL_MAX_PACKAGES];
	uint64_t range_uj[RAPL_MAX_PACKAGES]; /* where a counter starts again at 0 */
};

/* Reads the counters below `powercap`. 0, or -errno and why there are none. */
int rapl_read(const char *powercap, struct rapl *rapl, struct err *err);

/* Joules between two readings, none of them longer than a counter's range. */
double rapl_joules(const struct rapl *before, const struct rapl *after);

#endif
