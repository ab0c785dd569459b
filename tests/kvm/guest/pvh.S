/* SPDX-License-Identifier: MIT */
/*
 * A PVH image (Xen's docs/misc/pvh.pandoc): the note XEN_ELFNOTE_PHYS32_ENTRY names the entry, which
 * runs in 32-bit protected mode with paging off and ebx pointing to struct hvm_start_info.
 * Prints the command line, then of each module its own command line, if there is one, and its first 16
 * bytes, and powers off. Where the host has no such register (QEMU), the debug-exit port ends it.
 */
#include "guest/abi.h"

#define XEN_ELFNOTE_PHYS32_ENTRY 18
#define START_MAGIC 0x336ec578

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
	cmpl	$START_MAGIC, (%ebx)
	jne	fail
	mov	%cr0, %eax
	test	$0x80000000, %eax		/* PG */
	jnz	fail
	mov	24(%ebx), %esi			/* cmdline_paddr */
	test	%esi, %esi
	jz	1f
	call	print_text
1:	mov	12(%ebx), %ebp			/* nr_modules */
	mov	16(%ebx), %edi			/* modlist_paddr */
	test	%ebp, %ebp
	jz	2f
1:	mov	16(%edi), %esi			/* cmdline_paddr */
	test	%esi, %esi
	jz	3f
	call	print_text
3:	mov	(%edi), %esi			/* paddr */
	mov	$16, %ecx
	mov	$TINYVMM_PORT_DEBUGCON, %edx
	rep	outsb
	add	$32, %edi
	dec	%ebp
	jnz	1b
2:	cmpl	$0, 32(%ebx)			/* rsdp_paddr */
	je	fail
	mov	$TINYVMM_POWER_OFF_VALUE, %al
	mov	$TINYVMM_PORT_POWER, %edx
	out	%al, %dx
fail:
	mov	$1, %al
	mov	$TINYVMM_PORT_DEBUG_EXIT, %edx
	out	%al, %dx
	hlt

print_text:
	lodsb
	test	%al, %al
	jz	1f
	out	%al, $TINYVMM_PORT_DEBUGCON
	jmp	print_text
1:	mov	$'\n', %al
	out	%al, $TINYVMM_PORT_DEBUGCON
	ret

.bss
	.skip	256
stack_end:
