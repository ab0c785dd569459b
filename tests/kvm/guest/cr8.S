/* SPDX-License-Identifier: MIT */
/*
 * Lowers the task priority where there is no interrupt controller: on hardware KVM tells the VMM
 * (KVM_EXIT_SET_TPR), which has no APIC to tell it to.
 */
#include "guest/payload/lib/payload.inc"

payload_note

.globl _start
_start:
	mov	$5, %eax
	mov	%rax, %cr8
	xor	%eax, %eax
	mov	%rax, %cr8
	power_off
