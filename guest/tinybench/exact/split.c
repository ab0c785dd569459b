/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/exact/split.h"

/* Fewer are no evidence. */
#define LEAST_EQUAL 3

/* Which instructions are the benchmark's, in a guest or in a process of its own. */
struct scan {
	const struct insns *insns;
	struct places *places;
	uint64_t behind_vmrun;
	bool in_guest;
};

static void start_scan(struct scan *scan, const struct trace *trace, const struct insns *insns,
		       struct places *places)
{
	*scan = (struct scan){.insns = insns, .places = places, .in_guest = trace->header.in_guest};
	for (size_t i = 0; i < insns->nr; i++)
		if (insns->at[i].size && insns->at[i].kind == INSN_VMRUN)
			scan->behind_vmrun = insns->at[i].address + insns->at[i].size;
}

/* Whether the next instruction is the guest's. */
static bool scan_step(struct scan *scan, uint32_t number)
{
	const struct insn *insn = &scan->insns->at[number];
	bool in_guest;

	if (scan->in_guest && insn->address == scan->behind_vmrun)
		scan->in_guest = false;
	in_guest = scan->in_guest;
	if (insn->kind == INSN_VMRUN)
		scan->in_guest = true;
	return in_guest;
}

static bool is_benchmark(struct scan *scan, uint32_t number, bool in_guest)
{
	uint64_t address = scan->insns->at[number].address;

	if (address >= KERNEL_HALF)
		return false;
	if (in_guest)
		return true;
	return scan->places->is_benchmark &&
	       places_find(scan->places, WORLD_USER, address, true, NULL)->column == COLUMN_GUEST;
}

/* The instruction that tells the rounds apart; UINT32_MAX if there is none. */
static uint32_t find_divider(const struct trace *trace, const struct insns *insns,
			     struct places *places, uint64_t rounds)
{
	uint32_t *counts = xcalloc(insns->nr + 1, sizeof(*counts)), divider = UINT32_MAX;
	struct trace_reader reader;
	struct scan scan;
	struct step step;

	start_scan(&scan, trace, insns, places);
	trace_start(&reader, trace);
	while (trace_next(&reader, &step)) {
		bool in_guest = scan_step(&scan, step.insn);

		if (counts[step.insn] > 0 || is_benchmark(&scan, step.insn, in_guest))
			counts[step.insn]++;
	}
	trace_start(&reader, trace);
	while (divider == UINT32_MAX && trace_next(&reader, &step))
		if (counts[step.insn] == rounds)
			divider = step.insn;
	free(counts);
	return divider;
}

static void find_operations(struct split *split, const struct trace *trace, uint32_t divider,
			    uint64_t rounds)
{
	struct trace_reader reader;
	struct operation *operation = NULL;
	struct step step;
	size_t at = 0;

	split->at = xcalloc(rounds, sizeof(split->at[0]));
	trace_start(&reader, trace);
	for (; trace_next(&reader, &step); at++) {
		if (step.insn == divider) {
			/* What follows the last one is no whole operation. */
			if (split->nr + 1 == rounds)
				break;
			operation = &split->at[split->nr++];
			*operation = (struct operation){.start = at, .hash = 0xcbf29ce484222325};
		}
		if (operation) {
			/* FNV-1a, a word at a time. */
			operation->hash = (operation->hash ^ step.insn) * 0x100000001b3;
			operation->length++;
		}
	}
}

void split_choose(struct split *split)
{
	size_t best = 0, best_equal = 0, all = 0;

	for (size_t i = 0; i < split->nr; i++) {
		size_t equal = 0;

		for (size_t j = 0; j < split->nr; j++)
			equal += split->at[j].hash == split->at[i].hash &&
				 split->at[j].length == split->at[i].length;
		if (equal >= best_equal) {
			best = i;
			best_equal = equal;
		}
	}
	for (size_t i = 0; i < split->nr; i++)
		all += split->at[i].length;
	if (best_equal < LEAST_EQUAL || best_equal * 3 < split->nr * 2 ||
	    best_equal * split->at[best].length * 2 < all)
		return;
	for (size_t i = 0; i < split->nr; i++)
		split->at[i].is_usual = split->at[i].hash == split->at[best].hash &&
					split->at[i].length == split->at[best].length;
	split->usual = best;
	split->nr_usual = best_equal;
}

void split_make(struct split *split, const struct trace *trace, const struct insns *insns,
		struct places *places, uint64_t rounds)
{
	uint32_t divider;

	*split = (struct split){0};
	if (rounds < LEAST_EQUAL + 1)
		return;
	divider = find_divider(trace, insns, places, rounds);
	if (divider == UINT32_MAX)
		return;
	find_operations(split, trace, divider, rounds);
	split_choose(split);
}

void split_free(struct split *split)
{
	free(split->at);
	*split = (struct split){0};
}
