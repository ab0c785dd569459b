/* SPDX-License-Identifier: MIT */
/*
 * What an exit to user space costs: ROUNDS writes to a port that nobody claims, timed by the
 * guest's own TSC, whole loop, and printed on the debug console as TSC ticks for each 1,000 exits.
 */
#include "guest/payload/lib/traps.inc"

#define ROUNDS 20000
#define NOBODY 0x500

payload_note

.globl _start
_start:
	traps_init
	mov	$NOBODY, %edx
	mov	$ROUNDS / 10, %ecx	/* warm up */
1:	out	%al, %dx
	dec	%ecx
	jnz	1b

	rdtsc
	mov	%eax, %esi
	mov	%edx, %edi
	mov	$NOBODY, %edx
	mov	$ROUNDS, %ecx
1:	out	%al, %dx
	dec	%ecx
	jnz	1b
	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	shl	$32, %rdi
	or	%rsi, %rdi
	sub	%rdi, %rax		/* ticks in all */
	xor	%edx, %edx
	mov	$ROUNDS / 1000, %ecx
	div	%rcx

	mov	$text_end, %rdi		/* in decimal, from the last digit */
	mov	$10, %ecx
1:	xor	%edx, %edx
	div	%rcx
	add	$'0', %dl
	dec	%rdi
	mov	%dl, (%rdi)
	test	%rax, %rax
	jnz	1b
	mov	%rdi, %rsi
	mov	$text_end + 1, %ecx
	sub	%edi, %ecx
	mov	$TINYVMM_PORT_DEBUGCON, %edx
	rep	outsb
	power_off

.data
	.skip	24
text_end:
	.byte	'\n'
