/* SPDX-License-Identifier: MIT */
/*
 * A Multiboot 0.6.96 image. The header carries the address fields (3.1.3), which a flat binary needs
 * and an ELF does without, so that this one source makes both. Prints the command line and of
 * each module its string, if there is one, and its first 16 bytes, and powers off.
 */
#include "guest/abi.h"

#define MAGIC	    0x1badb002
#define FLAGS	    0x00010003		/* modules on page edges, memory map, address fields */
#define BOOT_MAGIC  0x2badb002
#define INFO_MEMORY  1
#define INFO_CMDLINE 4
#define INFO_MODULES 8

	.section .multiboot, "a"
header:	.long	MAGIC, FLAGS, -(MAGIC + FLAGS)
	.long	header, header		/* header_addr, load_addr */
	.long	payload_data_end	/* load_end_addr */
	.long	payload_end		/* bss_end_addr */
	.long	_start

.code32
.text
.globl _start
_start:
	mov	$stack_end, %esp
	cmp	$BOOT_MAGIC, %eax
	jne	fail
	testl	$INFO_MEMORY, (%ebx)
	jz	fail
	testl	$INFO_CMDLINE, (%ebx)
	jz	1f
	mov	16(%ebx), %esi
	call	print_text
1:	testl	$INFO_MODULES, (%ebx)
	jz	2f
	mov	20(%ebx), %ebp			/* mods_count */
	mov	24(%ebx), %edi			/* mods_addr */
	test	%ebp, %ebp
	jz	2f
1:	mov	8(%edi), %esi			/* string */
	test	%esi, %esi
	jz	3f
	call	print_text
3:	mov	(%edi), %esi			/* mod_start */
	mov	$16, %ecx
	mov	$TINYVMM_PORT_DEBUGCON, %edx
	rep	outsb
	add	$16, %edi
	dec	%ebp
	jnz	1b
2:	mov	$TINYVMM_POWER_OFF_VALUE, %al
	mov	$TINYVMM_PORT_POWER, %edx
	out	%al, %dx
fail:
	mov	$1, %al
	out	%al, $TINYVMM_PORT_DEBUG_EXIT

print_text:
	lodsb
	test	%al, %al
	jz	1f
	out	%al, $TINYVMM_PORT_DEBUGCON
	jmp	print_text
1:	mov	$'\n', %al
	out	%al, $TINYVMM_PORT_DEBUGCON
	ret

.data
	.long	0	/* so that payload_data_end lies past the code */
.bss
	.skip	256
stack_end:
