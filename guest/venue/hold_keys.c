/* SPDX-License-Identifier: MIT */
/*
 * Keeps a machine with an interrupt controller and one without in KVM until it is killed, so that
 * the host under test does not patch its own code whenever a case starts or ends a guest.
 *
 * KVM's first machine, and its last one's end, switch static keys: preempt_notifier_key, whose jump
 * label is in __schedule(), kvm_has_noapic_vcpu and apic_sw_disabled. Linux patches a jump label by
 * way of an INT3 while all CPUs run. QEMU before 8.2 can translate a page while another CPU writes
 * to it, and keep what it read: the CPUs of the host then take the INT3 at that place for ever.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <linux/kvm.h>
#include <sys/ioctl.h>

static int make_machine(int kvm, int with_irqchip)
{
	int vm = ioctl(kvm, KVM_CREATE_VM, 0);

	if (vm < 0 || (with_irqchip && ioctl(vm, KVM_CREATE_IRQCHIP, 0)))
		return -1;
	return ioctl(vm, KVM_CREATE_VCPU, 0);
}

int main(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0 || make_machine(kvm, 1) < 0 || make_machine(kvm, 0) < 0) {
		perror("hold_keys: /dev/kvm");
		return 1;
	}
	for (;;)
		pause();
}
