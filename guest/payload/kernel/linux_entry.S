/* SPDX-License-Identifier: MIT */
/*
 * Where a Linux boot loader enters the payload kernel (Documentation/arch/x86/boot.rst of Linux): at
 * the load address in 32-bit protected mode, or 0x200 further in 64-bit mode, on an identity map
 * that ring 3 need not be able to use. Either way esi or rsi points at boot_params. bzimage/setup.S,
 * in real mode, takes the first.
 *
 * A loader knows the image's size in memory, but does not clear what is not in the file.
 */
.section .linux_entry, "ax"
.code32
	cld
	mov	%esi, %ebx
	mov	$payload_data_end, %edi
	mov	$payload_end + 3, %ecx
	sub	%edi, %ecx
	shr	$2, %ecx
	xor	%eax, %eax
	rep stosl
	jmp	pvh_start

.org 0x200
.code64
	cli
	cld
	mov	%esi, %ebx
	mov	$payload_data_end, %edi
	mov	$payload_end + 7, %ecx
	sub	%edi, %ecx
	shr	$3, %ecx
	xor	%eax, %eax
	rep stosq
	jmp	long_start
.org 0x400
