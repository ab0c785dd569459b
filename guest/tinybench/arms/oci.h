/* SPDX-License-Identifier: MIT */
/* The config.json of an OCI bundle (OCI Runtime Specification 1.0) for one run of a program. */
#ifndef GUEST_TINYBENCH_ARMS_OCI_H
#define GUEST_TINYBENCH_ARMS_OCI_H

#include <jansson.h>

#include "guest/tinybench/base/spawn.h"

struct oci_process {
	const struct argv *argv; /* inside the container */
	const char *cgroup;	 /* absolute path in the cgroup hierarchy, made by the runtime */
	const char *cpus;	 /* CPU list, or NULL */
	const char *disk;	 /* a file of the host that appears as /disk, or NULL */
	const char *netns;	 /* the network namespace to join; NULL: a new one */
};

/* A new reference; NULL if JSON cannot express it, because a name is not UTF-8. */
json_t *oci_config(const struct oci_process *process);

#endif
