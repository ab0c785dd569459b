/* SPDX-License-Identifier: MIT */
/* The benchmark's environment in the payload kernel's ring 3. */
#include "guest/bench/env.h"

#include "guest/abi.h"
#include "guest/bench/payload_apic.h"
#include "guest/payload/lib/cpu.h"

#define PAGE_4K 4096ull
#define PAGE_2M (2ull << 20)
#define PAGE_1G (1ull << 30)

#define CPU_STACK_BYTES (256u << 10)

/* For the debug-exit port; 2 is the payload kernel's, for faults. */
#define EXIT_FAILED 1

/* 16550A: line status, bit 5 room in the transmitter, which with FIFOs on means all 16 bytes. */
#define SERIAL_FIFO_CONTROL (TINYVMM_PORT_SERIAL + 2)
#define SERIAL_LINE_STATUS  (TINYVMM_PORT_SERIAL + 5)
#define SERIAL_FIFO_BYTES   16u
#define SERIAL_ROOM	    0x20

struct text {
	const char *at;
	size_t len;
};

static uint64_t write_in_ring0(uint64_t arg)
{
	const struct text *text = (const void *)arg;
	const char *at = text->at;
	size_t left = text->len;

	while (left > 0) {
		size_t n = left < SERIAL_FIFO_BYTES ? left : SERIAL_FIFO_BYTES;

		while (!(inb(SERIAL_LINE_STATUS) & SERIAL_ROOM))
			env_pause();
		left -= n;
		__asm__ volatile("rep outsb"
				 : "+S"(at), "+c"(n)
				 : "d"(TINYVMM_PORT_SERIAL)
				 : "memory");
	}
	return 0;
}

/*
 * In ring 0, one way there for a whole line: where ring 0 is interpreted, an exit from it costs 8
 * us, and one from ring 3, after which KVM restores the host's system registers, 30.
 */
static void write_all(struct env *env, const char *at, size_t len)
{
	const struct text text = {at, len};

	(void)env;
	payload_ring0(write_in_ring0, (uint64_t)(uintptr_t)&text);
}

static uint64_t triple_fault(uint64_t unused)
{
	static const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) none = {0, 0};

	(void)unused;
	__asm__ volatile("lidt %0; ud2" ::"m"(none));
	return 0;
}

static _Noreturn void end(struct env *env, int status)
{
	(void)env;
	if (status != 0)
		outb(TINYVMM_PORT_DEBUG_EXIT, EXIT_FAILED);
	outb(TINYVMM_PORT_POWER, TINYVMM_POWER_OFF_VALUE);
	/* Another VMM has no such port; that ends all of them, QEMU with -no-reboot. */
	for (;;)
		payload_ring0(triple_fault, 0);
}

/* ---- memory ------------------------------------------------------------------------------ */

#define PTE_PRESENT  (1u << 0)
#define PTE_WRITE    (1u << 1)
#define PTE_USER     (1u << 2)
#define PTE_ACCESSED (1u << 5)
#define PTE_DIRTY    (1u << 6)
#define PTE_LARGE    (1u << 7)
#define PTE_TABLE    (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED)
#define PTE_4K	     (PTE_TABLE | PTE_DIRTY)
#define PTE_2M	     (PTE_4K | PTE_LARGE)
#define PTE_ADDRESS  0x000ffffffffff000ull
#define PTES	     512u

#define NR_RANGES 2u /* of RAM: below and behind the 32-bit hole */

/* Where 4 KiB pages are mapped, beyond the identity map; each allocation begins a new GiB. */
#define WINDOW_START (256ull << 30)
#define WINDOW_END   (512ull << 30)

static uint64_t *take_table(struct env_ram *ram)
{
	uint64_t *table = (uint64_t *)ram->at;

	ram->at += PAGE_4K;
	for (unsigned int i = 0; i < PTES; i++)
		table[i] = 0;
	return table;
}

static uint64_t *first_pdpt(const struct env *env)
{
	const uint64_t *pml4 = (const uint64_t *)env->payload->root_table;

	return (uint64_t *)(pml4[0] & PTE_ADDRESS);
}

/* Links a table that is complete. What was never mapped is in no TLB. */
static void link_table(uint64_t *entry, const uint64_t *table)
{
	__atomic_store_n(entry, (uint64_t)(uintptr_t)table | PTE_TABLE, __ATOMIC_SEQ_CST);
}

/*
 * Maps `size` bytes at `physical` again, with 4 KiB pages, and returns where. Tables come from
 * `ram`.
 *
 * Ring 3 writes page tables here. It may, because the program is trusted, and it should, because
 * ring 0 takes a second for 512 MiB on a host that interprets it. Such a host also traps writes to
 * tables in use, so they are filled first and linked last.
 */
static void *map_4k(struct env *env, struct env_ram *ram, uint64_t physical, uint64_t size)
{
	struct env_memory *memory = &env->memory;
	uint64_t *pdpt = first_pdpt(env);
	uint64_t start = memory->next_1g;

	for (uint64_t done = 0; done < size; memory->next_1g += PAGE_1G) {
		uint64_t *directory = take_table(ram);

		for (unsigned int i = 0; i < PTES && done < size; i++) {
			uint64_t *table = take_table(ram);

			for (unsigned int j = 0; j < PTES; j++, done += PAGE_4K)
				table[j] = (physical + done) | PTE_4K;
			directory[i] = (uint64_t)(uintptr_t)table | PTE_TABLE;
		}
		link_table(&pdpt[memory->next_1g / PAGE_1G], directory);
	}
	return (void *)start;
}

/* Continues the identity map over the RAM behind the 32-bit hole, when it is wanted first. */
static void map_high_ram(struct env *env)
{
	struct env_memory *memory = &env->memory;
	const struct env_ram *ram = &memory->ram[1];
	uint64_t *directory = (uint64_t *)memory->directory;

	if (!directory)
		return;
	for (uint64_t at = ram->start; at < ram->end; directory += PTES) {
		uint64_t *entry = &first_pdpt(env)[at / PAGE_1G];

		for (unsigned int i = 0; i < PTES; i++, at += PAGE_2M)
			directory[i] = at < ram->end ? at | PTE_2M : 0;
		link_table(entry, directory);
	}
	memory->directory = 0;
}

/* NULL if there is not so much in this range. */
static void *alloc_in(struct env *env, struct env_ram *ram, uint64_t size, enum env_pages pages)
{
	uint64_t nr_tables = size / PAGE_2M + (size + PAGE_1G - 1) / PAGE_1G;
	uint64_t tables = pages == ENV_PAGES_4K ? nr_tables * PAGE_4K : 0;
	uint64_t start = (ram->at + tables + PAGE_2M - 1) & ~(PAGE_2M - 1);
	void *mapped = (void *)start;

	if (start > ram->end || size > ram->end - start)
		return NULL;
	if (start >= PAYLOAD_HIGH_RAM)
		map_high_ram(env);
	if (pages == ENV_PAGES_4K)
		mapped = map_4k(env, ram, start, size);
	ram->at = start + size;
	return mapped;
}

static void *alloc(struct env *env, size_t size, enum env_pages pages, const char **reason)
{
	struct env_memory *memory = &env->memory;
	uint64_t rounded = (size + PAGE_2M - 1) & ~(PAGE_2M - 1);
	void *start = NULL;

	if (pages == ENV_PAGES_4K && rounded > WINDOW_END - memory->next_1g) {
		*reason = "no virtual addresses left for 4 KiB pages; run fewer benchmarks at once";
		return NULL;
	}
	for (unsigned int i = 0; i < NR_RANGES && !start && rounded >= size; i++)
		start = alloc_in(env, &memory->ram[i], rounded, pages);
	if (!start)
		*reason = "not enough RAM in this VM; use more --mem";
	return start;
}

static void *alloc_fresh(struct env *env, size_t size, enum env_pages pages, const char **reason)
{
	for (unsigned int i = 0; i < NR_RANGES; i++) {
		struct env_ram *ram = &env->memory.ram[i];

		if (ram->at < ram->touched)
			ram->at = ram->touched;
	}
	return alloc(env, size, pages, reason);
}

static void release(struct env *env)
{
	for (unsigned int i = 0; i < NR_RANGES; i++) {
		struct env_ram *ram = &env->memory.ram[i];

		if (ram->touched < ram->at)
			ram->touched = ram->at;
		ram->at = ram->start;
	}
}

/* CPU stacks and the page directories for the RAM behind the hole lie at the end of the other. */
static void init_memory(struct env *env)
{
	const struct payload_info *payload = env->payload;
	struct env_memory *memory = &env->memory;
	struct env_ram *low = &memory->ram[0], *high = &memory->ram[1];
	uint64_t nr_directories;

	*low = (struct env_ram){.start = payload->arena_start, .end = payload->arena_end};
	high->start = PAYLOAD_HIGH_RAM;
	high->end = payload->high_ram_end < WINDOW_START ? payload->high_ram_end : WINDOW_START;
	high->end &= ~(PAGE_2M - 1);
	for (unsigned int i = 1; i < env->nr_cpus; i++) {
		low->end -= CPU_STACK_BYTES;
		env->payload->cpu[i].stack_top = (void *)(low->end + CPU_STACK_BYTES);
	}
	if (high->end < high->start)
		high->end = high->start;
	nr_directories = (high->end - high->start + PAGE_1G - 1) / PAGE_1G;
	low->end = (low->end & ~(PAGE_4K - 1)) - nr_directories * PAGE_4K;
	memory->directory = low->end;
	memory->next_1g = WINDOW_START;
	low->at = low->start;
	high->at = high->start;
}

/* ---- other CPUs --------------------------------------------------------------------------- */

struct call {
	void (*function)(void *arg, unsigned int cpu);
	void *arg;
	unsigned int cpu;
};

static void make_call(void *arg)
{
	const struct call *call = arg;

	call->function(call->arg, call->cpu);
}

static const char *run(struct env *env, unsigned int nr,
		       void (*function)(void *arg, unsigned int cpu), void *arg)
{
	struct call calls[ENV_MAX_CPUS];

	for (unsigned int i = 1; i < nr; i++) {
		struct payload_cpu *cpu = &env->payload->cpu[i];

		calls[i] = (struct call){.function = function, .arg = arg, .cpu = i};
		cpu->arg = &calls[i];
		while (!__atomic_load_n(&cpu->online, __ATOMIC_ACQUIRE))
			env_pause();
		__atomic_store_n(&cpu->run, make_call, __ATOMIC_RELEASE);
	}
	function(arg, 0);
	for (unsigned int i = 1; i < nr; i++)
		while (__atomic_load_n(&env->payload->cpu[i].run, __ATOMIC_ACQUIRE))
			env_pause();
	return NULL;
}

/* ---- sleep ------------------------------------------------------------------------------- */

#define SLEEP_VECTOR  PAYLOAD_LAST_VECTOR
#define SECONDS_A_NAP 4u /* the timer counts nanoseconds in 32 bits */

static const char *sleep(struct env *env, unsigned int seconds)
{
	volatile uint64_t *count = &env->payload->interrupt_count[SLEEP_VECTOR];
	const char *reason = apic_missing(env);

	/* Without an interrupt controller nothing ends a HLT, and KVM ends the VM. */
	if (reason)
		return reason;
	apic_enable();
	apic_set_timer(SLEEP_VECTOR);
	while (seconds > 0) {
		unsigned int nap = seconds < SECONDS_A_NAP ? seconds : SECONDS_A_NAP;
		uint64_t before = *count;

		apic_start_timer(nap * LAPIC_TIMER_HZ);
		apic_halt_until(count, before);
		seconds -= nap;
	}
	return NULL;
}

/* ---- the clock ---------------------------------------------------------------------------- */

/* Documentation/virt/kvm/x86/msr.rst, MSR_KVM_SYSTEM_TIME_NEW. */
#define KVM_CPUID_SIGNATURE	 0x40000000u
#define KVM_CPUID_FEATURES	 0x40000001u
#define KVM_FEATURE_CLOCKSOURCE2 (1u << 3)
#define MSR_KVM_SYSTEM_TIME_NEW	 0x4b564d01u

struct kvm_clock {
	volatile uint32_t version;
	uint32_t pad;
	uint64_t tsc_timestamp;
	uint64_t system_time;
	volatile uint32_t tsc_to_system_mul;
	int8_t tsc_shift;
	uint8_t flags, pad2[2];
};

static uint64_t set_kvm_clock(uint64_t value)
{
	wrmsr(MSR_KVM_SYSTEM_TIME_NEW, value);
	return 0;
}

/*
 * KVM tells guests how it makes nanoseconds of ticks: ((ticks << shift) * mul) >> 32. The frequency
 * is where that comes to one second. 0 if this is not KVM.
 */
static uint64_t ask_kvm_clock(void)
{
	static struct kvm_clock clock __attribute__((aligned(64)));
	struct env_cpuid signature = env_cpuid(KVM_CPUID_SIGNATURE, 0);
	uint64_t hz;

	if (signature.ebx != 0x4b4d564b || signature.eax < KVM_CPUID_FEATURES ||
	    !(env_cpuid(KVM_CPUID_FEATURES, 0).eax & KVM_FEATURE_CLOCKSOURCE2))
		return 0;
	payload_ring0(set_kvm_clock, (uint64_t)(uintptr_t)&clock | 1);
	for (unsigned int i = 0; i < 1000000 && clock.tsc_to_system_mul == 0; i++)
		env_pause();
	payload_ring0(set_kvm_clock, 0);
	if (clock.tsc_to_system_mul == 0)
		return 0;
	hz = (1000000000ull << 32) / clock.tsc_to_system_mul;
	return clock.tsc_shift < 0 ? hz << -clock.tsc_shift : hz >> clock.tsc_shift;
}

#define PORT_RTC    0x70
#define RTC_SECONDS 0
#define RTC_GIVE_UP (30ull * 1000 * 1000 * 1000) /* ticks: no CPU makes them in two seconds */

/* The tick at which the real-time clock's second changes. */
static uint64_t next_second(void)
{
	uint64_t start = env_ticks();
	uint8_t second;

	outb(PORT_RTC, RTC_SECONDS);
	second = inb(PORT_RTC + 1);
	while (inb(PORT_RTC + 1) == second && env_ticks() - start < RTC_GIVE_UP)
		env_pause();
	return env_ticks();
}

static uint64_t measure_tsc(struct env *env)
{
	uint64_t hz = ask_kvm_clock(), start;

	(void)env;
	if (hz != 0)
		return hz;
	start = next_second();
	return next_second() - start;
}

void env_payload_init(struct env *env, struct payload_info *payload)
{
	static const struct env_ops ops = {
		.write = write_all,
		.exit = end,
		.alloc = alloc,
		.alloc_fresh = alloc_fresh,
		.release = release,
		.run = run,
		.sleep = sleep,
		.measure_tsc = measure_tsc,
	};

	outb(SERIAL_FIFO_CONTROL, 1);
	*env = (struct env){
		.ops = &ops,
		.name = "payload",
		.nr_cpus = (unsigned int)payload->nr_cpus,
		.payload = payload,
	};
	init_memory(env);
}
