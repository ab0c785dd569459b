/* SPDX-License-Identifier: MIT */
/* Halts where no interrupt can ever come: there is no interrupt controller. */
#include "guest/payload/lib/payload.inc"

payload_note

.globl _start
_start:
	cli
	hlt
	jmp	_start
