/* SPDX-License-Identifier: MIT */
/* Splits what a VM adds to a memory access into page walks and the rest. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/report/paging.h"

enum side {
	NATIVE_4K,
	NATIVE_2M,
	VM_4K,
	VM_2M,
	NR_SIDES,
};

bool paging_concerns(const struct bench *bench)
{
	return strncmp(bench->name, "mem.chase_", 10) == 0 ||
	       strncmp(bench->name, "mem.random_", 11) == 0;
}

/* The dataset's name of an arm with these pages, or NULL. */
static const char *find_arm(const struct dataset *data, const char *class, const char *pages)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "%s:pages=%s", class, pages);
	for (size_t i = 0; i < data->arms.nr; i++)
		if (strcmp(data->arms.at[i], name) == 0)
			return data->arms.at[i];
	return NULL;
}

/* Reserved huge pages where there are some, else transparent ones. */
static bool find_sides(const struct dataset *data, const struct bench *bench, const char *large,
		       struct rounds side[NR_SIDES])
{
	const char *arm[NR_SIDES] = {find_arm(data, "native", "4k"),
				     find_arm(data, "native", large), find_arm(data, "vm", "4k"),
				     find_arm(data, "vm", large)};
	bool all = true;

	for (unsigned int i = 0; i < NR_SIDES; i++) {
		memset(&side[i], 0, sizeof(side[i]));
		if (arm[i])
			dataset_rounds(data, bench, arm[i], &side[i]);
		all = all && side[i].nr > 0;
	}
	return all;
}

static void free_sides(struct rounds side[NR_SIDES])
{
	for (unsigned int i = 0; i < NR_SIDES; i++)
		rounds_free(&side[i]);
}

/* Keeps the rounds that all sides have. Returns how many. */
static size_t keep_common(struct rounds side[NR_SIDES])
{
	size_t at[NR_SIDES] = {0}, nr = 0;

	for (size_t i = 0; i < side[0].nr; i++) {
		unsigned int round = side[0].round[i];
		bool all = true;

		for (unsigned int j = 0; j < NR_SIDES; j++) {
			while (at[j] < side[j].nr && side[j].round[at[j]] < round)
				at[j]++;
			all = all && at[j] < side[j].nr && side[j].round[at[j]] == round;
		}
		for (unsigned int j = 0; all && j < NR_SIDES; j++)
			side[j].value[nr] = side[j].value[at[j]];
		nr += all;
	}
	return nr;
}

/* Of a weighted sum of the four, round by round: what changes slowly drops out of differences. */
static void estimate(const struct rounds side[NR_SIDES], size_t nr, const int weight[NR_SIDES],
		     struct estimate *result)
{
	double *values = xcalloc(nr, sizeof(*values));

	for (size_t i = 0; i < nr; i++)
		for (unsigned int j = 0; j < NR_SIDES; j++)
			values[i] += weight[j] * side[j].value[i];
	stats_estimate(values, nr, 1, result);
	free(values);
}

bool paging_make(struct paging *paging, const struct dataset *data, const struct bench *bench)
{
	static const int native_walks[NR_SIDES] = {[NATIVE_4K] = 1, [NATIVE_2M] = -1},
			 vm_walks[NR_SIDES] = {[VM_4K] = 1, [VM_2M] = -1},
			 extra_4k[NR_SIDES] = {[VM_4K] = 1, [NATIVE_4K] = -1},
			 extra_2m[NR_SIDES] = {[VM_2M] = 1, [NATIVE_2M] = -1},
			 walks[NR_SIDES] = {
				 [VM_4K] = 1, [NATIVE_4K] = -1, [VM_2M] = -1, [NATIVE_2M] = 1};
	struct rounds side[NR_SIDES];
	size_t nr = 0;

	memset(paging, 0, sizeof(*paging));
	paging->bench = bench;
	if (!find_sides(data, bench, "2m", side)) {
		free_sides(side);
		if (!find_sides(data, bench, "thp", side))
			goto out;
	}
	nr = keep_common(side);
	if (nr == 0)
		goto out;
	paging->native_4k = stats_median(side[NATIVE_4K].value, nr);
	paging->native_2m = stats_median(side[NATIVE_2M].value, nr);
	paging->vm_4k = stats_median(side[VM_4K].value, nr);
	paging->vm_2m = stats_median(side[VM_2M].value, nr);
	estimate(side, nr, native_walks, &paging->native_walks);
	estimate(side, nr, vm_walks, &paging->vm_walks);
	estimate(side, nr, extra_4k, &paging->extra_4k);
	estimate(side, nr, extra_2m, &paging->extra_2m);
	estimate(side, nr, walks, &paging->walks);
out:
	free_sides(side);
	return nr > 0;
}

/* 1 or -1 if the interval is on one side of zero, 0 if no difference was seen. */
static int sign_of(const struct estimate *estimate)
{
	return estimate->lo > 0 ? 1 : estimate->hi < 0 ? -1 : 0;
}

/* Three digits, but all those before the point. */
static const char *say_ns(double ns, char text[24])
{
	(void)snprintf(text, 24, fabs(ns) < 100 ? "%.3g" : "%.0f", ns);
	return text;
}

/* What walks are of native's own access, if they were seen: "; natively 20 % of it are walks". */
static void say_native(const struct paging *paging, char *text, size_t size)
{
	char whole[24], walks[24];

	if (sign_of(&paging->native_walks) > 0)
		(void)snprintf(text, size, "; of native's %s ns, walks are %s (%.0f %%)",
			       say_ns(paging->native_4k, whole),
			       say_ns(paging->native_walks.median, walks),
			       100 * paging->native_walks.median / paging->native_4k);
	else
		(void)snprintf(text, size, "; no walks seen natively");
}

void paging_say(const struct paging *paging, char *text, size_t size)
{
	double extra = paging->extra_4k.median, walks = paging->walks.median;
	char native[96], ns[24], part[24];

	if (paging->walks.nr < STATS_MIN_VALUES) {
		(void)snprintf(text, size, "%zu round%s too few to say", paging->walks.nr,
			       paging->walks.nr == 1 ? " is" : "s are");
		return;
	}
	say_native(paging, native, sizeof(native));
	if (sign_of(&paging->extra_4k) == 0)
		(void)snprintf(
			text, size,
			"4 KiB pages: no difference of vm to native seen (%.3g .. %.3g ns)%s",
			paging->extra_4k.lo, paging->extra_4k.hi, native);
	else if (sign_of(&paging->extra_4k) < 0)
		(void)snprintf(text, size, "4 KiB pages: %s ns less in vm%s", say_ns(-extra, ns),
			       native);
	else if (sign_of(&paging->walks) <= 0)
		(void)snprintf(text, size,
			       "4 KiB pages: %s ns more in vm; that some of it goes away with 2 "
			       "MiB, as page "
			       "walks would, was not seen (%.3g .. %.3g ns)%s",
			       say_ns(extra, ns), paging->walks.lo, paging->walks.hi, native);
	else
		(void)snprintf(text, size,
			       "4 KiB pages: %s ns more in vm, of which %s (%.0f %%) go away with "
			       "2 MiB: page walks%s",
			       say_ns(extra, ns), say_ns(walks, part),
			       fmin(100, 100 * walks / extra), native);
}
