/* SPDX-License-Identifier: MIT */
/* Where Linux and the payload kernel enter: argc, argv, ... lie on the stack (psABI 3.4.1). */
.globl _start
_start:
	xor	%ebp, %ebp
	mov	%rsp, %rdi
	and	$-16, %rsp
	call	bench_main
	ud2

.section .note.GNU-stack, "", @progbits
