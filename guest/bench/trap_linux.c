/* SPDX-License-Identifier: MIT */
/*
 * trap.getpid, futex_wake, eventfd_pingpong, timerfd_jitter: what a Linux process has where a
 * payload has an exit, an interrupt to another vCPU, and a timer interrupt.
 */
#include <linux/futex.h>
#include <linux/time.h>

#include "guest/bench/bench.h"
#include "guest/bench/linux_syscall.h"

static const char *need_linux(struct run *run, unsigned int cpu)
{
	(void)cpu;
	return run->env->payload ? "a Linux system call; has no meaning in a payload" : NULL;
}

static void do_getpid(struct run *run, struct pass *pass)
{
	(void)run;
	for (uint64_t i = 0; i < pass->iterations; i++)
		linux_call0(__NR_getpid);
	pass->work = (double)pass->iterations;
}

/* ---- two threads that wake each other in turn ------------------------------------------- */

struct rally {
	uint64_t rounds;
	uint32_t turn[2]; /* a futex of each: how often its owner was woken */
	long eventfd[2];
	bool by_futex;
	unsigned int ready;
	uint64_t ticks;
};

static void wake(struct rally *rally, unsigned int who)
{
	uint64_t one = 1;

	if (!rally->by_futex) {
		linux_call3(__NR_write, rally->eventfd[who], &one, sizeof(one));
		return;
	}
	__atomic_fetch_add(&rally->turn[who], 1, __ATOMIC_RELEASE);
	linux_call3(__NR_futex, &rally->turn[who], FUTEX_WAKE_PRIVATE, 1);
}

static void sleep_until(struct rally *rally, unsigned int who, uint32_t turn)
{
	uint64_t count;
	uint32_t seen;

	if (!rally->by_futex) {
		linux_call3(__NR_read, rally->eventfd[who], &count, sizeof(count));
		return;
	}
	while ((seen = __atomic_load_n(&rally->turn[who], __ATOMIC_ACQUIRE)) != turn)
		linux_call4(__NR_futex, &rally->turn[who], FUTEX_WAIT_PRIVATE, seen, 0);
}

static void play(void *arg, unsigned int cpu)
{
	struct rally *rally = arg;
	uint64_t start;

	__atomic_fetch_add(&rally->ready, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&rally->ready, __ATOMIC_ACQUIRE) < 2)
		env_pause();
	start = env_ticks();
	for (uint64_t i = 1; i <= rally->rounds; i++) {
		if (cpu == 0)
			wake(rally, 1);
		sleep_until(rally, cpu, (uint32_t)i);
		if (cpu == 1)
			wake(rally, 0);
	}
	if (cpu == 0)
		rally->ticks = env_ticks() - start;
}

static void rally_pass(struct run *run, struct pass *pass, bool by_futex)
{
	struct rally rally = {.rounds = pass->iterations, .by_futex = by_futex};

	rally.eventfd[0] = linux_call2(__NR_eventfd2, 0, 0);
	rally.eventfd[1] = linux_call2(__NR_eventfd2, 0, 0);
	run->env->ops->run(run->env, 2, play, &rally);
	linux_call1(__NR_close, rally.eventfd[0]);
	linux_call1(__NR_close, rally.eventfd[1]);
	pass->ticks = rally.ticks;
	pass->work = (double)pass->iterations;
}

static void futex_wake(struct run *run, struct pass *pass)
{
	rally_pass(run, pass, true);
}

static void eventfd_pingpong(struct run *run, struct pass *pass)
{
	rally_pass(run, pass, false);
}

static const char *need_two(struct run *run, unsigned int cpu)
{
	const char *reason = need_linux(run, cpu);

	/* Threads that share a CPU would show the scheduler instead. */
	if (!reason && run->env->nr_cpus < 2)
		return "needs two CPUs";
	return reason;
}

/* ---- timer ------------------------------------------------------------------------------ */

#define SHOTS	64u
#define WAIT_NS 200000u

struct timer_spec {
	struct {
		int64_t sec, nsec;
	} interval, value;
};

static void timerfd_jitter(struct run *run, struct pass *pass)
{
	const struct timer_spec spec = {.value = {.nsec = WAIT_NS}};
	long fd = linux_call2(__NR_timerfd_create, CLOCK_MONOTONIC, 0);
	uint64_t late[SHOTS], mean = 0, count;

	(void)run;
	for (unsigned int i = 0; i < SHOTS; i++) {
		uint64_t start = env_ticks();

		linux_call4(__NR_timerfd_settime, fd, 0, &spec, 0);
		linux_call3(__NR_read, fd, &count, sizeof(count));
		late[i] = env_ticks() - start;
		mean += late[i] / SHOTS;
	}
	linux_call1(__NR_close, fd);
	for (unsigned int i = 0; i < SHOTS; i++)
		pass->ticks += late[i] > mean ? late[i] - mean : mean - late[i];
	pass->work = SHOTS;
}

const struct bench bench_trap_linux[] = {
	{
		.name = "trap.getpid",
		.unit = "ns",
		.text = "the least system call: what a process pays to enter its kernel",
		.scale = 1e9,
		.setup = need_linux,
		.pass = do_getpid,
	},
	{
		.name = "trap.futex_wake",
		.unit = "ns",
		.text = "futex wake of a thread on another CPU, and one back",
		.scale = 1e9,
		.setup = need_two,
		.pass = futex_wake,
	},
	{
		.name = "trap.eventfd_pingpong",
		.unit = "ns",
		.text = "eventfd to a thread on another CPU, and one back",
		.scale = 1e9,
		.setup = need_two,
		.pass = eventfd_pingpong,
	},
	{
		.name = "trap.timerfd_jitter",
		.unit = "ns",
		.text = "mean deviation of a 200 us timerfd from its own mean",
		.scale = 1e9,
		.iterations = 1,
		.setup = need_linux,
		.pass = timerfd_jitter,
	},
};
