/* SPDX-License-Identifier: MIT */
/*
 * The PICs as a BIOS leaves them, which is what a kernel finds that does not set them up: IRQ 11,
 * raised by the test device, interrupts at vector 0x73 (IBM PC/AT Technical Reference). A PVH
 * image; powers off from the handler.
 */
#include "guest/abi.h"

#define XEN_ELFNOTE_PHYS32_ENTRY 18
#define VECTOR	 0x73
#define IRQ_LINE 0x200b	/* of the test device */
#define GATE32	 0x8e00	/* present, ring 0, 32-bit interrupt gate */

	.pushsection .note.Xen, "a", @note
	.balign	4
	.long	4, 4, XEN_ELFNOTE_PHYS32_ENTRY
	.asciz	"Xen"
	.long	pvh_start
	.popsection

.code32
.text
.globl _start
_start:
pvh_start:
	mov	$stack_end, %esp
	mov	$handler, %eax
	mov	%ax, gate
	mov	%cs, gate + 2
	movw	$GATE32, gate + 4
	shr	$16, %eax
	mov	%ax, gate + 6
	lidt	idtr
	mov	$IRQ_LINE, %edx
	mov	$1, %al
	out	%al, %dx
	dec	%al
	out	%al, %dx
	sti
	hlt
	mov	$1, %al
	mov	$TINYVMM_PORT_DEBUG_EXIT, %edx
	out	%al, %dx
handler:
	mov	$TINYVMM_POWER_OFF_VALUE, %al
	mov	$TINYVMM_PORT_POWER, %edx
	out	%al, %dx
	hlt

.data
idtr:	.word	8 * (VECTOR + 1) - 1
	.long	idt
.bss
	.balign	8
idt:	.skip	8 * VECTOR
gate:	.skip	8
	.skip	256
stack_end:
