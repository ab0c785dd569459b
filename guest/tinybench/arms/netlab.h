/* SPDX-License-Identifier: MIT */
/*
 * The network of net.*: one peer on this host, which sends back what it gets, and a way to it for
 * each arm. Linux arms have a network namespace of their own with one end of a veth pair; virtual
 * machines have a TAP interface. Nothing of it is connected to any other network.
 *
 *	host                                   arm
 *	peer 198.18.0.1:7 -- veth -----------  198.18.0.2 in the namespace
 *	peer 198.18.1.1:7 -- tap  -----------  198.18.1.2 in the virtual machine
 *
 * 198.18.0.0/15 is set aside for benchmarks (RFC 2544, appendix C.2.2).
 */
#ifndef GUEST_TINYBENCH_ARMS_NETLAB_H
#define GUEST_TINYBENCH_ARMS_NETLAB_H

#include <sys/types.h>

#include "vmm/core/err.h"

/* Arguments of the benchmark file. */
#define NETLAB_LINUX_PEER "peer=198.18.0.1:7"
#define NETLAB_VM_PEER	  "peer=198.18.1.1:7"
#define NETLAB_VM_ADDRESS "address=198.18.1.2"

struct netlab {
	char name[16]; /* of the namespace; its interfaces have names like it */
	char tap[16];
	pid_t peer;
};

/* Needs root and ip(8). 0, or -errno and why not; netlab_remove() after success. */
int netlab_make(struct netlab *lab, const char *bench_file, struct err *err);
void netlab_remove(struct netlab *lab);

/*
 * Removes what a tinybench process with this number has made and, killed, has left. If there is a
 * process of that number again, nothing is touched.
 */
void netlab_sweep(pid_t dead);

#endif
