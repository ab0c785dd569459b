/* SPDX-License-Identifier: MIT */
/*
 * trap.hlt_wake, ipi, irq, timer_jitter: interrupts, from their cause to the count that the payload
 * kernel's handler makes of them. trap_linux.c has what a Linux process has instead.
 */
#include "guest/bench/bench.h"
#include "guest/bench/payload_apic.h"
#include "guest/bench/payload_virtio.h"

#define TIMER_VECTOR  (PAYLOAD_FIRST_VECTOR + 0)
#define PING_VECTOR   (PAYLOAD_FIRST_VECTOR + 1)
#define PONG_VECTOR   (PAYLOAD_FIRST_VECTOR + 2)
#define DEVICE_VECTOR (PAYLOAD_FIRST_VECTOR + 3)

#define WAIT_NS 200000u /* long enough to have gone to sleep by then */

static const char *need_apic(struct run *run, unsigned int cpu)
{
	const char *reason = apic_missing(run->env);

	(void)cpu;
	if (!reason)
		apic_enable();
	return reason;
}

static volatile uint64_t *counter(const struct run *run, unsigned int vector)
{
	return &run->env->payload->interrupt_count[vector];
}

static uint64_t to_ticks(const struct run *run, uint64_t ns)
{
	return (uint64_t)((double)ns * 1e-9 * (double)run->env->tsc_hz);
}

/* ---- timer ------------------------------------------------------------------------------ */

static void hlt_wake(struct run *run, struct pass *pass)
{
	uint64_t wait = to_ticks(run, WAIT_NS);

	for (uint64_t i = 0; i < pass->iterations; i++) {
		volatile uint64_t *count = counter(run, TIMER_VECTOR);
		uint64_t before = *count, start = env_ticks(), passed;

		apic_set_timer(TIMER_VECTOR, WAIT_NS);
		apic_halt_until(count, before);
		passed = env_ticks() - start;
		pass->ticks += passed > wait ? passed - wait : 1;
	}
	pass->work = (double)pass->iterations;
}

#define SHOTS 64u /* timers whose lateness is compared */

static void timer_jitter(struct run *run, struct pass *pass)
{
	volatile uint64_t *count = counter(run, TIMER_VECTOR);
	uint64_t late[SHOTS], mean = 0;

	for (unsigned int i = 0; i < SHOTS; i++) {
		uint64_t before = *count, start = env_ticks();

		apic_set_timer(TIMER_VECTOR, WAIT_NS);
		while (*count == before)
			env_pause();
		late[i] = env_ticks() - start;
		mean += late[i] / SHOTS;
	}
	for (unsigned int i = 0; i < SHOTS; i++)
		pass->ticks += late[i] > mean ? late[i] - mean : mean - late[i];
	pass->work = SHOTS;
}

/* ---- from one vCPU to another, and back --------------------------------------------------- */

struct rally {
	struct run *run;
	uint64_t rounds;
	uint32_t apic_id[2];
	unsigned int ready;
	uint64_t ticks;
};

static void wait_for(volatile uint64_t *count, uint64_t value)
{
	while (*count < value)
		env_pause();
}

static void play(void *arg, unsigned int cpu)
{
	struct rally *rally = arg;
	volatile uint64_t *ping = counter(rally->run, PING_VECTOR);
	volatile uint64_t *pong = counter(rally->run, PONG_VECTOR);
	uint64_t pings = *ping, pongs = *pong, start;

	apic_enable();
	rally->apic_id[cpu] = apic_id();
	__atomic_fetch_add(&rally->ready, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&rally->ready, __ATOMIC_ACQUIRE) < 2)
		env_pause();
	start = env_ticks();
	for (uint64_t i = 1; i <= rally->rounds; i++) {
		if (cpu == 0) {
			apic_send(rally->apic_id[1], PING_VECTOR);
			wait_for(pong, pongs + i);
		} else {
			wait_for(ping, pings + i);
			apic_send(rally->apic_id[0], PONG_VECTOR);
		}
	}
	if (cpu == 0)
		rally->ticks = env_ticks() - start;
}

static const char *need_two(struct run *run, unsigned int cpu)
{
	const char *reason = need_apic(run, cpu);

	if (!reason && run->env->nr_cpus < 2)
		return "needs two vCPUs; use --cpus 2";
	return reason;
}

static void ipi(struct run *run, struct pass *pass)
{
	struct rally rally = {.run = run, .rounds = pass->iterations};

	run->env->ops->run(run->env, 2, play, &rally);
	pass->ticks = rally.ticks;
	pass->work = (double)pass->iterations;
}

/* ---- from a device ------------------------------------------------------------------------ */

struct device {
	struct virtio_queue queue;
	uint8_t random[64];
};

static const char *open_device(struct run *run, unsigned int cpu)
{
	const char *reason = need_apic(run, cpu);
	const struct payload_slot *slot;
	struct device *device;

	if (reason)
		return reason;
	slot = virtio_find(run->env, VIRTIO_RNG, &reason);
	if (!slot)
		return "no virtio-rng; use --rng";
	/* Mapped one to one, for the device. */
	device = run->env->ops->alloc(run->env, sizeof(*device), ENV_PAGES_2M, &reason);
	if (!device)
		return reason;
	reason = virtio_begin(slot, 0, NULL);
	if (!reason)
		reason = virtio_add_queue(run->env, slot, 0, 8, true, &device->queue);
	if (reason)
		return reason;
	apic_route((uint32_t)slot->gsi, DEVICE_VECTOR, apic_id());
	virtio_end(slot);
	run->state[cpu] = device;
	return NULL;
}

static void irq(struct run *run, struct pass *pass)
{
	struct device *device = pass->state;
	struct virtio_queue *queue = &device->queue;
	volatile uint64_t *count = counter(run, DEVICE_VECTOR);
	uint16_t head;
	uint32_t len;

	queue->desc[0] = (struct virtq_desc){
		.addr = (uintptr_t)device->random, .len = 8, .flags = VIRTQ_DESC_WRITE};
	for (uint64_t i = 0; i < pass->iterations; i++) {
		uint64_t before = *count;

		virtio_publish(queue, 0);
		virtio_kick(queue);
		wait_for(count, before + 1);
		virtio_reap(queue, &head, &len);
		virtio_acknowledge(queue);
	}
	pass->work = (double)pass->iterations;
}

static void close_device(struct run *run)
{
	struct device *device = run->state[0];

	if (device)
		virtio_reset(device->queue.slot);
}

const struct bench bench_trap_interrupts[] = {
	{
		.name = "trap.hlt_wake",
		.unit = "ns",
		.text = "how late a vCPU that halted goes on after its timer",
		.scale = 1e9,
		.setup = need_apic,
		.pass = hlt_wake,
	},
	{
		.name = "trap.ipi",
		.unit = "ns",
		.text = "interrupt to another vCPU and one back, to handlers",
		.scale = 1e9,
		.setup = need_two,
		.pass = ipi,
	},
	{
		.name = "trap.irq",
		.unit = "ns",
		.text = "request to virtio-rng, through its interrupt (irqfd), to the "
			"acknowledgement",
		.scale = 1e9,
		.setup = open_device,
		.pass = irq,
		.finish = close_device,
	},
	{
		.name = "trap.timer_jitter",
		.unit = "ns",
		.text = "mean deviation of a 200 us timer interrupt from its own mean",
		.scale = 1e9,
		.iterations = 1,
		.setup = need_apic,
		.pass = timer_jitter,
	},
};
