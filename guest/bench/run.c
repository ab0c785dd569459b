/* SPDX-License-Identifier: MIT */
/*
 * Runs a benchmark: calibrates how many iterations make a sample long enough, takes a warm-up
 * sample and the others, prints each, and has the results checked.
 */
#include "guest/abi.h"
#include "guest/bench/bench.h"
#include "guest/bench/out.h"

/* One sample on all CPUs. */
struct round {
	struct run *run;
	uint64_t iterations;
	uint64_t start[ENV_MAX_CPUS], end[ENV_MAX_CPUS];
	struct pass pass[ENV_MAX_CPUS];
};

void *bench_alloc(struct run *run, size_t size, const char **reason)
{
	return run->env->ops->alloc(run->env, size, run->options->pages, reason);
}

void bench_meet(struct run *run)
{
	uint64_t before = __atomic_fetch_add(&run->met, 1, __ATOMIC_ACQ_REL);
	uint64_t all = (before / run->cpus + 1) * run->cpus; /* none can be a meeting ahead */

	while (__atomic_load_n(&run->met, __ATOMIC_ACQUIRE) < all)
		env_pause();
}

static void run_pass(void *arg, unsigned int cpu)
{
	struct round *round = arg;
	struct run *run = round->run;
	struct pass *pass = &round->pass[cpu];

	*pass = (struct pass){
		.iterations = round->iterations, .cpu = cpu, .state = run->state[cpu]};
	bench_meet(run);
	round->start[cpu] = env_ticks();
	if (cpu == 0)
		TINYVMM_MARKER(TINYVMM_MARK_START);
	run->bench->pass(run, pass);
	if (cpu == 0)
		TINYVMM_MARKER(TINYVMM_MARK_STOP);
	round->end[cpu] = env_ticks();
}

/* What one sample comes to. */
struct sample {
	double work;
	uint64_t ticks;	     /* from the first start to the last end */
	uint64_t operations; /* of the first CPU */
};

static const char *take_sample(struct run *run, uint64_t iterations, struct sample *sample)
{
	struct round round = {.run = run, .iterations = iterations};
	uint64_t first, last, own;
	const char *reason = run->env->ops->run(run->env, run->cpus, run_pass, &round);

	for (unsigned int i = 0; !reason && i < run->cpus; i++)
		reason = round.pass[i].wrong;
	if (reason)
		return reason;
	first = round.start[0];
	last = round.end[0];
	own = round.pass[0].ticks;
	sample->work = round.pass[0].work;
	sample->operations = round.pass[0].operations ? round.pass[0].operations : iterations;
	for (unsigned int i = 1; i < run->cpus; i++) {
		if (round.start[i] < first)
			first = round.start[i];
		if (round.end[i] > last)
			last = round.end[i];
		if (round.pass[i].ticks > own)
			own = round.pass[i].ticks;
		sample->work += round.pass[i].work;
	}
	sample->ticks = own ? own : last - first;
	return NULL;
}

/* How long a whole sample takes; a benchmark that counts a part of it would calibrate for ever. */
static const char *time_sample(struct run *run, uint64_t iterations, uint64_t *ticks)
{
	struct sample sample;
	uint64_t start = env_ticks();
	const char *reason = take_sample(run, iterations, &sample);

	*ticks = env_ticks() - start;
	return reason;
}

/* Grows the number of iterations until a sample lasts long enough. */
static const char *calibrate(struct run *run, uint64_t *iterations)
{
	uint64_t want = run->env->tsc_hz / 1000 * run->options->min_ms;
	uint64_t ticks, again;
	const char *reason;

	*iterations = run->bench->iterations ? run->bench->iterations : run->options->iterations;
	if (*iterations != 0)
		return NULL;
	*iterations = 1;
	/* Not looked at: it touches memory for the first time. */
	reason = time_sample(run, 1, &ticks);
	while (!reason) {
		reason = time_sample(run, *iterations, &ticks);
		/* Once more, in case that the CPU was taken away for a while. */
		if (!reason && ticks >= want) {
			reason = time_sample(run, *iterations, &again);
			if (again >= want)
				return reason;
			ticks = again;
		}
		/* Aims 1 % too far, so as to hit; from far away, not at once. */
		if (ticks < want / 8)
			ticks = want / 8;
		*iterations =
			(uint64_t)((double)*iterations * 1.01 * (double)want / (double)ticks) + 1;
	}
	return reason;
}

static double to_value(const struct run *run, const struct sample *sample)
{
	double seconds = (double)sample->ticks / (double)run->env->tsc_hz;

	if (run->bench->higher)
		return sample->work * run->bench->scale / seconds;
	/* On several CPUs each had its share of the work in that time. */
	return seconds * run->bench->scale * run->cpus / sample->work;
}

static void print_sample(const struct run *run, unsigned int i, uint64_t iterations,
			 const struct sample *sample)
{
	const struct bench *bench = run->bench;
	struct out out;

	out_begin(&out, run->env, "sample");
	out_string(&out, "bench", bench->name);
	out_string(&out, "unit", bench->unit);
	out_string(&out, "better", bench->higher ? "higher" : "lower");
	out_integer(&out, "i", i);
	out_number(&out, "value", to_value(run, sample));
	out_bool(&out, "warmup", i == 0);
	out_integer(&out, "iterations", iterations);
	out_integer(&out, "operations", sample->operations);
	out_end(&out);
}

static void print_reason(const struct run *run, const char *event, const char *reason)
{
	struct out out;

	out_begin(&out, run->env, event);
	out_string(&out, "bench", run->bench->name);
	out_string(&out, "reason", reason);
	out_end(&out);
}

static bool check(struct run *run)
{
	bool all_ok = true;

	for (unsigned int cpu = 0; run->bench->check && cpu < run->cpus; cpu++) {
		char text[128] = "";
		const char *wrong = run->bench->check(run, cpu, text);
		struct out out;

		out_begin(&out, run->env, "check");
		out_string(&out, "bench", run->bench->name);
		out_bool(&out, "ok", wrong == NULL);
		out_string(&out, "text", wrong ? wrong : text);
		out_end(&out);
		all_ok = all_ok && !wrong;
	}
	return all_ok;
}

static const char *setup(struct run *run)
{
	for (unsigned int cpu = 0; run->bench->setup && cpu < run->cpus; cpu++) {
		const char *reason = run->bench->setup(run, cpu);

		if (reason)
			return reason;
	}
	return NULL;
}

static bool measure(struct run *run)
{
	struct sample sample;
	uint64_t iterations;
	const char *reason = calibrate(run, &iterations);

	for (unsigned int i = 0; !reason && i <= run->options->samples; i++) {
		reason = take_sample(run, iterations, &sample);
		if (!reason)
			print_sample(run, i, iterations, &sample);
	}
	if (reason) {
		print_reason(run, "error", reason);
		return false;
	}
	return check(run);
}

bool bench_run(struct env *env, const struct options *options, const struct bench *bench)
{
	struct run run = {
		.env = env,
		.options = options,
		.bench = bench,
		.cpus = bench->parallel ? options->cpus : 1,
	};
	const char *reason = setup(&run);
	bool ok = true;

	if (reason)
		print_reason(&run, "skip", reason);
	else
		ok = measure(&run);
	if (bench->finish)
		bench->finish(&run);
	env->ops->release(env);
	return ok;
}
