/* SPDX-License-Identifier: MIT */
/* Medians, bootstrap intervals and what they allow to say. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/prng.h"
#include "guest/tinybench/data/stats.h"
#include "vmm/core/array.h"

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double sorted_quantile(const double *sorted, size_t nr, double p)
{
	double place = p * (double)(nr - 1);
	size_t below = (size_t)place;

	if (below >= nr - 1)
		return sorted[nr - 1];
	return sorted[below] + (place - (double)below) * (sorted[below + 1] - sorted[below]);
}

double stats_quantile(const double *values, size_t nr, double p)
{
	double *sorted, quantile;

	if (nr == 0)
		return 0;
	sorted = xcalloc(nr, sizeof(*sorted));
	memcpy(sorted, values, nr * sizeof(*sorted));
	qsort(sorted, nr, sizeof(*sorted), compare_doubles);
	quantile = sorted_quantile(sorted, nr, p);
	free(sorted);
	return quantile;
}

double stats_median(const double *values, size_t nr)
{
	return stats_quantile(values, nr, 0.5);
}

double stats_t975(size_t degrees)
{
	static const double table[] = {12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912,
				       2.364624,  2.306004, 2.262157, 2.228139, 2.200985, 2.178813,
				       2.160369,  2.144787, 2.131450, 2.119905, 2.109816, 2.100922,
				       2.093024,  2.085963, 2.079614, 2.073873, 2.068658, 2.063899,
				       2.059539,  2.055529, 2.051831, 2.048407, 2.045230, 2.042272};
	double n = (double)degrees, z = 1.959963984540054, g1, g2, g3;

	if (degrees == 0)
		return INFINITY;
	if (degrees <= NR_OF(table))
		return table[degrees - 1];
	/* Abramowitz and Stegun 26.7.5; good to 5e-6 from 30 degrees on. */
	g1 = (pow(z, 3) + z) / 4;
	g2 = (5 * pow(z, 5) + 16 * pow(z, 3) + 3 * z) / 96;
	g3 = (3 * pow(z, 7) + 19 * pow(z, 5) + 17 * pow(z, 3) - 15 * z) / 384;
	return z + g1 / n + g2 / (n * n) + g3 / (n * n * n);
}

double stats_tail(size_t nr)
{
	double n = (double)nr, z;

	if (nr < 2)
		return 0;
	z = sqrt(n / (n - 1)) * stats_t975(nr - 1);
	return 0.5 * erfc(z / sqrt(2));
}

/* Medians of STATS_RESAMPLES resamples of the values, sorted. The caller frees them. */
static double *bootstrap_medians(const double *values, size_t nr, uint64_t seed)
{
	double *medians = xcalloc(STATS_RESAMPLES, sizeof(*medians));
	double *resample = xcalloc(nr, sizeof(*resample));
	struct prng prng = {seed};
	size_t i, j;

	for (i = 0; i < STATS_RESAMPLES; i++) {
		for (j = 0; j < nr; j++)
			resample[j] = values[prng_below(&prng, nr)];
		qsort(resample, nr, sizeof(*resample), compare_doubles);
		medians[i] = sorted_quantile(resample, nr, 0.5);
	}
	free(resample);
	qsort(medians, STATS_RESAMPLES, sizeof(*medians), compare_doubles);
	return medians;
}

static double standard_deviation(const double *values, size_t nr)
{
	double mean = values[0], squares = 0; /* from one of them: exactly 0 if all are equal */
	size_t i;

	for (i = 0; i < nr; i++)
		mean += (values[i] - values[0]) / (double)nr;
	for (i = 0; i < nr; i++)
		squares += (values[i] - mean) * (values[i] - mean);
	return sqrt(squares / (double)(nr - 1));
}

void stats_estimate(const double *values, size_t nr, uint64_t seed, struct estimate *estimate)
{
	double *medians;
	size_t cut;

	memset(estimate, 0, sizeof(*estimate));
	estimate->nr = nr;
	estimate->detectable = NAN;
	if (nr == 0)
		return;
	estimate->median = stats_median(values, nr);
	medians = bootstrap_medians(values, nr, seed);
	cut = (size_t)(stats_tail(nr) * STATS_RESAMPLES);
	estimate->lo = medians[cut];
	estimate->hi = medians[STATS_RESAMPLES - 1 - cut];
	estimate->std_error = standard_deviation(medians, STATS_RESAMPLES);
	free(medians);
	if (nr >= STATS_MIN_VALUES)
		estimate->detectable =
			fmax(estimate->hi - estimate->median, estimate->median - estimate->lo) +
			STATS_Z_POWER_80 * estimate->std_error;
}

void stats_estimate_ratio(const double *values, const double *base, size_t nr, uint64_t seed,
			  struct estimate *estimate)
{
	double *ratios = xcalloc(nr + 1, sizeof(*ratios));
	size_t i;

	for (i = 0; i < nr; i++)
		ratios[i] = values[i] / base[i];
	stats_estimate(ratios, nr, seed, estimate);
	free(ratios);
}

void stats_estimate_unpaired(const struct estimate *before, const struct estimate *after,
			     struct estimate *ratio)
{
	double t;

	memset(ratio, 0, sizeof(*ratio));
	ratio->detectable = NAN;
	if (before->nr == 0 || after->nr == 0 || before->median <= 0)
		return;
	ratio->nr = before->nr < after->nr ? before->nr : after->nr;
	ratio->median = after->median / before->median;
	ratio->std_error =
		hypot(after->std_error, ratio->median * before->std_error) / before->median;
	t = ratio->nr > 1 ? stats_t975(ratio->nr - 1) : 0;
	ratio->lo = ratio->median - t * ratio->std_error;
	ratio->hi = ratio->median + t * ratio->std_error;
	if (ratio->nr >= STATS_MIN_VALUES)
		ratio->detectable = (t + STATS_Z_POWER_80) * ratio->std_error;
}

enum verdict stats_verdict(const struct estimate *ratio)
{
	if (ratio->nr < STATS_MIN_VALUES)
		return VERDICT_TOO_FEW;
	if (ratio->lo > 1)
		return VERDICT_HIGHER;
	if (ratio->hi < 1)
		return VERDICT_LOWER;
	return VERDICT_SAME;
}
