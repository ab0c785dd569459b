/* SPDX-License-Identifier: MIT */
/* The instructions of an operation, in order: whose, in which function, and what they are. */
#ifndef GUEST_TINYBENCH_EXACT_LISTING_H
#define GUEST_TINYBENCH_EXACT_LISTING_H

#include "guest/tinybench/exact/places.h"
#include "guest/tinybench/exact/trace_file.h"

/*
 * Writes `length` instructions of the trace from the one numbered `first` on, disassembled by
 * objdump(1) where there is one. What cannot be written is complained about.
 */
void listing_write(const char *path, const struct trace *trace, const struct insns *insns,
		   struct places *places, size_t first, size_t length);

#endif
