/* SPDX-License-Identifier: MIT */
/*
 * Ports in ring 3 by I/O privilege level 3 alone: this vCPU's TSS bitmap denies the debug console.
 * With any other level the write faults, which the default trap handler turns into status 255.
 */
#include "guest/payload/lib/traps.inc"

payload_note

.globl _start
_start:
	traps_init
	movb	$0xff, TSS + TSS_BITMAP + TINYVMM_PORT_DEBUGCON / 8
	ring3	user, $(RFLAGS_FIXED | RFLAGS_IOPL3)
user:
	mov	$'\n', %al
	out	%al, $TINYVMM_PORT_DEBUGCON
	power_off
