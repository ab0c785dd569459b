/* SPDX-License-Identifier: MIT */
/* The benchmark's environment in a Linux process, native or in a container. */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/prctl.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/sched.h>
#include <linux/sysinfo.h>
#include <linux/time.h>
#include <stdint.h>

#include "guest/bench/env.h"
#include "guest/bench/linux_syscall.h"

#define THREAD_STACK_BYTES (256u << 10)
#define PAGE_2M		   (2ul << 20)

static void write_all(struct env *env, const char *text, size_t len)
{
	(void)env;
	while (len > 0) {
		long n = linux_call3(__NR_write, 1, text, len);

		if (n == -EINTR)
			continue;
		if (n < 0) /* the reader is gone: nothing is left to be done */
			linux_call1(__NR_exit_group, 1);
		text += n;
		len -= (size_t)n;
	}
}

static _Noreturn void end(struct env *env, int status)
{
	(void)env;
	for (;;)
		linux_call1(__NR_exit_group, status);
}

static long map(size_t size, int flags)
{
	return linux_call6(__NR_mmap, 0, (long)size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static bool is_error(long ret)
{
	return ret < 0 && ret > -4096;
}

static bool remember(struct env_memory *memory, long start, size_t size)
{
	if (memory->nr_mappings == sizeof(memory->mapping) / sizeof(memory->mapping[0])) {
		linux_call2(__NR_munmap, start, size);
		return false;
	}
	memory->mapping[memory->nr_mappings].start = (void *)start;
	memory->mapping[memory->nr_mappings++].size = size;
	return true;
}

/* What is free, and can be made free without swapping, proc(5); without /proc, what is free. */
static uint64_t mem_available_bytes(void)
{
	static const char key[] = "MemAvailable:";
	char text[512];
	long fd = linux_call2(__NR_open, "/proc/meminfo", O_RDONLY);
	long len = fd < 0 ? -1 : linux_call3(__NR_read, fd, text, sizeof(text) - 1);
	struct sysinfo info;

	if (fd >= 0)
		linux_call1(__NR_close, fd);
	text[len > 0 ? len : 0] = '\0';
	for (const char *at = text; at + sizeof(key) < text + len; at++) {
		uint64_t kib = 0;

		if (__builtin_memcmp(at, key, sizeof(key) - 1) != 0)
			continue;
		for (at += sizeof(key) - 1; *at == ' ';)
			at++;
		for (; *at >= '0' && *at <= '9'; at++)
			kib = kib * 10 + (uint64_t)(*at - '0');
		return kib << 10;
	}
	if (linux_call1(__NR_sysinfo, &info) < 0)
		return UINT64_MAX;
	return (info.freeram + info.bufferram) * info.mem_unit;
}

/*
 * Starts at a multiple of 2 MiB, so that huge pages fit whole; one more page is mapped for that
 * where the kernel does not see to it.
 */
static void *alloc(struct env *env, size_t size, enum env_pages pages, const char **reason)
{
	size_t rounded = (size + PAGE_2M - 1) & ~(PAGE_2M - 1);
	size_t extra = pages == ENV_PAGES_2M ? 0 : PAGE_2M;
	long start, aligned;

	/*
	 * A benchmark that makes the machine swap, or be out of memory, measures nothing. Reserved
	 * pages are counted by mmap().
	 */
	if (pages != ENV_PAGES_2M && rounded > mem_available_bytes()) {
		*reason = "not enough free memory on this host";
		return NULL;
	}
	start = map(rounded + extra,
		    pages == ENV_PAGES_2M ? MAP_HUGETLB | MAP_HUGE_2MB : MAP_NORESERVE);
	if (is_error(start) || !remember(&env->memory, start, rounded + extra)) {
		*reason = pages == ENV_PAGES_2M ? "no huge pages are reserved (vm.nr_hugepages)"
						: "mmap: not enough memory";
		return NULL;
	}
	aligned = (long)(((unsigned long)start + PAGE_2M - 1) & ~(PAGE_2M - 1));
	if (pages == ENV_PAGES_THP || pages == ENV_PAGES_4K)
		linux_call3(__NR_madvise, aligned, rounded,
			    pages == ENV_PAGES_THP ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return (void *)aligned;
}

static void release(struct env *env)
{
	struct env_memory *memory = &env->memory;

	while (memory->nr_mappings > 0) {
		memory->nr_mappings--;
		linux_call2(__NR_munmap, memory->mapping[memory->nr_mappings].start,
			    memory->mapping[memory->nr_mappings].size);
	}
}

/* What threads wait for before they begin. */
enum gate {
	GATE_SHUT,
	GATE_OPEN,
	GATE_CANCELLED, /* not all of them could be started */
};

/* What a thread is given. */
struct thread {
	void (*function)(void *arg, unsigned int cpu);
	void *arg;
	unsigned int cpu;
	const uint64_t *allowed_cpus; /* to be pinned to the cpu-th of them; NULL: not to be */
	const uint32_t *gate;
	uint32_t alive; /* cleared by the kernel when it is off its stack; a futex */
};

/*
 * To the `index`-th of the CPUs in the set. Not of those that the calling thread may use: one that
 * was started by a pinned thread has that one's.
 */
static void pin_to(const uint64_t *allowed, unsigned int index)
{
	uint64_t one[ENV_CPU_SET_WORDS] = {0};

	for (unsigned int cpu = 0; cpu < ENV_CPU_SET_WORDS * 64; cpu++) {
		if (!(allowed[cpu / 64] & 1ull << cpu % 64) || index-- > 0)
			continue;
		one[cpu / 64] = 1ull << cpu % 64;
		linux_call3(__NR_sched_setaffinity, 0, sizeof(one), one);
		return;
	}
}

static void run_thread(struct thread *thread)
{
	uint32_t gate;

	if (thread->allowed_cpus)
		pin_to(thread->allowed_cpus, thread->cpu);
	while ((gate = __atomic_load_n(thread->gate, __ATOMIC_ACQUIRE)) == GATE_SHUT)
		linux_call0(__NR_sched_yield);
	if (gate == GATE_OPEN)
		thread->function(thread->arg, thread->cpu);
}

/*
 * clone(), and the child continues in run_thread() on its own stack and ends. In assembly because
 * the child returns from the system call without the parent's frame.
 */
static long start_thread(struct thread *thread, void *stack_top)
{
	const long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
			   CLONE_SYSVSEM | CLONE_CHILD_CLEARTID;
	long ret = __NR_clone;
	register struct thread *r12 __asm__("r12") = thread;
	register void (*r13)(struct thread *) __asm__("r13") = run_thread;
	register uint32_t *r10 __asm__("r10") = &thread->alive;
	register long r8 __asm__("r8") = 0;

	__asm__ volatile("syscall\n"
			 "test %%rax, %%rax\n"
			 "jnz 1f\n"
			 "xor %%ebp, %%ebp\n"
			 "mov %%r12, %%rdi\n"
			 "call *%%r13\n"
			 "xor %%edi, %%edi\n"
			 "mov %[exit], %%eax\n"
			 "syscall\n"
			 "1:"
			 : "+a"(ret)
			 : "D"(flags), "S"(stack_top), "d"(0), "r"(r10), "r"(r8), "r"(r12),
			   "r"(r13), [exit] "i"(__NR_exit)
			 : "rcx", "r11", "memory", "cc");
	return ret;
}

static const char *run_threads(struct env *env, unsigned int nr,
			       void (*function)(void *arg, unsigned int cpu), void *arg,
			       long stacks)
{
	struct thread threads[ENV_MAX_CPUS];
	uint32_t gate = GATE_SHUT;
	unsigned int started;

	for (started = 0; started < nr; started++) {
		threads[started] =
			(struct thread){.function = function,
					.arg = arg,
					.cpu = started,
					.allowed_cpus = env->pin ? env->allowed_cpus : NULL,
					.gate = &gate,
					.alive = 1};
		if (is_error(start_thread(
			    &threads[started],
			    (void *)(stacks + (long)(started + 1) * THREAD_STACK_BYTES))))
			break;
	}
	__atomic_store_n(&gate, started == nr ? GATE_OPEN : GATE_CANCELLED, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < started; i++)
		while (__atomic_load_n(&threads[i].alive, __ATOMIC_ACQUIRE))
			linux_call4(__NR_futex, &threads[i].alive, FUTEX_WAIT, 1, 0);
	return started == nr ? NULL : "cannot start a thread";
}

static const char *run(struct env *env, unsigned int nr,
		       void (*function)(void *arg, unsigned int cpu), void *arg)
{
	const char *reason;
	long stacks;

	if (nr == 1 && !env->pin) {
		function(arg, 0);
		return NULL;
	}
	stacks = map((size_t)nr * THREAD_STACK_BYTES, 0);
	if (is_error(stacks))
		return "no memory for the stacks of threads";
	reason = run_threads(env, nr, function, arg, stacks);
	linux_call2(__NR_munmap, stacks, (size_t)nr * THREAD_STACK_BYTES);
	return reason;
}

struct timespec64 {
	int64_t sec, nsec;
};

static const char *sleep(struct env *env, unsigned int seconds)
{
	struct timespec64 left = {.sec = seconds};

	(void)env;
	while (linux_call2(__NR_nanosleep, &left, &left) == -EINTR)
		;
	return NULL;
}

static uint64_t now_ns(void)
{
	struct timespec64 ts;

	linux_call2(__NR_clock_gettime, CLOCK_MONOTONIC_RAW, &ts);
	return (uint64_t)ts.sec * 1000000000u + (uint64_t)ts.nsec;
}

struct moment {
	uint64_t ticks, ns;
};

/* Both clocks at one moment: the tightest of several looks. */
static struct moment look(void)
{
	struct moment moment = {0};
	uint64_t best = UINT64_MAX;

	for (unsigned int i = 0; i < 20; i++) {
		uint64_t before = env_ticks(), ns = now_ns(), width = env_ticks() - before;

		if (width >= best)
			continue;
		best = width;
		moment = (struct moment){.ticks = before + width / 2, .ns = ns};
	}
	return moment;
}

#define CALIBRATION_NS 20000000u

static uint64_t calibrate_tsc(struct env *env)
{
	struct moment start = look(), now;

	(void)env;
	do
		now = look();
	while (now.ns - start.ns < CALIBRATION_NS);
	return (uint64_t)((double)(now.ticks - start.ticks) * 1e9 / (double)(now.ns - start.ns));
}

static void find_cpus(struct env *env)
{
	unsigned int nr = 0;

	linux_call3(__NR_sched_getaffinity, 0, sizeof(env->allowed_cpus), env->allowed_cpus);
	for (unsigned int i = 0; i < ENV_CPU_SET_WORDS; i++)
		nr += (unsigned int)__builtin_popcountll(env->allowed_cpus[i]);
	env->nr_cpus = nr < ENV_MAX_CPUS ? nr : ENV_MAX_CPUS;
}

/*
 * Debian's zlib is compiled with stack protectors, which read a word at %fs:0x28 that a libc would
 * have provided.
 */
static void provide_stack_guard(void)
{
	static uint64_t thread_area[8];

	linux_call2(__NR_arch_prctl, ARCH_SET_FS, thread_area);
}

void env_linux_init(struct env *env)
{
	static const struct env_ops ops = {
		.write = write_all,
		.exit = end,
		.alloc = alloc,
		.alloc_fresh = alloc, /* every mapping is new */
		.release = release,
		.run = run,
		.sleep = sleep,
		.measure_tsc = calibrate_tsc,
	};

	*env = (struct env){.ops = &ops, .name = "linux"};
	find_cpus(env);
	provide_stack_guard();
}
