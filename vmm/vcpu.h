/* SPDX-License-Identifier: MIT */
/*
 * vCPUs: one host thread each, which enters the guest and answers what makes it leave.
 *
 * The order of a life: vcpu_create(), the state is set through `fd`, vcpu_start(), vcpu_kick() and
 * vcpu_join() from another thread, vcpu_destroy().
 */
#ifndef VMM_VCPU_H
#define VMM_VCPU_H

#include <stdatomic.h>
#include <stdbool.h>
#include <pthread.h>

#include "vmm/core/bus.h"
#include "vmm/core/exit_clock.h"
#include "vmm/core/gmem.h"
#include "vmm/core/log.h"
#include "vmm/stats/exitstat.h"
#include "vmm/kvm/vm.h"

/* How the run loops run. They look before each entry, so the change holds from the next one on. */
enum vcpu_mode {
	VCPU_RUN,
	VCPU_RUN_STAMPED, /* noting when each exit came and went */
	VCPU_STOP,	  /* for good */
};

/* What all vCPUs of a machine share. The machine fills it in and keeps it while they live. */
struct vcpu_shared {
	struct gmem *mem;
	struct bus *pio;
	struct bus *mmio;
	const struct log *log;
	enum host_kind kind;
	_Atomic enum vcpu_mode mode;
	/*
	 * A vCPU cannot continue: the guest crashed or KVM failed (`status` as in exit_status.h,
	 * the report is on stderr already). Called on the vCPU's thread.
	 */
	void (*failed)(void *ctx, int status);
	/*
	 * HLT without an interrupt controller: this vCPU will never wake up. On the vCPU's thread.
	 */
	void (*halted)(void *ctx);
	void *ctx;
};

struct vcpu {
	struct vcpu_shared *shared;
	struct vm *vm;
	unsigned int index;
	int fd;
	struct kvm_run *run;
	struct exitstat *stat; /* NULL: nothing is counted; borrowed */
	struct exit_stamps stamps;
	bool started;
	pthread_t thread;
};

/* 0 or -errno. `shared` and `stat` must outlive the vCPU. */
int vcpu_create(struct vcpu *vcpu, struct vcpu_shared *shared, struct vm *vm, unsigned int index,
		uint32_t apic_id, struct exitstat *stat);

/*
 * Starts the thread "vcpu<index>", on host CPU `host_cpu` if that is not negative. The kick signal
 * must be installed (vcpu_install_kick()) and all other signals blocked. 0 or -errno.
 */
int vcpu_start(struct vcpu *vcpu, int host_cpu);

/* No vCPU enters the guest again; those that are there have to be kicked. From any thread. */
void vcpus_stop(struct vcpu_shared *shared);

/*
 * Makes the run loops start or stop noting the stamps of each exit: the watch() of struct
 * exit_clock, with a struct vcpu_shared. Does nothing after vcpus_stop().
 */
void vcpus_stamp_exits(void *shared, bool on);

/*
 * Makes the thread leave the guest, for good after vcpus_stop(); does not wait. Fine if it was
 * never started or has ended.
 */
void vcpu_kick(struct vcpu *vcpu);

/* Waits for the thread to end. Fine if it was never started. */
void vcpu_join(struct vcpu *vcpu);

void vcpu_destroy(struct vcpu *vcpu);

/*
 * Installs the handler of the signal that interrupts KVM_RUN, for the whole process, and unblocks
 * it, for this thread and those that it will create. The handler does nothing: `immediate_exit` is
 * what stops the next entry, so a signal that comes just before it is not lost (api.rst, KVM_RUN).
 */
int vcpu_install_kick(void);

#endif
