/* SPDX-License-Identifier: MIT */
/*
 * The statistics of tinybench against values that were computed independently of it. Where a number
 * does not follow by hand, the comment beside it has the Python 3 program that printed it.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guest/tinybench/base/prng.h"
#include "guest/tinybench/data/stats.h"
#include "vmm/core/array.h"

static void assert_near(double value, double expected, double tolerance)
{
	if (fabs(value - expected) > tolerance)
		fail_msg("%.12g, expected %.12g +- %g", value, expected, tolerance);
}

/* ---- random numbers ---- */

/* The first outputs for seed 1234567, as published with the reference code of SplitMix64. */
static void prng_is_splitmix64(void **state)
{
	static const uint64_t expected[] = {6457827717110365317u, 3203168211198807973u,
					    9817491932198370423u, 4593380528125082431u,
					    16408922859458223821u};
	struct prng prng = {1234567};
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(expected); i++)
		assert_true(prng_next(&prng) == expected[i]);
}

static void prng_below_stays_below_and_reaches_all(void **state)
{
	unsigned int seen[7] = {0};
	struct prng prng = {1};
	size_t i;

	(void)state;
	for (i = 0; i < 7000; i++)
		seen[prng_below(&prng, 7)]++;
	for (i = 0; i < NR_OF(seen); i++)
		assert_in_range(seen[i], 850, 1150); /* 1000 +- 5 standard deviations */
}

static void shuffle_is_a_permutation_that_the_seed_repeats(void **state)
{
	struct prng first = {42}, second = {42};
	size_t a[50], b[50], i;
	bool seen[50] = {false}, moved = false;

	(void)state;
	prng_shuffle(&first, a, NR_OF(a));
	prng_shuffle(&second, b, NR_OF(b));
	assert_memory_equal(a, b, sizeof(a));
	for (i = 0; i < NR_OF(a); i++) {
		assert_true(a[i] < NR_OF(a) && !seen[a[i]]);
		seen[a[i]] = true;
		moved = moved || a[i] != i;
	}
	assert_true(moved);
}

/* ---- medians and quantiles ---- */

static void median_of_odd_even_one_and_none(void **state)
{
	static const double odd[] = {9, 1, 5}, even[] = {4, 1, 3, 2};

	(void)state;
	assert_near(stats_median(odd, 3), 5, 0);
	assert_near(stats_median(even, 4), 2.5, 0);
	assert_near(stats_median(odd, 1), 9, 0);
	assert_near(stats_median(odd, 0), 0, 0);
	assert_near(odd[0], 9, 0); /* the values stay in their order */
}

/*
 * Type 7, which is R's default and Python's "inclusive":
 * import statistics as s; print(s.quantiles([15, 20, 35, 40, 50, 61, 90], n=20,
 * method="inclusive")) prints 16.5 for 0.05, 27.5 for 0.25, 55.5 for 0.75 and 81.3 for 0.95.
 */
static void quantile_is_hyndman_and_fan_type_7(void **state)
{
	static const double values[] = {90, 15, 61, 20, 50, 35, 40};

	(void)state;
	assert_near(stats_quantile(values, 7, 0), 15, 0);
	assert_near(stats_quantile(values, 7, 0.05), 16.5, 1e-9);
	assert_near(stats_quantile(values, 7, 0.25), 27.5, 1e-9);
	assert_near(stats_quantile(values, 7, 0.75), 55.5, 1e-9);
	assert_near(stats_quantile(values, 7, 0.95), 81.3, 1e-9);
	assert_near(stats_quantile(values, 7, 1), 90, 0);
}

/* ---- Student's t and the tail ---- */

/*
 * Student's distribution function by Simpson's rule, inverted by bisection:
 *
 *	from math import gamma, pi, sqrt
 *	def cdf(t, n, steps=200000):
 *	    f = lambda x: gamma((n+1)/2)/(sqrt(n*pi)*gamma(n/2))*(1+x*x/n)**(-(n+1)/2)
 *	    h = t/steps
 *	    return .5 + h/3*(f(0) + f(t) + sum((4 if i%2 else 2)*f(i*h) for i in range(1, steps)))
 *	def q(n):
 *	    lo, hi = 0, 20
 *	    for _ in range(60):
 *	        mid = (lo+hi)/2
 *	        lo, hi = (mid, hi) if cdf(mid, n, 2000) < .975 else (lo, mid)
 *	    return lo
 *	for n in 1, 5, 9, 19, 30, 31, 60, 120: print(n, round(q(n), 5))
 */
static void t_quantile_matches_numeric_integration(void **state)
{
	static const struct {
		size_t degrees;
		double t;
	} cases[] = {{1, 12.70620}, {5, 2.57058},  {9, 2.26216},  {19, 2.09302},
		     {30, 2.04227}, {31, 2.03951}, {60, 2.00030}, {120, 1.97993}};
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(cases); i++)
		assert_near(stats_t975(cases[i].degrees), cases[i].t, 1e-5);
}

/*
 * from statistics import NormalDist; from math import sqrt
 * for n, t in (5, 2.776445), (10, 2.262157), (20, 2.093024):
 *     print(n, NormalDist().cdf(-sqrt(n/(n-1))*t))
 */
static void tail_is_hesterbergs(void **state)
{
	(void)state;
	assert_near(stats_tail(5), 0.0009541009, 1e-7);
	assert_near(stats_tail(10), 0.0085506430, 1e-7);
	assert_near(stats_tail(20), 0.0158808321, 1e-7);
	assert_near(stats_tail(100000), 0.025, 1e-5); /* the plain percentile */
}

/* ---- bootstrap ---- */

static const double ten[] = {2.31, 2.44, 2.39, 2.36, 2.52, 2.40, 2.35, 2.41, 2.38, 2.47};

/*
 * The bootstrap distribution of the median of five values is known exactly: all 5^5 resamples.
 *
 *	from itertools import product; from statistics import median, pstdev
 *	m = sorted(median(r) for r in product([1, 2, 4, 7, 11], repeat=5))
 *	print(pstdev(m), m[int(.025*3125)], m[-1-int(.025*3125)])
 */
static void bootstrap_error_matches_all_resamples_of_five(void **state)
{
	static const double five[] = {7, 1, 11, 4, 2};
	struct estimate estimate;

	(void)state;
	stats_estimate(five, 5, 7, &estimate);
	assert_int_equal(estimate.nr, 5);
	assert_near(estimate.median, 4, 0);
	assert_near(estimate.std_error, 2.5479094489, 0.03 * 2.5479094489);
	/* The expanded tail of five is below 1/5^3: the interval is the range. */
	assert_near(estimate.lo, 1, 0);
	assert_near(estimate.hi, 11, 0);
}

/*
 * For ten values the median of a resample is the mean of its fifth and sixth smallest, whose joint
 * distribution is multinomial: `a` draws among the i smallest values, `b` among the next j - i.
 *
 *	from math import comb, sqrt
 *	v = sorted([2.31, 2.44, 2.39, 2.36, 2.52, 2.40, 2.35, 2.41, 2.38, 2.47]); n = 10
 *	def P(i, j): # fifth <= v[i-1] and sixth <= v[j-1]
 *	    if i < 1: return 0
 *	    i = min(i, j)
 *	    return sum(comb(n, a)*comb(n-a, b)*(i/n)**a*((j-i)/n)**b*(1-j/n)**(n-a-b)
 *	               for a in range(5, n+1) for b in range(n-a+1) if a+b >= 6)
 *	p = {}
 *	for i in range(1, n+1):
 *	    for j in range(i, n+1):
 *	        x = round((v[i-1]+v[j-1])/2, 6)
 *	        p[x] = p.get(x, 0) + P(i, j)-P(i-1, j)-P(i, j-1)+P(i-1, j-1)
 *	mean = sum(x*q for x, q in p.items())
 *	print(sqrt(sum(q*(x-mean)**2 for x, q in p.items())))
 *	tail = 0.0085506430
 *	for order in sorted(p), sorted(p, reverse=True):
 *	    print(next(x for k, x in enumerate(order) if sum(p[y] for y in order[:k+1]) > tail))
 */
static void bootstrap_interval_matches_exact_distribution_of_ten(void **state)
{
	struct estimate estimate;

	(void)state;
	stats_estimate(ten, NR_OF(ten), 99, &estimate);
	assert_near(estimate.median, 2.395, 1e-12);
	assert_near(estimate.lo, 2.355, 1e-9);
	assert_near(estimate.hi, 2.455, 1e-9);
	assert_near(estimate.std_error, 0.0202318239, 0.05 * 0.0202318239);
	/* The wider half of the interval, and z(0.8) standard errors. */
	assert_near(estimate.detectable, 0.06 + 0.841621 * estimate.std_error, 1e-6);
}

static void the_same_seed_gives_the_same_interval(void **state)
{
	struct estimate a, b;

	(void)state;
	stats_estimate(ten, NR_OF(ten), 5, &a);
	stats_estimate(ten, NR_OF(ten), 5, &b);
	assert_memory_equal(&a, &b, sizeof(a));
}

static void one_value_has_no_spread_and_none_no_estimate(void **state)
{
	struct estimate estimate;

	(void)state;
	stats_estimate(ten, 1, 1, &estimate);
	assert_near(estimate.lo, 2.31, 0);
	assert_near(estimate.hi, 2.31, 0);
	assert_true(isnan(estimate.detectable));
	stats_estimate(ten, 0, 1, &estimate);
	assert_int_equal(estimate.nr, 0);
}

/* 0.1 has no exact form, and its sum no exact mean. */
static void equal_values_have_no_spread_at_all(void **state)
{
	static const double equal[] = {0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1};
	struct estimate estimate;

	(void)state;
	stats_estimate(equal, NR_OF(equal), 1, &estimate);
	assert_true(estimate.lo == 0.1 && estimate.hi == 0.1);
	assert_true(estimate.std_error == 0 && estimate.detectable == 0);
}

/* ---- ratios and verdicts ---- */

/* Pairing takes out what both sides share: here a drift by a factor of three. */
static void paired_ratio_is_blind_to_drift(void **state)
{
	double base[12], twice[12];
	struct estimate ratio;
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(base); i++) {
		base[i] = 1 + (double)i / 6;
		twice[i] = 2 * base[i];
	}
	stats_estimate_ratio(twice, base, NR_OF(base), 1, &ratio);
	assert_near(ratio.median, 2, 1e-12);
	assert_near(ratio.lo, 2, 1e-12);
	assert_near(ratio.hi, 2, 1e-12);
	assert_int_equal(stats_verdict(&ratio), VERDICT_HIGHER);
}

static void verdict_needs_enough_rounds_and_an_interval_without_one(void **state)
{
	static const struct {
		struct estimate ratio;
		enum verdict verdict;
	} cases[] = {
		{{.nr = 5, .median = 2, .lo = 1.9, .hi = 2.1}, VERDICT_TOO_FEW},
		{{.nr = 6, .median = 2, .lo = 1.9, .hi = 2.1}, VERDICT_HIGHER},
		{{.nr = 6, .median = 0.5, .lo = 0.4, .hi = 0.6}, VERDICT_LOWER},
		{{.nr = 50, .median = 1.01, .lo = 0.99, .hi = 1.02}, VERDICT_SAME},
		{{.nr = 50, .median = 1.01, .lo = 1, .hi = 1.02}, VERDICT_SAME},
	};
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(cases); i++)
		assert_int_equal(stats_verdict(&cases[i].ratio), cases[i].verdict);
}

/*
 * The promise of `tinybench aa`: values that are all drawn alike are called different in at most 5
 * % of the comparisons. Skewed values as timings are, exp of a sum of uniform ones.
 */
static void equal_arms_are_called_different_in_at_most_5_percent(void **state)
{
	unsigned int comparisons = 400, flagged = 0, i;
	struct prng prng = {20261122};
	double a[10], b[10];
	struct estimate ratio;
	size_t j;

	(void)state;
	for (i = 0; i < comparisons; i++) {
		for (j = 0; j < NR_OF(a); j++) {
			a[j] = exp((double)prng_below(&prng, 1000) / 5000 +
				   (double)prng_below(&prng, 1000) / 5000);
			b[j] = exp((double)prng_below(&prng, 1000) / 5000 +
				   (double)prng_below(&prng, 1000) / 5000);
		}
		stats_estimate_ratio(a, b, NR_OF(a), i, &ratio);
		flagged += stats_verdict(&ratio) != VERDICT_SAME;
	}
	assert_in_range(flagged, 0, comparisons / 20);
}

/* The factor of one timing: skewed, as by what else runs. */
static double noise(struct prng *prng)
{
	double x = (double)prng_below(prng, 1000) / 1000, y = (double)prng_below(prng, 1000) / 1000;

	return exp(0.1 * (x + y * y));
}

/* Rounds of two arms of which one takes `factor` times as long. */
static void estimate_noisy(struct prng *prng, size_t nr, double factor, struct estimate *ratio)
{
	double a[20], b[20];
	size_t i;

	for (i = 0; i < nr; i++) {
		a[i] = factor * noise(prng);
		b[i] = noise(prng);
	}
	stats_estimate_ratio(a, b, nr, prng_next(prng), ratio);
}

/*
 * The promise of "no difference seen, down to X %": one of X % is seen in four cases of five. With
 * t(0.975) standard errors in place of the interval's own width it was in two or three.
 */
static void a_difference_of_what_is_detectable_is_seen_in_four_cases_of_five(void **state)
{
	static const size_t rounds[] = {6, 10, 20};
	unsigned int comparisons = 150, seen, c;
	struct prng prng = {20261123};
	struct estimate ratio;
	double detectable;
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(rounds); i++) {
		detectable = 0;
		for (c = 0; c < comparisons; c++) {
			estimate_noisy(&prng, rounds[i], 1, &ratio);
			detectable += ratio.detectable / comparisons;
		}
		seen = 0;
		for (c = 0; c < comparisons; c++) {
			estimate_noisy(&prng, rounds[i], 1 + detectable, &ratio);
			seen += stats_verdict(&ratio) == VERDICT_HIGHER;
		}
		assert_in_range(seen, comparisons * 4 / 5, comparisons);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prng_is_splitmix64),
		cmocka_unit_test(prng_below_stays_below_and_reaches_all),
		cmocka_unit_test(shuffle_is_a_permutation_that_the_seed_repeats),
		cmocka_unit_test(median_of_odd_even_one_and_none),
		cmocka_unit_test(quantile_is_hyndman_and_fan_type_7),
		cmocka_unit_test(t_quantile_matches_numeric_integration),
		cmocka_unit_test(tail_is_hesterbergs),
		cmocka_unit_test(bootstrap_error_matches_all_resamples_of_five),
		cmocka_unit_test(bootstrap_interval_matches_exact_distribution_of_ten),
		cmocka_unit_test(the_same_seed_gives_the_same_interval),
		cmocka_unit_test(one_value_has_no_spread_and_none_no_estimate),
		cmocka_unit_test(equal_values_have_no_spread_at_all),
		cmocka_unit_test(paired_ratio_is_blind_to_drift),
		cmocka_unit_test(verdict_needs_enough_rounds_and_an_interval_without_one),
		cmocka_unit_test(a_difference_of_what_is_detectable_is_seen_in_four_cases_of_five),
		cmocka_unit_test(equal_arms_are_called_different_in_at_most_5_percent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
