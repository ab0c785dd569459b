/* SPDX-License-Identifier: MIT */
/*
 * One life of the machine: from the description to a running VM and back to nothing.
 *
 * A reset of the guest is the end of one life and the beginning of the next, so that the machine
 * after a reset is by construction the machine after a cold start. What outlives a life is in
 * `struct machine_parts`.
 */
#ifndef VMM_MACHINE_H
#define VMM_MACHINE_H

#include <stdbool.h>

#include "vmm/backends.h"
#include "vmm/config/config.h"
#include "vmm/core/err.h"
#include "vmm/core/evloop.h"
#include "vmm/core/log.h"
#include "vmm/stats/exitstat.h"
#include "vmm/images.h"
#include "vmm/kvm/vm.h"
#include "vmm/x86/board.h"
#include "vmm/x86/cpuid.h"

/* What a life is made from. All of it is borrowed and outlives the machine. */
struct machine_parts {
	const struct config *config;
	const struct log *log;
	struct log_limit *log_limit; /* DEVICE_TABLE_MAX of them, so that they outlive a reset */
	struct kvm *kvm;
	struct backends *backends;
	const struct board *board;
	const unsigned int *cpu_of; /* host CPU of each vCPU, or NULL */
	const struct hostcpus *host;
	struct images *images;
	const struct cpuid_table *cpuid;  /* what KVM supports, with --cpuid applied */
	struct exitstat *const *stat;	  /* one for each vCPU, or NULL */
	int signal_fd;			  /* a signalfd with the signals that end a run */
	void (*show_counters)(void *ctx); /* for the console's Ctrl-A c */
	void *show_ctx;
};

/* How a life ended. */
struct machine_end {
	bool reset; /* the guest asked for one; `status` is that of --on-reset exit */
	int status; /* exit status of the process */
	int signal; /* not 0: the process was asked to end by this signal */
};

struct machine;

/*
 * Builds the machine: memory, images, tables, devices, vCPUs, ready to run. 0 or -errno with a
 * message (-EINTR: one of the signals in signal_fd came meanwhile); nothing is left behind on
 * failure.
 */
int machine_create(const struct machine_parts *parts, struct machine **machine, struct err *err);

/*
 * Builds it as far as that needs no back end and takes it down again, for --dry-run: memory, whose
 * pages are not taken, images, tables and, where /dev/kvm is open, all that KVM makes. 0 or -errno
 * with the message that machine_create() would give.
 */
int machine_judge(const struct machine_parts *parts, struct err *err);

/*
 * Runs it on the calling thread, which becomes the I/O thread, until the guest or a signal ends it.
 * 0, or -errno with a message if it could not start; if only a later vCPU could not, so that the
 * guest has begun all the same, end->status is EXIT_STATUS_HOST then.
 */
int machine_run(struct machine *machine, struct machine_end *end, struct err *err);

/* KVM's counters of this machine, for the report: fills up to `max` and returns their number. */
unsigned int machine_kvm_counters(const struct machine *machine,
				  struct exitstat_kvm_counter *counters, unsigned int max);

/* What stands at a port or address, for the report; NULL if nothing. */
const char *machine_name_of(const struct machine *machine, enum exit_kind kind, uint64_t detail);

void machine_destroy(struct machine *machine);

#endif
