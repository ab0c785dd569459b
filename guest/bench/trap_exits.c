/* SPDX-License-Identifier: MIT */
/*
 * trap.*: instructions that leave the guest. Which of them reach the VMM and which end in KVM is
 * the point of the comparison. CPUID traps in every VM, so a Linux process on a virtual host sees
 * that one as well.
 *
 * The _ring0 variants loop in ring 0, which software KVM interprets: there, the loop's own two or
 * three instructions count.
 */
#include "guest/payload/lib/cpu.h"
#include "guest/bench/payload_virtio.h"
#include "guest/bench/trap.h"

/* IA32_BIOS_SIGN_ID, on AMD the patch level: KVM serves reads and ignores writes, on both. */
#define MSR_MICROCODE 0x8b

/* KVM_HC_VAPIC_POLL_IRQ does nothing (Documentation/virt/kvm/x86/hypercalls.rst). */
#define HYPERCALL_NOTHING 1

static const char *need_hypercalls(struct run *run, unsigned int cpu)
{
	if (run->env->payload && run->env->payload->is_software_kvm)
		return "software KVM does not serve hypercalls: it retries them for ever";
	return trap_need_payload(run, cpu);
}

static void do_cpuid(struct run *run, struct pass *pass)
{
	(void)run;
	for (uint64_t i = 0; i < pass->iterations; i++)
		env_cpuid(0, 0);
	pass->work = (double)pass->iterations;
}

static void pio_out(struct run *run, struct pass *pass)
{
	(void)run;
	for (uint64_t i = 0; i < pass->iterations; i++)
		outb(PORT_POST, 0);
	pass->work = (double)pass->iterations;
}

static void pio_in(struct run *run, struct pass *pass)
{
	(void)run;
	for (uint64_t i = 0; i < pass->iterations; i++)
		inb(PORT_POST);
	pass->work = (double)pass->iterations;
}

static void mmio_read(struct run *run, struct pass *pass)
{
	(void)run;
	for (uint64_t i = 0; i < pass->iterations; i++)
		mmio_read32(NO_DEVICE);
	pass->work = (double)pass->iterations;
}

static void mmio_write(struct run *run, struct pass *pass)
{
	(void)run;
	for (uint64_t i = 0; i < pass->iterations; i++)
		mmio_write32(NO_DEVICE, 0);
	pass->work = (double)pass->iterations;
}

/* ---- in ring 0 ------------------------------------------------------------------------- */

static uint64_t loop_pio_out(uint64_t n)
{
	while (n-- > 0)
		outb(PORT_POST, 0);
	return 0;
}

static uint64_t loop_mmio_read(uint64_t n)
{
	while (n-- > 0)
		mmio_read32(NO_DEVICE);
	return 0;
}

static uint64_t loop_mmio_write(uint64_t n)
{
	while (n-- > 0)
		mmio_write32(NO_DEVICE, 0);
	return 0;
}

static uint64_t loop_msr_read(uint64_t n)
{
	while (n-- > 0)
		rdmsr(MSR_MICROCODE);
	return 0;
}

static uint64_t loop_msr_write(uint64_t n)
{
	while (n-- > 0)
		wrmsr(MSR_MICROCODE, 0);
	return 0;
}

static uint64_t loop_vmcall(uint64_t n)
{
	while (n-- > 0) {
		uint64_t rax = HYPERCALL_NOTHING;

		__asm__ volatile("vmcall" : "+a"(rax)::"memory");
	}
	return 0;
}

static uint64_t loop_vmmcall(uint64_t n)
{
	while (n-- > 0) {
		uint64_t rax = HYPERCALL_NOTHING;

		__asm__ volatile("vmmcall" : "+a"(rax)::"memory");
	}
	return 0;
}

static void in_ring0(struct pass *pass, uint64_t (*loop)(uint64_t n))
{
	payload_ring0(loop, pass->iterations);
	pass->work = (double)pass->iterations;
}

static void pio_out_ring0(struct run *run, struct pass *pass)
{
	(void)run;
	in_ring0(pass, loop_pio_out);
}

static void mmio_read_ring0(struct run *run, struct pass *pass)
{
	(void)run;
	in_ring0(pass, loop_mmio_read);
}

static void mmio_write_ring0(struct run *run, struct pass *pass)
{
	(void)run;
	in_ring0(pass, loop_mmio_write);
}

static void msr_read(struct run *run, struct pass *pass)
{
	(void)run;
	in_ring0(pass, loop_msr_read);
}

static void msr_write(struct run *run, struct pass *pass)
{
	(void)run;
	in_ring0(pass, loop_msr_write);
}

/*
 * Intel's instruction and AMD's differ; on the other's CPU the wrong one is an undefined
 * instruction, which KVM rewrites. AMD's vendor string is "AuthenticAMD" in ebx, edx, ecx.
 */
static void hypercall(struct run *run, struct pass *pass)
{
	(void)run;
	in_ring0(pass, env_cpuid(0, 0).ebx == 0x68747541 ? loop_vmmcall : loop_vmcall);
}

/* ---- doorbells ------------------------------------------------------------------------- */

/* A queue that is enabled, and empty: KVM turns the write into an eventfd's count, and that is all.
 */
static const char *find_doorbell(struct run *run, unsigned int cpu)
{
	static const uint32_t ids[] = {VIRTIO_RNG, VIRTIO_BLK, VIRTIO_NET};
	const struct payload_slot *slot = NULL;
	const char *reason = trap_need_payload(run, cpu);
	struct virtio_queue *queue;

	for (unsigned int i = 0; !reason && !slot && i < sizeof(ids) / sizeof(ids[0]); i++)
		slot = virtio_find(run->env, ids[i], &reason);
	if (!slot)
		return run->env->payload ? "no virtio device; use --rng" : reason;
	queue = bench_alloc(run, sizeof(*queue), &reason);
	if (!queue)
		return reason;
	reason = virtio_begin(slot, 0, NULL);
	if (!reason)
		reason = virtio_add_queue(run->env, slot, 0, 8, false, queue);
	if (reason)
		return reason;
	virtio_end(slot);
	run->state[cpu] = queue;
	return NULL;
}

static void ring_doorbell(struct run *run, struct pass *pass)
{
	(void)run;
	for (uint64_t i = 0; i < pass->iterations; i++)
		virtio_kick_always(pass->state);
	pass->work = (double)pass->iterations;
}

static void put_away(struct run *run)
{
	const struct virtio_queue *queue = run->state[0];

	if (queue)
		virtio_reset(queue->slot);
}

const struct bench bench_trap_exits[] = {
	TRAP("cpuid", "CPUID, which KVM serves in the kernel", .pass = do_cpuid),
	TRAP("hypercall", "a hypercall from ring 0 that KVM serves in the kernel",
	     .setup = need_hypercalls, .pass = hypercall),
	TRAP("pio_out", "port write from ring 3 that the VMM serves", .setup = trap_need_payload,
	     .pass = pio_out),
	TRAP("pio_out_ring0", "port write from ring 0 that the VMM serves",
	     .setup = trap_need_payload, .pass = pio_out_ring0),
	TRAP("pio_in", "port read from ring 3 that the VMM serves", .setup = trap_need_payload,
	     .pass = pio_in),
	TRAP("mmio_read", "MMIO read from ring 3 that the VMM serves", .setup = trap_need_payload,
	     .pass = mmio_read),
	TRAP("mmio_read_ring0", "MMIO read from ring 0 that the VMM serves",
	     .setup = trap_need_payload, .pass = mmio_read_ring0),
	TRAP("mmio_write", "MMIO write from ring 3 that the VMM serves", .setup = trap_need_payload,
	     .pass = mmio_write),
	TRAP("mmio_write_ring0", "MMIO write from ring 0 that the VMM serves",
	     .setup = trap_need_payload, .pass = mmio_write_ring0),
	TRAP("msr_read", "read of an MSR that KVM serves", .setup = trap_need_payload,
	     .pass = msr_read),
	TRAP("msr_write", "write of an MSR that KVM serves", .setup = trap_need_payload,
	     .pass = msr_write),
	TRAP("mmio_ioeventfd",
	     "write to a virtio doorbell from ring 3, which KVM turns into an eventfd",
	     .setup = find_doorbell, .pass = ring_doorbell, .finish = put_away),
};
