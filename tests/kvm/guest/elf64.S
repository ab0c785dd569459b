/* SPDX-License-Identifier: MIT */
/* An ELF64 without any note is entered at its entry point in 64-bit mode. */
#include "guest/payload/lib/payload.inc"

.globl _start
_start:
	movabs	$0x123456789abcdef0, %rax	/* 32-bit code would fall over this */
	shr	$60, %rax
	cmp	$1, %rax
	jne	1f
	power_off
1:	debug_exit 1
