/* SPDX-License-Identifier: MIT */
/*
 * trap.KIND_way_out, KIND_handling, KIND_way_back: where the time of an exit goes. Four readings of
 * one clock cut it into three, two by the guest and two by the VMM (devices/timestamp.h):
 *
 *	guest: before    VMM: KVM_RUN returned    VMM: KVM_RUN called    guest: after
 *	   |----- way out -----|------- handling -------|----- way back -----|
 *
 * Each exit of each kind is cut whole, so the three parts of one add up; a benchmark sums one part.
 */
#include "guest/abi.h"
#include "guest/bench/trap.h"
#include "guest/payload/lib/cpu.h"

enum part {
	WAY_OUT,
	HANDLING,
	WAY_BACK,
	NR_PARTS,
};

static void pio_out(void)
{
	outb(PORT_POST, 0);
}

static void pio_in(void)
{
	inb(PORT_POST);
}

static void mmio_read(void)
{
	mmio_read32(NO_DEVICE);
}

static void mmio_write(void)
{
	mmio_write32(NO_DEVICE, 0);
}

enum kind {
	PIO_OUT,
	PIO_IN,
	MMIO_READ,
	MMIO_WRITE,
};

static void (*const leave[])(void) = {
	[PIO_OUT] = pio_out,
	[PIO_IN] = pio_in,
	[MMIO_READ] = mmio_read,
	[MMIO_WRITE] = mmio_write,
};

/*
 * In ticks. False if the VMM's time stamps do not lie between the guest's own, in order; only the
 * low halves are compared, since no exit takes 2^32 ticks.
 */
static bool split_exit(void (*exit)(void), uint32_t ticks[NR_PARTS])
{
	uint32_t before, left, entered, after;

	before = (uint32_t)env_ticks();
	exit();
	after = (uint32_t)env_ticks();
	left = inl(TINYVMM_PORT_TIMESTAMP_LEFT);
	entered = inl(TINYVMM_PORT_TIMESTAMP_ENTERED);
	ticks[WAY_OUT] = left - before;
	ticks[HANDLING] = entered - left;
	ticks[WAY_BACK] = after - entered;
	/* One that is out of order has wrapped, and is longer than the whole. */
	return ticks[WAY_OUT] <= after - before && ticks[HANDLING] <= after - before &&
	       ticks[WAY_BACK] <= after - before;
}

struct state {
	bool strayed;
};

/*
 * Nothing is estimated: KVM has to say how both counters are related, and the stamps have to bear
 * it out. A ratio other than 1 would show, since both counters run since long before the VM.
 */
static const char *need_stamps(struct run *run, unsigned int cpu)
{
	const char *reason = trap_need_payload(run, cpu);
	struct state *state = reason ? NULL : bench_alloc(run, sizeof(*state), &reason);
	uint32_t control, ticks[NR_PARTS];

	if (reason)
		return reason;
	control = inl(TINYVMM_PORT_TIMESTAMP_CONTROL);
	if (control == UINT32_MAX)
		return "this VMM takes no time stamps of exits";
	if (control != 1)
		return "KVM does not say how the guest's time stamp counter is related to the "
		       "host's";
	state->strayed = false;
	run->state[cpu] = state;
	outl(TINYVMM_PORT_TIMESTAMP_CONTROL, 1);
	for (unsigned int i = 0; i < 16; i++)
		if (!split_exit(leave[run->bench->size / NR_PARTS], ticks))
			return "the VMM's time stamps do not lie between the guest's: their "
			       "counters differ by something else than KVM says";
	return NULL;
}

static void sum_part(struct run *run, struct pass *pass)
{
	struct state *state = pass->state;
	void (*exit)(void) = leave[run->bench->size / NR_PARTS];
	uint32_t ticks[NR_PARTS];

	for (uint64_t i = 0; i < pass->iterations; i++) {
		if (!split_exit(exit, ticks))
			state->strayed = true;
		pass->ticks += ticks[run->bench->size % NR_PARTS];
	}
	pass->work = (double)pass->iterations;
}

static const char *check_order(struct run *run, unsigned int cpu, char *text)
{
	const struct state *state = run->state[cpu];

	(void)text;
	return state->strayed ? "time stamps of guest and VMM were out of order" : NULL;
}

static void stop_stamps(struct run *run)
{
	if (run->state[0])
		outl(TINYVMM_PORT_TIMESTAMP_CONTROL, 0);
}

#define PART(exit_kind, exit_part, suffix, what)                             \
	TRAP(suffix, what, .setup = need_stamps, .pass = sum_part,           \
	     .size = exit_kind * NR_PARTS + exit_part, .check = check_order, \
	     .finish = stop_stamps)
#define SPLIT(exit_kind, name, what)                                                         \
	PART(exit_kind, WAY_OUT, name "_way_out", "of " what ": from the guest to the VMM"), \
		PART(exit_kind, HANDLING, name "_handling", "of " what ": in the VMM"),      \
		PART(exit_kind, WAY_BACK, name "_way_back",                                  \
		     "of " what ": from the VMM to the guest")

const struct bench bench_trap_split[] = {
	SPLIT(PIO_OUT, "pio_out", "a port write"),
	SPLIT(PIO_IN, "pio_in", "a port read"),
	SPLIT(MMIO_READ, "mmio_read", "an MMIO read"),
	SPLIT(MMIO_WRITE, "mmio_write", "an MMIO write"),
};
