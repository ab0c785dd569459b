/* SPDX-License-Identifier: MIT */
/* A port that the TSS bitmap denies to ring 3 faults in the guest and never reaches the VMM. */
#define OWN_PAYLOAD_TRAP
#include "guest/payload/lib/traps.inc"

payload_note

.globl _start
_start:
	traps_init
	movb	$0xff, TSS + TSS_BITMAP + TINYVMM_PORT_DEBUGCON / 8
	ring3	user
user:
	mov	$'\n', %al
	out	%al, $TINYVMM_PORT_DEBUGCON
	power_off

.globl payload_trap
payload_trap:
	cmpq	$13, FRAME_VECTOR(%rdi)
	jne	1f
	print	"denied\n"
	power_off
1:	debug_exit 1
