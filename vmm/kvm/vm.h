/* SPDX-License-Identifier: MIT */
/*
 * The virtual machine as KVM knows it: /dev/kvm, one VM, its memory slots, interrupt controllers,
 * irqfds, ioeventfds and vCPU file descriptors (Linux Documentation/virt/kvm/api.rst).
 *
 * The order of calls matters for the time of a start. KVM waits for an SRCU grace period, which
 * takes milliseconds, whenever a memory slot, the I/O bus or the interrupt routing changes after
 * there is a reader. So: memory slots first, then the irqchip, then vCPUs, and irqfds and
 * ioeventfds only once a driver uses them.
 */
#ifndef KVM_VM_H
#define KVM_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/core/doorbell.h"
#include "vmm/core/err.h"
#include "vmm/core/gmem.h"
#include "vmm/core/irq.h"
#include "vmm/core/log.h"
#include "vmm/kvm/hostkind.h"

/* /dev/kvm, opened, and what it offers. */
struct kvm {
	int fd;
	enum host_kind kind;
	size_t run_bytes; /* of the mapping of a vCPU's struct kvm_run */
	unsigned int max_vcpus;
	uint32_t max_vcpu_id; /* exclusive */
	bool has_stats_fd;
	bool has_tsc_deadline;
};

/*
 * 0, or -errno with a message: no /dev/kvm (which modules to load), no permission (which group to
 * join), a foreign API version, or a capability missing that we cannot do without.
 */
int kvm_open(struct kvm *kvm, struct err *err);
void kvm_close(struct kvm *kvm);

struct vm;

/* Creates the VM. 0 or -errno with a message. `kvm` and `log` are borrowed. */
int vm_create(struct kvm *kvm, const struct log *log, struct vm **vm, struct err *err);
/* Closes the VM's descriptors; vCPUs are closed before. NULL is fine. */
void vm_destroy(struct vm *vm);

/* One memory slot for each region. 0 or -errno. */
int vm_map_memory(struct vm *vm, const struct gmem *mem);

/*
 * PIC, I/O APIC and a local APIC for each vCPU that is created later. `x2apic_ids` if an APIC id
 * above 254 is in use. 0 or -errno with a message.
 */
int vm_create_irqchip(struct vm *vm, bool x2apic_ids, struct err *err);

/*
 * The first of the eight vectors of each PIC, which after a reset is 0. 0 or -errno with a message.
 */
int vm_set_pic_vectors(struct vm *vm, uint8_t master, uint8_t slave, struct err *err);
int vm_create_pit(struct vm *vm, struct err *err);

/*
 * Four pages at `at`, below 4 GiB and outside RAM, that VT-x without unrestricted guest needs; does
 * nothing on other hosts. 0 or -errno.
 */
int vm_reserve_intel_pages(struct vm *vm, gpa_t at);

struct kvm_run;

/*
 * A vCPU with this id, which is also its initial APIC id. Returns its descriptor or -errno; *run is
 * the page shared with KVM. vm_close_vcpu() ends both.
 */
int vm_create_vcpu(struct vm *vm, uint32_t apic_id, struct kvm_run **run);
void vm_close_vcpu(struct vm *vm, int fd, struct kvm_run *run);

/*
 * The line of this GSI: an irqfd, made when it is first raised. One that cannot be made then is
 * tried again at each raise, and said once. Valid until vm_destroy(). Without an irqchip the line
 * is not connected.
 */
struct irq vm_irq(struct vm *vm, unsigned int gsi);

/*
 * Every line as a level that the vCPUs see before set() returns. It is or-ed with what irqfds do.
 * Not connected without an irqchip. Valid until vm_destroy().
 */
struct irq_lines vm_irq_lines(struct vm *vm);

/* Doorbells as ioeventfds. */
struct doorbell vm_doorbell(struct vm *vm);

/* The descriptor of the VM's or a vCPU's binary statistics (api.rst 4.133), or -errno. */
int vm_stats_fd(struct vm *vm);
int vm_vcpu_stats_fd(int vcpu_fd);

#endif
