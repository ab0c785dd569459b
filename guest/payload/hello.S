/* SPDX-License-Identifier: MIT */
/*
 * The first payload to read: it says hello from ring 0 and from ring 3, makes a few exits of each
 * kind that reach the VMM, so that `tinyvmm --kernel hello.elf --stats` has something to show,
 * and powers the machine off.
 *
 * It also makes a kind that does not reach the VMM: CPUID leaves the guest too, but KVM answers
 * it in the kernel, and it is KVM's own counters that show it.
 */
#include "guest/payload/lib/traps.inc"

#define ROUNDS	  5
#define POST_PORT 0x80
#define NO_DEVICE 0xcffff000 /* in the 32-bit hole, below the virtio-mmio slots */

payload_note			/* no flags: one vCPU, no interrupt controllers */

.globl _start
_start:
	traps_init		/* rsi is this vCPU's number, as guest/abi.h says */
	print	"hello from ring 0\n"
	ring3	user		/* the TSS lets ring 3 use ports, so nothing needs ring 0 again */

user:
	print	"hello from ring 3\n"

	mov	$ROUNDS, %ebx
	mov	$NO_DEVICE, %edi
1:	out	%al, $POST_PORT		/* port write: an exit to the VMM */
	in	$POST_PORT, %al		/* port read */
	mov	%ebx, (%rdi)		/* MMIO write: memory that is not there */
	mov	(%rdi), %ecx		/* MMIO read; where nothing answers, all ones come back */
	xor	%eax, %eax
	push	%rbx
	cpuid				/* ends in KVM; spends rax, rbx, rcx and rdx */
	pop	%rbx
	dec	%ebx
	jnz	1b

	print	"bye\n"
	power_off
