/* SPDX-License-Identifier: MIT */
/*
 * trap.hlt_wake, ipi, irq, timer_jitter: interrupts, from their cause to the count that the payload
 * kernel's handler makes of them. trap_linux.c has what a Linux process has instead.
 */
#include "guest/bench/bench.h"
#include "guest/bench/payload_apic.h"
#include "guest/bench/payload_virtio.h"
#include "guest/bench/trap.h"

#define TIMER_VECTOR  (PAYLOAD_FIRST_VECTOR + 0)
#define PING_VECTOR   (PAYLOAD_FIRST_VECTOR + 1)
#define PONG_VECTOR   (PAYLOAD_FIRST_VECTOR + 2)
#define DEVICE_VECTOR (PAYLOAD_FIRST_VECTOR + 3)

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

/* KVM polls for as long as its halt_poll_ns (200 us by default) instead of going to sleep. */
#define SLEEP_NS 1000000u

/*
 * Only the write that starts the timer leaves the guest while the clock runs, and KVM starts it
 * somewhere in the middle of that: half of the write counts.
 */
static void hlt_wake(struct run *run, struct pass *pass)
{
	volatile uint64_t *count = counter(run, TIMER_VECTOR);
	uint64_t wait = to_ticks(run, SLEEP_NS);

	apic_set_timer(TIMER_VECTOR);
	for (uint64_t i = 0; i < pass->iterations; i++) {
		uint64_t before = *count, start = env_ticks(), passed;

		apic_start_timer(SLEEP_NS);
		start += (env_ticks() - start) / 2;
		apic_halt_until(count, before);
		passed = env_ticks() - start;
		pass->ticks += passed > wait ? passed - wait : 1;
	}
	pass->work = (double)pass->iterations;
}

static void shoot(void *arg)
{
	volatile uint64_t *count = counter(arg, TIMER_VECTOR);
	uint64_t before = *count;

	apic_start_timer(TRAP_TIMER_NS);
	while (*count == before)
		env_pause();
}

static void timer_jitter(struct run *run, struct pass *pass)
{
	apic_set_timer(TIMER_VECTOR);
	trap_jitter(pass, shoot, run);
}

/* ---- from one vCPU to another, and back --------------------------------------------------- */

struct ipi_rally {
	struct trap_rally rally;
	uint32_t apic_id[2];
	uint64_t before[2]; /* the interrupts of earlier samples */
};

static const unsigned int ipi_vector[] = {PONG_VECTOR, PING_VECTOR}; /* that each CPU waits for */

static void wait_for(volatile uint64_t *count, uint64_t value)
{
	while (*count < value)
		env_pause();
}

static void ipi_begin(struct trap_rally *rally, unsigned int cpu)
{
	struct ipi_rally *own = (struct ipi_rally *)rally;

	apic_enable();
	own->apic_id[cpu] = apic_id();
	own->before[cpu] = *counter(rally->run, ipi_vector[cpu]);
}

static void ipi_call(struct trap_rally *rally, unsigned int cpu)
{
	const struct ipi_rally *own = (const struct ipi_rally *)rally;

	apic_send(own->apic_id[!cpu], (uint8_t)ipi_vector[!cpu]);
}

static void ipi_wait(struct trap_rally *rally, unsigned int cpu, uint64_t turn)
{
	const struct ipi_rally *own = (const struct ipi_rally *)rally;

	wait_for(counter(rally->run, ipi_vector[cpu]), own->before[cpu] + turn);
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
	struct ipi_rally rally = {
		.rally = {.begin = ipi_begin, .call = ipi_call, .wait = ipi_wait, .run = run}};

	trap_play(&rally.rally, pass);
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
	ioapic_route((uint32_t)slot->gsi, DEVICE_VECTOR, apic_id());
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
	TRAP("hlt_wake", "how late a vCPU that halted for 1 ms continues after its timer",
	     .setup = need_apic, .pass = hlt_wake),
	TRAP("ipi", "interrupt to another vCPU and one back, to handlers", .setup = need_two,
	     .pass = ipi),
	TRAP("irq", "request to virtio-rng, through its interrupt (irqfd), to the acknowledgement",
	     .setup = open_device, .pass = irq, .finish = close_device),
	TRAP("timer_jitter", "mean deviation of a 200 us timer interrupt from its own mean",
	     .setup = need_apic, .pass = timer_jitter, .iterations = 1),
};
