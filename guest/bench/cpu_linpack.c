/* SPDX-License-Identifier: MIT */
/*
 * cpu.linpack: solves a dense system of linear equations by LU decomposition with partial pivoting,
 * in double precision, column by column as LINPACK's dgefa and dgesl do (Dongarra et al., "LINPACK
 * Users' Guide", 1979). One CPU solves one system; several solve one each.
 */
#include "guest/bench/bench.h"
#include "guest/bench/out.h"

#define N	500u
#define SEED	1325u
#define EPSILON 2.220446049250313e-16
/* HPL's threshold for its scaled residual (Petitet et al., "HPL", 2004). */
#define RESIDUAL_MAX 16.0

struct state {
	double original[N][N]; /* by columns: [column][row] */
	double a[N][N];
	double b[N], x[N];
	unsigned int pivot[N];
};

static double magnitude(double value)
{
	return value < 0 ? -value : value;
}

static const char *setup(struct run *run, unsigned int cpu)
{
	const char *reason = NULL;
	struct state *state = bench_alloc(run, sizeof(*state), &reason);
	uint64_t random = SEED;

	if (!state)
		return reason;
	for (unsigned int row = 0; row < N; row++)
		state->b[row] = 0;
	/* In [-0.5, 0.5); the right side makes the solution all ones. */
	for (unsigned int col = 0; col < N; col++)
		for (unsigned int row = 0; row < N; row++) {
			double value = (double)(bench_random(&random) >> 11) * 0x1p-53 - 0.5;

			state->original[col][row] = value;
			state->b[row] += value;
		}
	run->state[cpu] = state;
	return NULL;
}

/* y += factor * x, over `n` elements: where the time goes. */
static void add_scaled(double *restrict y, const double *restrict x, double factor, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		y[i] += factor * x[i];
}

static void swap(double *a, double *b)
{
	double t = *a;

	*a = *b;
	*b = t;
}

static void factor(struct state *state)
{
	for (unsigned int k = 0; k < N; k++) {
		double *column = state->a[k];
		unsigned int pivot = k;

		for (unsigned int i = k + 1; i < N; i++)
			if (magnitude(column[i]) > magnitude(column[pivot]))
				pivot = i;
		state->pivot[k] = pivot;
		swap(&column[k], &column[pivot]);
		for (unsigned int i = k + 1; i < N; i++)
			column[i] /= -column[k];
		for (unsigned int j = k + 1; j < N; j++) {
			double *other = state->a[j];

			swap(&other[k], &other[pivot]);
			add_scaled(other + k + 1, column + k + 1, other[k], N - k - 1);
		}
	}
}

static void solve(struct state *state)
{
	double *x = state->x;

	for (unsigned int i = 0; i < N; i++)
		x[i] = state->b[i];
	for (unsigned int k = 0; k < N; k++) {
		swap(&x[k], &x[state->pivot[k]]);
		add_scaled(x + k + 1, state->a[k] + k + 1, x[k], N - k - 1);
	}
	for (unsigned int k = N; k-- > 0;) {
		x[k] /= state->a[k][k];
		add_scaled(x, state->a[k], -x[k], k);
	}
}

static void pass(struct run *run, struct pass *pass)
{
	struct state *state = pass->state;
	const double n = N;

	(void)run;
	for (uint64_t i = 0; i < pass->iterations; i++) {
		uint64_t start;

		__builtin_memcpy(state->a, state->original, sizeof(state->a));
		start = env_ticks();
		factor(state);
		solve(state);
		pass->ticks += env_ticks() - start;
	}
	pass->work = (double)pass->iterations * (2.0 / 3.0 * n * n * n + 2.0 * n * n);
}

/* HPL's: |Ax - b| / (epsilon * (|A| * |x| + |b|) * N), in the norm of the greatest row sum. */
static double scaled_residual(const struct state *state)
{
	double worst = 0, norm_a = 0, norm_x = 0, norm_b = 0;

	for (unsigned int row = 0; row < N; row++) {
		double sum = -state->b[row], row_norm = 0;

		for (unsigned int col = 0; col < N; col++) {
			sum += state->original[col][row] * state->x[col];
			row_norm += magnitude(state->original[col][row]);
		}
		worst = magnitude(sum) > worst ? magnitude(sum) : worst;
		norm_a = row_norm > norm_a ? row_norm : norm_a;
		norm_x = magnitude(state->x[row]) > norm_x ? magnitude(state->x[row]) : norm_x;
		norm_b = magnitude(state->b[row]) > norm_b ? magnitude(state->b[row]) : norm_b;
	}
	return worst / (EPSILON * (norm_a * norm_x + norm_b) * N);
}

static const char *check(struct run *run, unsigned int cpu, char *text)
{
	double residual = scaled_residual(run->state[cpu]);

	out_decimal_fraction(out_text(text, "scaled residual "), residual);
	/* Written so that not-a-number fails. */
	return residual < RESIDUAL_MAX ? NULL : "the scaled residual is too large";
}

const struct bench bench_cpu_linpack = {
	.name = "cpu.linpack",
	.unit = "GFLOPS",
	.text = "LU decomposition of a dense 500 x 500 system with partial pivoting, in double "
		"precision",
	.higher = true,
	.scale = 1e-9,
	.parallel = true,
	.setup = setup,
	.pass = pass,
	.check = check,
};
