/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/exact/walk.h"

/* Linux's stacks on x86-64 are 16 KiB at such an address; slots are 8 bytes. */
#define SLOTS_OF_KERNEL_STACK 2048
/* Two places in stacks of a process that are further apart are in two stacks. */
#define SLOTS_OF_USER_STACK (1u << 20)

/* ---- the tree ----------------------------------------------------------------------------------
 */

static struct node *child_of(struct node *parent, struct function *function)
{
	struct node **at = &parent->first, *node;

	for (; *at; at = &(*at)->next) {
		if ((*at)->function == function) {
			node = *at;
			/* The latest comes first: it is the likeliest next. */
			*at = node->next;
			node->next = parent->first;
			parent->first = node;
			return node;
		}
	}
	node = xcalloc(1, sizeof(*node));
	node->function = function;
	node->in_tick = parent->in_tick || function->is_tick;
	node->parent = parent;
	node->next = parent->first;
	parent->first = node;
	return node;
}

static void free_children(struct node *node)
{
	struct node *child = node->first, *next;

	for (; child; child = next) {
		next = child->next;
		free_children(child);
		free(child);
	}
}

/* ---- frames ------------------------------------------------------------------------------------
 */

static struct frame *top(struct thread *thread)
{
	return thread->depth > 0 ? &thread->frames[thread->depth - 1] : NULL;
}

static void push(struct thread *thread, struct frame frame)
{
	/* Deeper than any sane stack: the oldest are of no use, the latest are. */
	if (thread->depth == WALK_MAX_DEPTH) {
		memmove(thread->frames, thread->frames + 1,
			(WALK_MAX_DEPTH - 1) * sizeof(thread->frames[0]));
		thread->depth--;
	}
	thread->frames[thread->depth++] = frame;
}

static bool same_stack(enum world world, uint32_t a, uint32_t b)
{
	if (world == WORLD_KERNEL)
		return a / SLOTS_OF_KERNEL_STACK == b / SLOTS_OF_KERNEL_STACK;
	return (a > b ? a - b : b - a) < SLOTS_OF_USER_STACK;
}

/* Frames of this stack at or below the slot are over. */
static void drop_below(struct thread *thread, enum world world, uint32_t slot, bool also_at)
{
	struct frame *frame;

	while ((frame = top(thread)) && frame->world == world && frame->has_slot &&
	       same_stack(world, frame->slot, slot) &&
	       (frame->slot < slot || (also_at && frame->slot == slot)))
		thread->depth--;
}

static void drop_worlds(struct thread *thread, enum world world)
{
	while (thread->depth > 0 && top(thread)->world >= world)
		thread->depth--;
}

/* Of a return: the call that used the slot ends, and with it all that it had called. */
static void drop_to(struct thread *thread, enum world world, uint32_t slot)
{
	for (size_t i = thread->depth; i > 0; i--) {
		const struct frame *frame = &thread->frames[i - 1];

		if (frame->world != world || frame->is_interrupt)
			break;
		if (frame->has_slot && frame->slot == slot) {
			thread->depth = i - 1;
			return;
		}
	}
	/* Called before the trace began, or on a stack that was not left by a call. */
	drop_below(thread, world, slot, true);
}

static void drop_interrupt(struct thread *thread)
{
	for (size_t i = thread->depth; i > 0 && thread->frames[i - 1].world == WORLD_KERNEL; i--) {
		if (thread->frames[i - 1].is_interrupt) {
			thread->depth = i - 1;
			return;
		}
	}
}

/* ---- worlds and threads ------------------------------------------------------------------------
 */

static void enter_guest(struct walk *walk)
{
	struct thread *thread = walk->thread;

	for (size_t i = 0; i < thread->guest_depth; i++) {
		struct frame frame = thread->guest[i];

		if (frame.node)
			frame.node = child_of(top(thread) && top(thread)->node ? top(thread)->node
									       : &walk->root,
					      frame.node->function);
		push(thread, frame);
	}
	if (thread->guest_depth == 0)
		push(thread, (struct frame){.world = WORLD_GUEST});
}

static void leave_guest(struct thread *thread)
{
	size_t first = thread->depth;

	while (first > 0 && thread->frames[first - 1].world == WORLD_GUEST)
		first--;
	thread->guest_depth = thread->depth - first;
	memcpy(thread->guest, thread->frames + first,
	       thread->guest_depth * sizeof(thread->guest[0]));
	thread->depth = first;
}

static void change_world(struct walk *walk, enum world world)
{
	struct thread *thread = walk->thread;

	if (walk->world == WORLD_GUEST)
		leave_guest(thread);
	if (world == WORLD_GUEST) {
		enter_guest(walk);
	} else if (world == WORLD_USER) {
		drop_worlds(thread, WORLD_KERNEL);
	} else if (walk->world == WORLD_USER) {
		drop_worlds(thread, WORLD_KERNEL);
		push(thread, (struct frame){.world = WORLD_KERNEL});
	}
}

static struct thread *add_thread(struct walk *walk, uint32_t stack)
{
	struct thread *thread = xcalloc(1, sizeof(*thread));

	thread->stack = stack;
	walk->threads = xgrow(walk->threads, walk->nr_threads, &walk->threads_capacity,
			      sizeof(walk->threads[0]));
	walk->threads[walk->nr_threads++] = thread;
	return thread;
}

/* __switch_to has returned on the stack that `slot` is in. */
static void switch_thread(struct walk *walk, uint32_t slot)
{
	uint32_t stack = slot / SLOTS_OF_KERNEL_STACK;

	if (walk->thread->stack == 0)
		walk->thread->stack = walk->kernel_slot / SLOTS_OF_KERNEL_STACK;
	if (walk->thread->stack == stack)
		return;
	for (size_t i = 0; i < walk->nr_threads; i++) {
		if (walk->threads[i]->stack == stack) {
			walk->thread = walk->threads[i];
			return;
		}
	}
	walk->thread = add_thread(walk, stack);
}

/* ---- steps -------------------------------------------------------------------------------------
 */

void walk_start(struct walk *walk, const struct insns *insns, struct places *places,
		const struct trace *trace)
{
	*walk = (struct walk){.insns = insns, .places = places};
	walk->in_guest = trace->header.in_guest;
	for (size_t i = 0; i < insns->nr; i++)
		if (insns->at[i].size && insns->at[i].kind == INSN_VMRUN)
			walk->behind_vmrun = insns->at[i].address + insns->at[i].size;
	walk->thread = add_thread(walk, 0);
	for (size_t i = 0; i < 2; i++)
		walk->known[i] = xcalloc(insns->nr + 1, sizeof(walk->known[i][0]));
}

/* The same instruction is in the same function, where that has a symbol. */
static struct function *find_function(struct walk *walk, enum world world, struct function *before)
{
	struct function **known = &walk->known[world == WORLD_GUEST][walk->insn - walk->insns->at];
	struct function *function = *known;

	if (function)
		return function;
	function = places_find(walk->places, world, walk->insn->address, !before, before);
	if (!function->unnamed)
		*known = function;
	return function;
}

/* Gives the frame on top the function that is executed now. */
static void place(struct walk *walk, enum world world)
{
	struct thread *thread = walk->thread;
	uint64_t address = walk->insn->address;
	struct frame *frame = top(thread);
	struct function *function, *before;
	struct node *parent;

	if (!frame || frame->world != world) {
		push(thread, (struct frame){.world = world});
		frame = top(thread);
	}
	before = frame->node ? frame->node->function : NULL;
	function = find_function(walk, world, before);
	if (world == WORLD_KERNEL && function->is_interrupt && function->start == address &&
	    walk->has_world && walk->world == WORLD_KERNEL) {
		push(thread, (struct frame){.world = world, .is_interrupt = true});
		frame = top(thread);
		before = NULL;
	}
	walk->enters = address == function->start;
	if (function != before) {
		parent = thread->depth > 1 ? thread->frames[thread->depth - 2].node : NULL;
		frame->node = child_of(parent ? parent : &walk->root, function);
	}
	walk->node = frame->node;
}

static void after(struct walk *walk, enum world world, const struct step *step)
{
	struct thread *thread = walk->thread;

	if (step->has_slot && world == WORLD_KERNEL && walk->insn->kind == INSN_CALL)
		walk->kernel_slot = step->slot;
	switch (walk->insn->kind) {
	case INSN_CALL:
		if (!step->has_slot)
			break;
		drop_below(thread, world, step->slot, true);
		push(thread, (struct frame){.world = world, .slot = step->slot, .has_slot = true});
		break;
	case INSN_RETURN:
		if (!step->has_slot)
			break;
		if (world == WORLD_KERNEL && walk->node->function->switches)
			switch_thread(walk, step->slot);
		drop_to(walk->thread, world, step->slot);
		break;
	case INSN_IRET:
		if (world == WORLD_KERNEL)
			drop_interrupt(thread);
		break;
	case INSN_VMRUN:
		walk->in_guest = world == WORLD_KERNEL;
		break;
	case INSN_SYSCALL:
	case INSN_PLAIN:
		break;
	}
}

void walk_step(struct walk *walk, const struct step *step)
{
	enum world world;

	walk->insn = &walk->insns->at[step->insn];
	if (walk->in_guest && walk->insn->address == walk->behind_vmrun)
		walk->in_guest = false;
	world = walk->in_guest ? WORLD_GUEST : places_world(walk->insn->address);
	if (walk->has_world && world != walk->world)
		change_world(walk, world);
	place(walk, world);
	walk->world = world;
	walk->has_world = true;
	after(walk, world, step);
}

void walk_free(struct walk *walk)
{
	free_children(&walk->root);
	for (size_t i = 0; i < walk->nr_threads; i++)
		free(walk->threads[i]);
	free(walk->threads);
	free(walk->known[0]);
	free(walk->known[1]);
	*walk = (struct walk){0};
}
