/* SPDX-License-Identifier: MIT */
/*
 * The way into a payload written in C: see lib/payload.h for what it defines. PAYLOAD_RING says
 * whether payload_main() runs in ring 0 or 3.
 */
#include "guest/payload/lib/traps.inc"

.globl _start
_start:
	traps_init
	push	%rdi		/* the device tree */
	push	%rsi		/* this vCPU's number */
	call	payload_setup	/* in ring 0; it may enable interrupts */
	pop	%rsi
	pop	%rdi
#if PAYLOAD_RING == 3
	pushfq			/* interrupts stay as payload_setup() left them */
	pop	%rcx
	ring3	1f, %rcx
1:
#endif
	call	payload_main
	test	%eax, %eax
	jz	2f
	mov	$TINYVMM_PORT_DEBUG_EXIT, %edx
	out	%al, %dx
2:	power_off

.weak payload_setup
payload_setup:
	ret
