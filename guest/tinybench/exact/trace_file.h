/* SPDX-License-Identifier: MIT */
/* Reads what plugin.c has written (trace.h): the dictionary, and a trace, one instruction at a
 * time. */
#ifndef GUEST_TINYBENCH_EXACT_TRACE_FILE_H
#define GUEST_TINYBENCH_EXACT_TRACE_FILE_H

#include "vmm/core/err.h"
#include "guest/tinybench/exact/trace.h"

enum insn_kind {
	INSN_PLAIN,
	INSN_CALL,
	INSN_RETURN,
	INSN_IRET,
	INSN_SYSCALL,
	INSN_VMRUN,
};

struct insn {
	uint64_t address;
	enum insn_kind kind;
	uint8_t size, bytes[15];
};

struct insns {
	struct insn *at; /* by number; size is 0 where there is none */
	size_t nr;
};

struct trace {
	struct trace_header header;
	uint32_t *words;
	size_t nr_words;
};

/* One instruction that was executed. */
struct step {
	uint32_t insn;
	bool has_slot;
	uint32_t slot; /* of a call or a return; see trace.h */
};

struct trace_reader {
	const struct trace *trace;
	size_t next;	     /* word */
	uint32_t insn, left; /* of a run */
};

/* What the bytes are, as far as it matters here. */
enum insn_kind insn_kind(const uint8_t *bytes, size_t size);

/* 0, or -errno with a reason; insns_free() after either. */
int insns_load(struct insns *insns, const char *path, struct err *err);
void insns_free(struct insns *insns);

/*
 * 0, or -errno with a reason: also for a trace that did not end at its marker, or one that names an
 * instruction that the dictionary lacks. trace_free() after either.
 */
int trace_load(struct trace *trace, const struct insns *insns, const char *path, struct err *err);
void trace_free(struct trace *trace);

void trace_start(struct trace_reader *reader, const struct trace *trace);

/* False at the end. */
bool trace_next(struct trace_reader *reader, struct step *step);

#endif
