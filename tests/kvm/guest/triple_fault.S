/* SPDX-License-Identifier: MIT */
/* An exception that finds neither a handler nor one for the double fault: the CPU shuts down. */
#include "guest/payload/lib/payload.inc"

payload_note

.globl _start
_start:
	mov	$0x600d, %ebx		/* to be found in the register dump */
	lidt	no_idt
	ud2

.data
no_idt:	.word	0
	.quad	0
