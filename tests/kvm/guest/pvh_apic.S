/* SPDX-License-Identifier: MIT */
/*
 * In which mode a PVH kernel finds its local APIC: ends with status 3 (debug exit 1) in xAPIC mode,
 * with 5 (debug exit 2) in x2APIC mode (Intel SDM vol. 3, 11.12.1), else with 1.
 */
#include "guest/abi.h"

#define XEN_ELFNOTE_PHYS32_ENTRY 18
#define MSR_APIC_BASE		 0x1b
#define APIC_BASE_X2APIC_BIT	 10
#define APIC_BASE_ENABLE_BIT	 11

	.pushsection .note.Xen, "a", @note
	.balign	4
	.long	4, 4, XEN_ELFNOTE_PHYS32_ENTRY
	.asciz	"Xen"
	.long	_start
	.popsection

.code32
.text
.globl _start
_start:
	mov	$MSR_APIC_BASE, %ecx
	rdmsr
	xor	%ebx, %ebx
	bt	$APIC_BASE_ENABLE_BIT, %eax
	jnc	1f
	inc	%ebx
	bt	$APIC_BASE_X2APIC_BIT, %eax
	adc	$0, %ebx
1:	mov	%ebx, %eax
	mov	$TINYVMM_PORT_DEBUG_EXIT, %edx
	out	%al, %dx
	hlt
