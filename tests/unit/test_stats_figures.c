/* SPDX-License-Identifier: MIT */
/*
 * The statistics of a comparison to the last digit, beside what test_stats.c says of them; against
 * figures from elsewhere: quantiles by hand, t and tails
 * from tables, and bootstrap intervals from a second program that does what stats.h says.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "guest/tinybench/data/stats.h"
#include "vmm/core/array.h"

static void assert_near(double value, double expected, double tolerance)
{
	if (!(fabs(value - expected) <= tolerance))
		fail_msg("%.12g instead of %.12g", value, expected);
}

static void a_quantile_lies_between_neighbours_and_changes_no_order(void **state)
{
	static const struct {
		size_t nr;
		double p, quantile;
	} cases[] = {
		{0, 0.5, 0},	{1, 0, 8},     {1, 0.5, 8},    {1, 1, 8},     {2, 0, 1},
		{2, 0.5, 4.5},	{2, 1, 8},     {3, 0.5, 2},    {4, 0, 1},     {4, 0.25, 1.75},
		{4, 1 / 3., 2}, {4, 0.5, 2.5}, {4, 2 / 3., 3}, {4, 0.9, 6.5}, {4, 1, 8},
	};
	double values[] = {8, 1, 2, 3};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++)
		assert_near(stats_quantile(values, cases[i].nr, cases[i].p), cases[i].quantile,
			    1e-12);
	assert_true(values[0] == 8 && values[1] == 1 && values[2] == 2 && values[3] == 3);
	assert_near(stats_median(values, 4), 2.5, 0);
}

/* The last digits of the tables; from 31 degrees on, of the series that takes their place. */
static void t_is_that_of_the_tables(void **state)
{
	static const struct {
		size_t degrees;
		double t;
	} cases[] = {{1, 12.7062047},  {2, 4.3026527},	 {5, 2.5705818},  {9, 2.2621572},
		     {15, 2.1314495},  {20, 2.0859634},	 {29, 2.0452296}, {30, 2.0422725},
		     {31, 2.0395134},  {35, 2.0301079},	 {40, 2.0210754}, {60, 2.0002978},
		     {120, 1.9799304}, {1000, 1.9623391}};

	(void)state;
	assert_true(isinf(stats_t975(0)) && stats_t975(0) > 0);
	for (size_t i = 0; i < NR_OF(cases); i++)
		assert_near(stats_t975(cases[i].degrees), cases[i].t,
			    cases[i].degrees <= 30 ? 1e-6 : 3e-6);
	/* Abramowitz and Stegun 26.7.5, whose series is cut there, in decimal arithmetic. */
	assert_near(stats_t975(31), 2.03951169891971073, 1e-14);
	assert_near(stats_t975(40), 2.02107476208359762, 1e-14);
	for (size_t degrees = 1; degrees < 40; degrees++)
		assert_true(stats_t975(degrees) > stats_t975(degrees + 1));
}

/* Phi(-sqrt(n / (n - 1)) t(0.975, n - 1)), by a table of the normal distribution. */
static void the_tail_of_few_values_is_thinner(void **state)
{
	static const struct {
		size_t nr;
		double tail;
	} cases[] = {{3, 6.834124989e-08}, {6, 0.002431801812}, {10, 0.008550643012}};

	(void)state;
	assert_true(stats_tail(0) == 0 && stats_tail(1) == 0);
	assert_true(stats_tail(2) > 0 && stats_tail(2) < 1e-60);
	for (size_t i = 0; i < NR_OF(cases); i++)
		assert_near(stats_tail(cases[i].nr), cases[i].tail, 1e-9 * cases[i].tail + 1e-15);
	assert_near(stats_tail(100000), 0.025, 1e-5);
}

static void assert_estimate(const double *values, size_t nr, uint64_t seed,
			    const struct estimate *expected)
{
	struct estimate estimate;

	stats_estimate(values, nr, seed, &estimate);
	assert_int_equal(estimate.nr, nr);
	assert_near(estimate.median, expected->median, 1e-12);
	assert_near(estimate.lo, expected->lo, 1e-12);
	assert_near(estimate.hi, expected->hi, 1e-12);
	assert_near(estimate.std_error, expected->std_error, 1e-12);
	assert_near(estimate.detectable, expected->detectable, 1e-11);
}

/* By a program in another language: SplitMix64, 4000 resamples, the cut at the tail. */
static void an_interval_is_that_of_the_bootstrap_with_this_seed(void **state)
{
	static const double nine[] = {3, 2, 5, 4, 1.5, 2.5, 3.5, 8, 6};
	static const double six[] = {1.01, 1.07, 0.99, 1.2, 1.03, 1.05};

	(void)state;
	assert_estimate(nine, 9, 7,
			&(struct estimate){.median = 3.5,
					   .lo = 2,
					   .hi = 6,
					   .std_error = 0.8640819749392273,
					   .detectable = 3.2272297376564723});
	assert_estimate(six, 6, 1,
			&(struct estimate){.median = 1.04,
					   .lo = 0.99,
					   .hi = 1.2,
					   .std_error = 0.030568210266054354,
					   .detectable = 0.1857268548322328});
}

/* Seeds with which the median beside the cut, on one of its sides, is another one. */
static void an_interval_ends_at_the_cut_and_not_beside_it(void **state)
{
	static const double twenty[] = {1.03,  2.17,  3.31,  4.07,  5.23,  6.37,  7.11,
					8.29,  9.41,  10.13, 11.27, 12.43, 13.19, 14.33,
					15.47, 16.01, 17.21, 18.39, 19.49, 20.05};
	static const struct {
		uint64_t seed;
		struct estimate expected;
	} cases[] = {
		{1, {.hi = 15.47, .std_error = 2.111812257007245, .detectable = 6.547346036816839}},
		{19,
		 {.hi = 15.47, .std_error = 2.082696419977763, .detectable = 6.522841530139579}},
		{47,
		 {.hi = 15.47, .std_error = 2.143264718521054, .detectable = 6.573817096274996}},
		{54,
		 {.hi = 15.17, .std_error = 2.091415567060627, .detectable = 6.230179749463163}},
		{125,
		 {.hi = 15.47, .std_error = 2.0868718817797363, .detectable = 6.526355687452092}},
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct estimate expected = cases[i].expected;

		expected.median = 10.7;
		expected.lo = 6.37;
		assert_estimate(twenty, 20, cases[i].seed, &expected);
	}
}

static void ratios_are_estimated_pair_by_pair(void **state)
{
	static const double values[] = {10, 22, 31, 44, 47, 66, 70},
			    base[] = {10, 20, 30, 40, 50, 60, 80};
	struct estimate ratio;

	(void)state;
	stats_estimate_ratio(values, base, 7, 42, &ratio);
	assert_int_equal(ratio.nr, 7);
	assert_near(ratio.median, 31 / 30., 1e-12);
	assert_near(ratio.lo, 0.875, 1e-12);
	assert_near(ratio.hi, 1.1, 1e-12);
	assert_near(ratio.std_error, 0.053317214197, 1e-10);
}

/* With five, nothing may be claimed, and so nothing could have been detected. */
static void few_values_have_an_interval_and_no_power(void **state)
{
	static const double values[] = {5, 5, 5, 5, 5, 5};
	struct estimate estimate;

	(void)state;
	stats_estimate(values, 0, 1, &estimate);
	assert_true(estimate.nr == 0 && estimate.median == 0 && isnan(estimate.detectable));
	stats_estimate(values, 1, 1, &estimate);
	assert_true(estimate.lo == 5 && estimate.median == 5 && estimate.hi == 5);
	assert_true(estimate.std_error == 0);
	stats_estimate(values, STATS_MIN_VALUES - 1, 1, &estimate);
	assert_true(isnan(estimate.detectable));
	stats_estimate(values, STATS_MIN_VALUES, 1, &estimate);
	assert_true(estimate.detectable == 0 && estimate.std_error == 0);
}

/* Both sides of each limit: an interval that ends at 1.0 contains it. */
static void a_difference_is_claimed_beyond_1_and_from_six_rounds_on(void **state)
{
	static const struct {
		size_t nr;
		double lo, hi;
		enum verdict verdict;
	} cases[] = {
		{5, 1.1, 1.2, VERDICT_TOO_FEW},	    {6, 1.1, 1.2, VERDICT_HIGHER},
		{7, 1.1, 1.2, VERDICT_HIGHER},	    {6, 1.0000001, 1.2, VERDICT_HIGHER},
		{6, 1, 1.2, VERDICT_SAME},	    {6, 1, 1, VERDICT_SAME},
		{6, 0.9, 1.1, VERDICT_SAME},	    {6, 0.9, 1, VERDICT_SAME},
		{6, 0.9, 0.9999999, VERDICT_LOWER}, {6, 0.8, 0.9, VERDICT_LOWER},
		{5, 0.8, 0.9, VERDICT_TOO_FEW},	    {0, 0, 0, VERDICT_TOO_FEW},
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct estimate ratio = {
			.nr = cases[i].nr, .median = 1, .lo = cases[i].lo, .hi = cases[i].hi};

		assert_int_equal(stats_verdict(&ratio), cases[i].verdict);
	}
}

static void medians_of_other_rounds_are_wider_apart_than_either(void **state)
{
	struct estimate before = {.nr = 12, .median = 100, .std_error = 1};
	struct estimate after = {.nr = 10, .median = 110, .std_error = 2.2}, ratio;
	/* 1.1 * sqrt(0.01^2 + 0.02^2), and t of the fewer rounds */
	double std_error = 1.1 * 0.0223606797749979;

	(void)state;
	stats_estimate_unpaired(&before, &after, &ratio);
	assert_int_equal(ratio.nr, 10);
	assert_near(ratio.median, 1.1, 1e-12);
	assert_near(ratio.std_error, std_error, 1e-12);
	assert_near(ratio.lo, 1.1 - 2.262157 * std_error, 1e-9);
	assert_near(ratio.hi, 1.1 + 2.262157 * std_error, 1e-9);
	assert_near(ratio.detectable, (2.262157 + 0.841621) * std_error, 1e-6);
	before.nr = 5; /* the fewer, on the other side: and too few for a claim */
	stats_estimate_unpaired(&before, &after, &ratio);
	assert_int_equal(ratio.nr, 5);
	assert_near(ratio.hi, 1.1 + 2.776445 * std_error, 1e-9);
	assert_true(isnan(ratio.detectable));
	before.nr = 6;
	stats_estimate_unpaired(&before, &after, &ratio);
	assert_near(ratio.detectable, (2.570582 + 0.841621) * std_error, 1e-6);
}

static void there_is_no_unpaired_ratio_without_both_sides_or_to_nothing(void **state)
{
	static const struct {
		size_t nr_before, nr_after;
		double before;
	} cases[] = {{0, 6, 100}, {6, 0, 100}, {6, 6, 0}};
	struct estimate ratio;

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct estimate before = {.nr = cases[i].nr_before, .median = cases[i].before};
		struct estimate after = {.nr = cases[i].nr_after, .median = 1};

		stats_estimate_unpaired(&before, &after, &ratio);
		assert_true(ratio.nr == 0 && ratio.median == 0 && isnan(ratio.detectable));
	}
	/* A base below 1 is one. */
	stats_estimate_unpaired(&(struct estimate){.nr = 6, .median = 0.5},
				&(struct estimate){.nr = 6, .median = 0.25}, &ratio);
	assert_true(ratio.nr == 6 && ratio.median == 0.5);
	/* From one round each there is a ratio and no interval; 0 after 100 is 0. */
	stats_estimate_unpaired(&(struct estimate){.nr = 1, .median = 100, .std_error = 3},
				&(struct estimate){.nr = 1, .median = 0, .std_error = 3}, &ratio);
	assert_true(ratio.nr == 1 && ratio.median == 0 && ratio.lo == 0 && ratio.hi == 0);
	stats_estimate_unpaired(&(struct estimate){.nr = 2, .median = 100, .std_error = 3},
				&(struct estimate){.nr = 2, .median = 100}, &ratio);
	assert_near(ratio.hi, 1 + 12.706205 * 0.03, 1e-9);
	/* What was measured as 0, and not exactly, is not exactly 0 of the other. */
	stats_estimate_unpaired(&(struct estimate){.nr = 2, .median = 100, .std_error = 9},
				&(struct estimate){.nr = 2, .median = 0, .std_error = 3}, &ratio);
	assert_near(ratio.hi, 12.706205 * 0.03, 1e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quantile_lies_between_neighbours_and_changes_no_order),
		cmocka_unit_test(t_is_that_of_the_tables),
		cmocka_unit_test(the_tail_of_few_values_is_thinner),
		cmocka_unit_test(an_interval_is_that_of_the_bootstrap_with_this_seed),
		cmocka_unit_test(an_interval_ends_at_the_cut_and_not_beside_it),
		cmocka_unit_test(ratios_are_estimated_pair_by_pair),
		cmocka_unit_test(few_values_have_an_interval_and_no_power),
		cmocka_unit_test(a_difference_is_claimed_beyond_1_and_from_six_rounds_on),
		cmocka_unit_test(medians_of_other_rounds_are_wider_apart_than_either),
		cmocka_unit_test(there_is_no_unpaired_ratio_without_both_sides_or_to_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
