/* SPDX-License-Identifier: MIT */
/*
 * trap.getpid, futex_wake, eventfd_pingpong, timerfd_jitter: what a Linux process has where a
 * payload has an exit, an interrupt to another vCPU, and a timer interrupt.
 */
#include <linux/futex.h>
#include <linux/time.h>

#include "guest/bench/linux_syscall.h"
#include "guest/bench/trap.h"

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

/* On a CPU each: the scheduler likes to bring both to the same, which is another benchmark. */
static void play_pinned(struct trap_rally *rally, struct pass *pass)
{
	struct env *env = rally->run->env;
	bool pin = env->pin;

	env->pin = true;
	trap_play(rally, pass);
	env->pin = pin;
}

struct futex_rally {
	struct trap_rally rally;
	uint32_t asleep[2]; /* a futex of each, always 0 */
};

/*
 * Calls until it has woken the other thread: a call that finds it still awake is no wake-up, and
 * two threads that are that fast never sleep again.
 */
static void futex_call(struct trap_rally *rally, unsigned int cpu)
{
	const uint32_t *asleep = &((struct futex_rally *)rally)->asleep[!cpu];

	while (linux_call3(__NR_futex, asleep, FUTEX_WAKE_PRIVATE, 1) != 1)
		env_pause();
}

static void futex_wait(struct trap_rally *rally, unsigned int cpu, uint64_t turn)
{
	const uint32_t *asleep = &((struct futex_rally *)rally)->asleep[cpu];

	(void)turn;
	while (linux_call4(__NR_futex, asleep, FUTEX_WAIT_PRIVATE, 0, 0) != 0)
		;
}

static void futex_wake(struct run *run, struct pass *pass)
{
	struct futex_rally rally = {.rally = {.call = futex_call, .wait = futex_wait, .run = run}};

	play_pinned(&rally.rally, pass);
}

struct eventfd_rally {
	struct trap_rally rally;
	long fd[2];
};

static void eventfd_call(struct trap_rally *rally, unsigned int cpu)
{
	uint64_t one = 1;

	linux_call3(__NR_write, ((struct eventfd_rally *)rally)->fd[!cpu], &one, sizeof(one));
}

/* A read takes the count away, so that each turn waits for a call of its own. */
static void eventfd_wait(struct trap_rally *rally, unsigned int cpu, uint64_t turn)
{
	uint64_t count;

	(void)turn;
	linux_call3(__NR_read, ((struct eventfd_rally *)rally)->fd[cpu], &count, sizeof(count));
}

static void eventfd_pingpong(struct run *run, struct pass *pass)
{
	struct eventfd_rally rally = {
		.rally = {.call = eventfd_call, .wait = eventfd_wait, .run = run}};

	rally.fd[0] = linux_call2(__NR_eventfd2, 0, 0);
	rally.fd[1] = linux_call2(__NR_eventfd2, 0, 0);
	play_pinned(&rally.rally, pass);
	linux_call1(__NR_close, rally.fd[0]);
	linux_call1(__NR_close, rally.fd[1]);
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

struct timer_spec {
	struct {
		int64_t sec, nsec;
	} interval, value;
};

static void shoot(void *arg)
{
	const struct timer_spec spec = {.value = {.nsec = TRAP_TIMER_NS}};
	const long *fd = arg;
	uint64_t count;

	linux_call4(__NR_timerfd_settime, *fd, 0, &spec, 0);
	linux_call3(__NR_read, *fd, &count, sizeof(count));
}

static void timerfd_jitter(struct run *run, struct pass *pass)
{
	long fd = linux_call2(__NR_timerfd_create, CLOCK_MONOTONIC, 0);

	(void)run;
	trap_jitter(pass, shoot, &fd);
	linux_call1(__NR_close, fd);
}

const struct bench bench_trap_linux[] = {
	TRAP("getpid", "the least system call: what a process pays to enter its kernel",
	     .setup = need_linux, .pass = do_getpid),
	TRAP("futex_wake", "futex wake of a thread on another CPU, and one back", .setup = need_two,
	     .pass = futex_wake),
	TRAP("eventfd_pingpong", "eventfd to a thread on another CPU, and one back",
	     .setup = need_two, .pass = eventfd_pingpong),
	TRAP("timerfd_jitter", "mean deviation of a 200 us timerfd from its own mean",
	     .setup = need_linux, .pass = timerfd_jitter, .iterations = 1),
};
