/* SPDX-License-Identifier: MIT */
/* Runs into memory that is not there: KVM has no instruction to emulate. */
#include "guest/payload/lib/payload.inc"

payload_note

.globl _start
_start:
	mov	$0xcffff000, %eax	/* in the 32-bit hole */
	jmp	*%rax
