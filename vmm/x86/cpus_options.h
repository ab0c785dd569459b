/* SPDX-License-Identifier: MIT */
/* --cpus: how many vCPUs, and the topology that the user wants the guest to see. */
#ifndef X86_CPUS_OPTIONS_H
#define X86_CPUS_OPTIONS_H

#include <stdbool.h>

#include "vmm/core/err.h"

#define CPUS_MAX 4096

#define CPUS_ARG "N[,sockets=S,cores=C,threads=T]"
#define CPUS_HELP                                                                             \
	"vCPUs and the topology that the guest sees (default 1; the host's shape for pinned " \
	"vCPUs, "                                                                             \
	"else one socket of single-threaded cores)"

struct cpus_options {
	unsigned int nr;
	bool topology_given; /* sockets, cores and threads are the user's, and nr fits into them */
	unsigned int sockets, cores, threads;
};

/* 0, or -EINVAL or -ENOMEM with a message that begins with "--cpus"; *options is kept then. */
int cpus_parse_options(const char *value, struct cpus_options *options, struct err *err);

#endif
