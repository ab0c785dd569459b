/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/exact/account.h"

void tallies_add(struct tallies *tallies, const char *name, uint64_t count)
{
	size_t i = 0;

	while (i < tallies->nr && strcmp(tallies->at[i].name, name) < 0)
		i++;
	if (i == tallies->nr || strcmp(tallies->at[i].name, name) != 0) {
		tallies->at =
			xgrow(tallies->at, tallies->nr, &tallies->capacity, sizeof(tallies->at[0]));
		memmove(tallies->at + i + 1, tallies->at + i,
			(tallies->nr++ - i) * sizeof(tallies->at[0]));
		tallies->at[i] = (struct tally){.name = xstrdup(name)};
	}
	tallies->at[i].count += count;
}

static void leave_out(struct account *account, const char *why, uint64_t operations,
		      int64_t instructions)
{
	struct left_out *entry = NULL;

	for (size_t i = 0; !entry && i < account->nr_left_out; i++)
		if (strcmp(account->left_out[i].why, why) == 0)
			entry = &account->left_out[i];
	if (!entry) {
		account->left_out = xgrow(account->left_out, account->nr_left_out,
					  &account->left_out_capacity, sizeof(*entry));
		entry = &account->left_out[account->nr_left_out++];
		*entry = (struct left_out){.why = xstrdup(why)};
	}
	entry->operations += operations;
	entry->instructions += instructions;
}

/* ---- counting -------------------------------------------------------------------------------- */

static void count_event(struct account *account, const struct function *function)
{
	switch (function->event) {
	case EVENT_SYSCALL:
		tallies_add(&account->syscalls, function->name + strlen("__x64_sys_"), 1);
		break;
	case EVENT_CONTEXT_SWITCH:
		account->context_switches++;
		break;
	case EVENT_PAGE_FAULT:
		account->page_faults++;
		break;
	case EVENT_INTERRUPT:
		account->interrupts++;
		break;
	case EVENT_INJECTION:
		account->injections++;
		break;
	case EVENT_NONE:
		break;
	}
}

static void count_step(struct account *account, uint32_t number)
{
	struct walk *walk = &account->walk;
	struct function *function = walk->node->function;

	walk->node->self++;
	account->columns[function->column]++;
	account->total++;
	account->hash = (account->hash ^ number) * 0x100000001b3;
	if (walk->enters) {
		walk->node->calls++;
		count_event(account, function);
	}
	if (walk->insn->kind == INSN_VMRUN)
		account->vmruns++;
}

/* What disturbed an operation: the interrupts that it has and the usual one has not. */
struct disturbance {
	char why[160];
};

static void note_interrupt(struct disturbance *disturbance, const struct walk *walk)
{
	const struct function *function = walk->node->function;
	size_t used = strlen(disturbance->why);
	const char *name = function->name;

	if (!walk->enters || function->event != EVENT_INTERRUPT)
		return;
	if (strncmp(name, "asm_sysvec_", 11) == 0)
		name += 11;
	if (!strstr(disturbance->why, name) && used + strlen(name) + 3 < sizeof(disturbance->why)) {
		if (used)
			strcat(disturbance->why, ", ");
		strcat(disturbance->why, name);
	}
}

/* All operations are followed, for their calls; one is counted. */
static void count_usual(struct account *account, const struct trace *trace,
			const struct split *split)
{
	const struct operation *usual = &split->at[split->usual];
	struct disturbance disturbance = {0};
	struct trace_reader reader;
	struct step step;
	size_t at = 0, current = 0;

	trace_start(&reader, trace);
	for (; trace_next(&reader, &step); at++) {
		const struct operation *operation = &split->at[current];

		walk_step(&account->walk, &step);
		if (at >= usual->start && at < usual->start + usual->length)
			count_step(account, step.insn);
		if (current == split->nr || at < operation->start)
			continue;
		note_interrupt(&disturbance, &account->walk);
		if (at + 1 < operation->start + operation->length)
			continue;
		if (!operation->is_usual)
			leave_out(account,
				  disturbance.why[0] ? disturbance.why : "other instructions", 1,
				  (int64_t)operation->length - (int64_t)usual->length);
		disturbance.why[0] = '\0';
		current++;
	}
	account->divisor = 1;
	account->operations = split->nr;
	account->equal = split->nr_usual;
	account->first = usual->start;
	account->length = usual->length;
}

/* How often the timer's interrupt is taken in the whole trace. */
static uint64_t count_ticks(const struct trace *trace, const struct insns *insns,
			    struct places *places)
{
	struct trace_reader reader;
	struct walk walk;
	struct step step;
	uint64_t ticks = 0;

	walk_start(&walk, insns, places, trace);
	trace_start(&reader, trace);
	while (trace_next(&reader, &step)) {
		walk_step(&walk, &step);
		ticks += walk.enters && walk.node->function->is_tick;
	}
	walk_free(&walk);
	return ticks;
}

/*
 * All of it, but for ticks of the timer, which come with time and not with the operations: unless
 * there are as many of them as operations, which then is what they are about.
 */
static void count_all(struct account *account, const struct trace *trace, uint64_t rounds)
{
	const struct walk *walk = &account->walk;
	uint64_t ticks = count_ticks(trace, walk->insns, walk->places), cut_out = 0;
	bool cuts = rounds == 1 || ticks < rounds / 2;
	struct trace_reader reader;
	struct step step;

	trace_start(&reader, trace);
	while (trace_next(&reader, &step)) {
		walk_step(&account->walk, &step);
		account->length++;
		if (cuts && walk->node->in_tick)
			cut_out++;
		else
			count_step(account, step.insn);
	}
	account->divisor = account->operations = rounds;
	account->equal = rounds == 1;
	if (cut_out) {
		char *why =
			xasprintf("apic_timer_interrupt, %llu times", (unsigned long long)ticks);

		leave_out(account, why, 0, (int64_t)cut_out);
		free(why);
	}
}

void account_make(struct account *account, const struct trace *trace, const struct insns *insns,
		  struct places *places, uint64_t rounds)
{
	struct split split;

	*account = (struct account){.hash = 0xcbf29ce484222325};
	split_make(&split, trace, insns, places, rounds);
	walk_start(&account->walk, insns, places, trace);
	if (split.nr_usual)
		count_usual(account, trace, &split);
	else
		count_all(account, trace, rounds);
	split_free(&split);
}

void account_free(struct account *account)
{
	for (size_t i = 0; i < account->syscalls.nr; i++)
		free(account->syscalls.at[i].name);
	free(account->syscalls.at);
	for (size_t i = 0; i < account->nr_left_out; i++)
		free(account->left_out[i].why);
	free(account->left_out);
	walk_free(&account->walk);
	*account = (struct account){0};
}
