/* SPDX-License-Identifier: MIT */
/*
 * cpu.compress: zlib's deflate at its default level over text made of words whose frequencies fall
 * like those of a language (Zipf), the same in every run.
 */
#define ZLIB_CONST
#include <zlib.h>

#include "guest/bench/bench.h"
#include "guest/bench/out.h"

#define INPUT_BYTES  (1u << 20)
#define OUTPUT_BYTES (INPUT_BYTES + INPUT_BYTES / 100 + 1024)
#define POOL_BYTES   (512u << 10)
#define WORDS	     4096u
#define WORD_BYTES   12u
#define SEED	     20150815u

struct state {
	uint8_t input[INPUT_BYTES];
	uint8_t output[OUTPUT_BYTES];
	uint8_t again[INPUT_BYTES]; /* the output, inflated */
	uint8_t pool[POOL_BYTES] __attribute__((aligned(64)));
	size_t pool_used, output_bytes;
	bool failed;
};

/* zlib refers to these, but uses the hooks below. */
void *malloc(size_t size);
void free(void *at);
_Noreturn void __stack_chk_fail(void);

void *malloc(size_t size)
{
	(void)size;
	return NULL;
}

void free(void *at)
{
	(void)at;
}

_Noreturn void __stack_chk_fail(void)
{
	__builtin_trap();
}

static voidpf pool_alloc(voidpf opaque, uInt items, uInt size)
{
	struct state *state = opaque;
	size_t bytes = ((size_t)items * size + 63) & ~(size_t)63;
	void *at = state->pool + state->pool_used;

	if (bytes > POOL_BYTES - state->pool_used)
		return NULL;
	state->pool_used += bytes;
	return at;
}

static void pool_free(voidpf opaque, voidpf at)
{
	(void)opaque;
	(void)at;
}

/* A word of 2 to 11 letters, always the same one for a number. */
static unsigned int put_word(uint8_t *to, uint64_t number)
{
	uint64_t random = number + SEED;
	unsigned int len = 2 + (unsigned int)(bench_random(&random) >> 32) % (WORD_BYTES - 2);

	for (unsigned int i = 0; i < len; i++)
		to[i] = (uint8_t)('a' + (bench_random(&random) >> 32) % 26);
	to[len] = ' ';
	return len + 1;
}

static void make_text(uint8_t *input)
{
	uint64_t random = SEED;
	unsigned int at = 0;

	while (at + WORD_BYTES < INPUT_BYTES) {
		/* Uniform in the exponent, so about 1/rank in frequency. */
		unsigned int bits = (unsigned int)(bench_random(&random) >> 32) % 13;
		uint64_t rank = (bench_random(&random) >> 32) % WORDS & ((1u << bits) - 1);

		at += put_word(input + at, rank);
	}
	while (at < INPUT_BYTES)
		input[at++] = ' ';
}

static const char *setup(struct run *run, unsigned int cpu)
{
	const char *reason = NULL;
	struct state *state = bench_alloc(run, sizeof(*state), &reason);

	if (!state)
		return reason;
	make_text(state->input);
	state->failed = false;
	run->state[cpu] = state;
	return NULL;
}

static z_stream open_stream(struct state *state)
{
	state->pool_used = 0;
	return (z_stream){.zalloc = pool_alloc, .zfree = pool_free, .opaque = state};
}

static void compress_once(struct state *state)
{
	z_stream stream = open_stream(state);

	if (deflateInit(&stream, Z_DEFAULT_COMPRESSION) != Z_OK) {
		state->failed = true;
		return;
	}
	stream.next_in = state->input;
	stream.avail_in = INPUT_BYTES;
	stream.next_out = state->output;
	stream.avail_out = OUTPUT_BYTES;
	if (deflate(&stream, Z_FINISH) != Z_STREAM_END)
		state->failed = true;
	state->output_bytes = stream.total_out;
	deflateEnd(&stream);
}

static void pass(struct run *run, struct pass *pass)
{
	(void)run;
	for (uint64_t i = 0; i < pass->iterations; i++)
		compress_once(pass->state);
	pass->work = (double)pass->iterations * INPUT_BYTES;
}

static const char *check(struct run *run, unsigned int cpu, char *text)
{
	struct state *state = run->state[cpu];
	z_stream stream = open_stream(state);

	if (state->failed || inflateInit(&stream) != Z_OK)
		return "deflate failed";
	stream.next_in = state->output;
	stream.avail_in = (uInt)state->output_bytes;
	stream.next_out = state->again;
	stream.avail_out = INPUT_BYTES;
	if (inflate(&stream, Z_FINISH) != Z_STREAM_END || stream.total_out != INPUT_BYTES ||
	    __builtin_memcmp(state->input, state->again, INPUT_BYTES) != 0)
		return "what was compressed does not inflate to what it was";
	text = out_decimal(text, INPUT_BYTES);
	out_text(out_decimal(out_text(text, " bytes to "), state->output_bytes), " and back");
	return NULL;
}

const struct bench bench_cpu_compress = {
	.name = "cpu.compress",
	.unit = "MB/s",
	.text = "zlib's deflate, level 6, of 1 MiB of generated text; inflated again to check",
	.higher = true,
	.scale = 1e-6,
	.parallel = true,
	.setup = setup,
	.pass = pass,
	.check = check,
};
