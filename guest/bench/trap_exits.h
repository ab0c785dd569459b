/* SPDX-License-Identifier: MIT */
/* Where exits to the VMM go, for those that time them whole and those that split them. */
#ifndef BENCH_TRAP_EXITS_H
#define BENCH_TRAP_EXITS_H

#include "guest/bench/bench.h"

/* In the 32-bit hole, below the virtio-mmio slots: nothing answers, so the VMM has least to do. */
#define NO_DEVICE 0xcffff000ull
#define PORT_POST 0x80

/* The setup of what only a payload can do. */
static inline const char *trap_need_payload(struct run *run, unsigned int cpu)
{
	(void)cpu;
	return run->env->payload ? NULL : "has no meaning in a Linux process";
}

#endif
