/* SPDX-License-Identifier: MIT */
/*
 * What plugin.c writes and the other files read: for each recorded pass a trace, and one dictionary
 * of instructions for all of them.
 *
 * A trace is a header and 32-bit words. A word without the top bit is the number of an instruction
 * that was executed; the words behind it may say more:
 *
 *	TRACE_LENGTH | n	it and the n - 1 instructions with the numbers that follow
 *	TRACE_SLOT | address	the last of them was a call or a return, and this is the place in
 *the stack that it used: the address / 8, its low 29 bits TRACE_END_*		the last word of
 *all: why the trace ends
 *
 * The dictionary has a line for each instruction: its number, address and bytes, in hexadecimal,
 *and its disassembly. The same bytes at the same address are the same instruction, in whatever
 *world.
 */
#ifndef GUEST_TINYBENCH_EXACT_TRACE_H
#define GUEST_TINYBENCH_EXACT_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_MAGIC "tvexact"
#define TRACE_FILE  "%u.%u.trace" /* job, pass */
#define TRACE_INSNS "insns"

#define TRACE_KIND	 0xe0000000u
#define TRACE_VALUE	 0x1fffffffu
#define TRACE_LENGTH	 0x80000000u
#define TRACE_SLOT	 0xa0000000u
#define TRACE_END_MARKER 0xc0000000u /* the stop marker: all is well */
#define TRACE_END_LIMIT	 0xc0000001u /* more instructions than a trace may have */
#define TRACE_END_JOB	 0xc0000002u /* the program ended without the stop marker */

struct trace_header {
	char magic[8];
	uint32_t job, pass;
	uint32_t in_guest; /* the start marker was executed in a guest of level 1 */
	uint32_t reserved;
};

#endif
