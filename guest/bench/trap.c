/* SPDX-License-Identifier: MIT */
#include "guest/bench/trap.h"

const char *trap_need_payload(struct run *run, unsigned int cpu)
{
	(void)cpu;
	return run->env->payload ? NULL : "has no meaning in a Linux process";
}

static void play(void *arg, unsigned int cpu)
{
	struct trap_rally *rally = arg;
	uint64_t start;

	if (rally->begin)
		rally->begin(rally, cpu);
	__atomic_fetch_add(&rally->ready, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&rally->ready, __ATOMIC_ACQUIRE) < 2)
		env_pause();
	start = env_ticks();
	for (uint64_t turn = 1; turn <= rally->turns; turn++) {
		if (cpu == 0)
			rally->call(rally, cpu);
		rally->wait(rally, cpu, turn);
		if (cpu == 1)
			rally->call(rally, cpu);
	}
	if (cpu == 0)
		rally->ticks = env_ticks() - start;
}

void trap_play(struct trap_rally *rally, struct pass *pass)
{
	struct env *env = rally->run->env;

	rally->turns = pass->iterations;
	pass->wrong = env->ops->run(env, 2, play, rally);
	pass->ticks = rally->ticks;
	pass->work = (double)pass->iterations;
}

#define SHOTS 64u

void trap_jitter(struct pass *pass, void (*shoot)(void *arg), void *arg)
{
	uint64_t late[SHOTS], sum = 0, mean;

	for (unsigned int i = 0; i < SHOTS; i++) {
		uint64_t start = env_ticks();

		shoot(arg);
		late[i] = env_ticks() - start;
		sum += late[i];
	}
	mean = sum / SHOTS;
	for (unsigned int i = 0; i < SHOTS; i++)
		pass->ticks += late[i] > mean ? late[i] - mean : mean - late[i];
	pass->work = SHOTS;
}
