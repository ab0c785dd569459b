/* SPDX-License-Identifier: MIT */
/*
 * The statistics of a comparison. One number a round goes in (the median of its samples): rounds
 * are independent, samples of one process are not, for they share its page layout and its moment.
 *
 * Intervals are percentile bootstrap intervals of the median with Hesterberg's expansion ("What
 * Teachers Should Know About the Bootstrap", The American Statistician 69(4), 2015, section 4.3):
 * plain percentile intervals are too narrow for few values, so the tail probability
 * Phi(-sqrt(n / (n - 1)) t(0.975, n - 1)) is used in place of 0.025.
 */
#ifndef GUEST_TINYBENCH_DATA_STATS_H
#define GUEST_TINYBENCH_DATA_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * With fewer values not even [minimum, maximum] holds the true median with 95 % (it does with
 * 1 - 2^(1-n)), so no difference may be claimed.
 */
#define STATS_MIN_VALUES 6

#define STATS_RESAMPLES 4000

#define STATS_Z_POWER_80 0.8416212335729143 /* Phi(z) = 0.8 */

struct estimate {
	size_t nr;     /* values that went in; everything else is meaningless if it is 0 */
	double median; /* of the values */
	double lo, hi; /* its 95 % interval; equal to the median if nr is 1 */
	double std_error;
	/*
	 * The smallest true difference that would have been seen with a probability of 80 %, in
	 * the unit of the values: the wider half of the interval, since that is what has to lie
	 * beyond 1.0, and z(0.8) standard errors. NAN if nr is below STATS_MIN_VALUES.
	 */
	double detectable;
};

/* 0 for no values; reorders nothing. */
double stats_median(const double *values, size_t nr);

/* The p-quantile, 0 <= p <= 1, between neighbours linearly (type 7 of Hyndman and Fan). */
double stats_quantile(const double *values, size_t nr, double p);

/* t(0.975, degrees): the two-sided 95 % point of Student's distribution. */
double stats_t975(size_t degrees);

/* The tail probability that the interval of `nr` values is cut at. */
double stats_tail(size_t nr);

void stats_estimate(const double *values, size_t nr, uint64_t seed, struct estimate *estimate);

/* The same for the ratios values[i] / base[i] of paired rounds. */
void stats_estimate_ratio(const double *values, const double *base, size_t nr, uint64_t seed,
			  struct estimate *estimate);

/*
 * The ratio of two medians that were not measured in the same rounds: its interval from the two
 * standard errors (delta method), so wider than one of paired rounds. nr is the smaller of both;
 * 0, and no ratio, where there is no `before` above 0.
 */
void stats_estimate_unpaired(const struct estimate *before, const struct estimate *after,
			     struct estimate *ratio);

enum verdict {
	VERDICT_TOO_FEW, /* rounds, to say anything */
	VERDICT_SAME,	 /* no difference seen: the interval spans 1.0 */
	VERDICT_HIGHER,
	VERDICT_LOWER,
};

/* What an estimated ratio allows to say. */
enum verdict stats_verdict(const struct estimate *ratio);

#endif
