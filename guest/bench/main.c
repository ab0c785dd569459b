/* SPDX-License-Identifier: MIT */
/*
 * The benchmark file: `bench list`, or `bench run NAME... [key=value...]`; `bench serve
 * address=IP:PORT` is the peer of the net benchmarks, and `bench idle seconds=N` prints "begin" and
 * sleeps. Otherwise it prints lines of JSON:
 *
 *	begin	where it runs: environment, CPUs, frequency of the time stamp counter
 *	sample	one measured value; the first of each benchmark is a warm-up
 *	check	whether a benchmark's results are right
 *	skip	why a benchmark has no meaning or no means here
 *	error	why a benchmark ended early
 *	end
 *
 * Exit status: 0, or 1 if a check failed or an error was printed, or 2 for bad usage.
 */
#include <elf.h>

#include "guest/bench/bench.h"
#include "guest/bench/net_io.h"
#include "guest/bench/out.h"

_Noreturn void bench_main(uintptr_t *stack);

static bool same_text(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* `pattern` may end in a star. */
static bool matches(const char *pattern, const char *name)
{
	for (; *pattern == *name && *pattern; pattern++, name++)
		;
	return *pattern == *name || (pattern[0] == '*' && pattern[1] == '\0');
}

static void print_problem(struct env *env, const char *what, const char *word)
{
	struct out out;
	char text[256], *at;

	at = out_text(text, what);
	for (size_t i = 0; word[i] && i < 128; i++)
		*at++ = word[i];
	*at = '\0';
	out_begin(&out, env, "error");
	out_string(&out, "bench", "");
	out_string(&out, "reason", text);
	out_end(&out);
}

/* A decimal number with an optional suffix k, M or G; false if it is none. */
static bool parse_number(const char *text, uint64_t *value)
{
	*value = 0;
	if (*text < '0' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9'; text++) {
		if (*value > UINT64_MAX / 10 - 1)
			return false;
		*value = *value * 10 + (uint64_t)(*text - '0');
	}
	if (*text == 'k' || *text == 'M' || *text == 'G') {
		unsigned int shift = *text == 'k' ? 10 : *text == 'M' ? 20 : 30;

		if (*value > UINT64_MAX >> shift)
			return false;
		*value <<= shift;
		text++;
	}
	return *text == '\0';
}

static bool parse_bounded(const char *text, uint64_t min, uint64_t max, unsigned int *value)
{
	uint64_t number;

	if (!parse_number(text, &number) || number < min || number > max)
		return false;
	*value = (unsigned int)number;
	return true;
}

static bool parse_pages(const char *text, enum env_pages *pages)
{
	if (same_text(text, "4k"))
		*pages = ENV_PAGES_4K;
	else if (same_text(text, "thp"))
		*pages = ENV_PAGES_THP;
	else if (same_text(text, "2m"))
		*pages = ENV_PAGES_2M;
	else
		return false;
	return true;
}

/* The value of `word` if it is "key=value". */
static const char *value_of(const char *word, const char *key)
{
	while (*key)
		if (*word++ != *key++)
			return NULL;
	return *word == '=' ? word + 1 : NULL;
}

/* False if the word is no option, or its value is wrong. */
static bool parse_option(const struct env *env, const char *word, struct options *options)
{
	const char *value;

	if ((value = value_of(word, "samples")))
		return parse_bounded(value, 1, 100000, &options->samples);
	if ((value = value_of(word, "min_ms")))
		return parse_bounded(value, 1, 60000, &options->min_ms);
	if ((value = value_of(word, "iterations")))
		return parse_bounded(value, 0, 1000000, &options->iterations);
	if ((value = value_of(word, "seconds")))
		return parse_bounded(value, 0, 3600, &options->seconds);
	if ((value = value_of(word, "cpus")))
		return parse_bounded(value, 1, env->nr_cpus, &options->cpus);
	if ((value = value_of(word, "pages")))
		return parse_pages(value, &options->pages);
	if ((value = value_of(word, "size")))
		return parse_number(value, &options->size);
	if ((value = value_of(word, "file")))
		options->file = value;
	else if ((value = value_of(word, "peer")))
		options->peer = value;
	else if ((value = value_of(word, "address")))
		options->address = value;
	else if ((value = value_of(word, "pin")))
		options->pin = same_text(value, "on");
	else /* those of another VMM's machine */
		return value_of(word, "virtio_mmio.device") != NULL;
	return true;
}

static bool is_option(const char *word)
{
	for (; *word; word++)
		if (*word == '=')
			return true;
	return false;
}

static int list(struct env *env)
{
	for (unsigned int i = 0; bench_list[i]; i++) {
		struct out out;

		out_begin(&out, env, NULL);
		out_string(&out, "bench", bench_list[i]->name);
		out_string(&out, "unit", bench_list[i]->unit);
		out_string(&out, "better", bench_list[i]->higher ? "higher" : "lower");
		out_string(&out, "text", bench_list[i]->text);
		out_end(&out);
	}
	return 0;
}

static bool is_known(const char *pattern)
{
	for (unsigned int i = 0; bench_list[i]; i++)
		if (matches(pattern, bench_list[i]->name))
			return true;
	return false;
}

static int parse_words(struct env *env, char **word, struct options *options)
{
	for (; *word; word++) {
		if (!is_option(*word)) {
			if (is_known(*word))
				continue;
			print_problem(env, "unknown benchmark; `list` names them: ", *word);
			return 2;
		}
		if (!parse_option(env, *word, options)) {
			print_problem(env, "unknown option, or a value out of range: ", *word);
			return 2;
		}
	}
	env->pin = options->pin;
	return 0;
}

static bool run_all(struct env *env, char **word, const struct options *options)
{
	bool ok = true;

	for (; *word; word++)
		for (unsigned int i = 0; !is_option(*word) && bench_list[i]; i++)
			if (matches(*word, bench_list[i]->name))
				ok = bench_run(env, options, bench_list[i]) && ok;
	return ok;
}

static int run(struct env *env, char **word)
{
	struct options options = {
		.samples = 10, .min_ms = 20, .cpus = 1, .pages = ENV_PAGES_DEFAULT};
	struct out out;
	bool ok;

	if (parse_words(env, word, &options) != 0)
		return 2;
	env->tsc_hz = env->ops->measure_tsc(env);
	out_begin(&out, env, "begin");
	out_string(&out, "env", env->name);
	out_integer(&out, "cpus", env->nr_cpus);
	out_integer(&out, "tsc_hz", env->tsc_hz);
	out_end(&out);
	ok = run_all(env, word, &options);
	out_begin(&out, env, "end");
	out_end(&out);
	return ok ? 0 : 1;
}

/*
 * Does nothing, while tinybench measures from outside what that costs. Only "begin" is printed,
 * because the time from start to end is among that, and a serial port takes its time for each byte.
 */
static int idle(struct env *env, char **word)
{
	struct options options = {.seconds = 10};
	const char *reason;
	struct out out;

	if (parse_words(env, word, &options) != 0)
		return 2;
	out_begin(&out, env, "begin");
	out_end(&out);
	reason = options.seconds ? env->ops->sleep(env, options.seconds) : NULL;
	if (reason)
		print_problem(env, reason, "");
	return reason ? 1 : 0;
}

/* The peer of the net benchmarks; not in a payload, which brings no sockets. */
static int serve(struct env *env, char **word)
{
	struct options options = {0};
	const char *reason = "a payload cannot serve";

	if (parse_words(env, word, &options) != 0)
		return 2;
	if (!env->payload)
		reason = net_serve(env, &options);
	print_problem(env, reason, "");
	return 2;
}

static struct payload_info *find_payload(char **envp)
{
	const Elf64_auxv_t *aux;

	while (*envp)
		envp++;
	for (aux = (const void *)(envp + 1); aux->a_type != AT_NULL; aux++)
		if (aux->a_type == AT_TINYVMM)
			return (struct payload_info *)aux->a_un.a_val;
	return NULL;
}

/* `stack` is as the program found it: argc, argv, NULL, environment, NULL, auxiliary vector. */
_Noreturn void bench_main(uintptr_t *stack)
{
	uintptr_t argc = stack[0];
	char **argv = (char **)&stack[1];
	struct payload_info *payload = find_payload(&argv[argc + 1]);
	struct env env = {0};
	int status = 2;

	if (payload)
		env_payload_init(&env, payload);
	else
		env_linux_init(&env);
	if (argc >= 3 && same_text(argv[1], "run"))
		status = run(&env, &argv[2]);
	else if (argc >= 2 && same_text(argv[1], "serve"))
		status = serve(&env, &argv[2]);
	else if (argc >= 2 && same_text(argv[1], "idle"))
		status = idle(&env, &argv[2]);
	else if (argc == 2 && same_text(argv[1], "list"))
		status = list(&env);
	else
		print_problem(&env,
			      "usage: bench list | bench run NAME... [key=value...] | "
			      "bench serve address=IP:PORT | bench idle [seconds=N]",
			      "");
	env.ops->exit(&env, status);
	__builtin_unreachable();
}
