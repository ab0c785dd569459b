/* SPDX-License-Identifier: MIT */
/* Sums the exit counters of several vCPUs while they continue to count. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/stats/lines.h"

bool exitstat_has_detail(enum exit_kind kind)
{
	switch (kind) {
	case EXIT_PIO_IN:
	case EXIT_PIO_OUT:
	case EXIT_MMIO_READ:
	case EXIT_MMIO_WRITE:
	case EXIT_HYPERCALL:
	case EXIT_OTHER:
		return true;
	case EXIT_HLT:
	case EXIT_EINTR:
	case EXIT_SHUTDOWN:
	case EXIT_NR_KINDS:
		break;
	}
	return false;
}

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int by_key(const void *a, const void *b)
{
	const struct exit_row *x = *(const struct exit_row *const *)a;
	const struct exit_row *y = *(const struct exit_row *const *)b;
	int order = compare(x->kind, y->kind);

	if (order == 0)
		order = compare(x->catch_all, y->catch_all);
	return order != 0 ? order : compare(x->detail, y->detail);
}

static int by_total_time(const void *a, const void *b)
{
	const struct exit_line *x = a;
	const struct exit_line *y = b;
	int order = compare(y->total, x->total);

	if (order == 0)
		order = compare(y->count, x->count);
	if (order == 0)
		order = compare(x->kind, y->kind);
	if (order == 0)
		order = compare(x->catch_all, y->catch_all);
	return order != 0 ? order : compare(x->detail, y->detail);
}

/* Sums `nr` rows of one key. */
static struct exit_line sum_rows(const struct exit_row *const *rows, size_t nr)
{
	struct histogram sum = {0};
	size_t i;

	for (i = 0; i < nr; i++)
		histogram_merge(&sum, &rows[i]->ticks);
	return (struct exit_line){
		.kind = rows[0]->kind,
		.catch_all = rows[0]->catch_all,
		.detail = rows[0]->detail,
		.count = histogram_count(&sum),
		.total = sum.sum,
		.min = histogram_quantile(&sum, 0),
		.p50 = histogram_quantile(&sum, 500),
		.p90 = histogram_quantile(&sum, 900),
		.p99 = histogram_quantile(&sum, 990),
		.max = sum.max,
	};
}

/* Every row of these vCPUs; their number, or -ENOMEM. */
static int gather(const struct exitstat_report *report, unsigned int first, unsigned int nr,
		  const struct exit_row ***rows)
{
	const struct exit_row *row;
	size_t room = 0, used = 0;
	unsigned int vcpu, i;

	*rows = NULL;
	for (vcpu = first; vcpu < first + nr; vcpu++) {
		for (i = 0; (row = exitstat_row(report->vcpu[vcpu], i)) != NULL; i++) {
			if (used == room) {
				const struct exit_row **more;

				room = 2 * room + 32;
				more = reallocarray(*rows, room, sizeof(**rows));
				if (more == NULL || room > INT_MAX) {
					free(more != NULL ? more : *rows);
					return -ENOMEM;
				}
				*rows = more;
			}
			(*rows)[used++] = row;
		}
	}
	return (int)used;
}

int exitstat_collect(const struct exitstat_report *report, unsigned int first, unsigned int nr,
		     struct exit_line **lines)
{
	const struct exit_row **rows;
	int nr_rows, start, end;
	int nr_lines = 0;

	*lines = NULL;
	nr_rows = gather(report, first, nr, &rows);
	if (nr_rows <= 0)
		return nr_rows;
	*lines = calloc((size_t)nr_rows, sizeof(**lines));
	if (*lines == NULL) {
		free(rows);
		return -ENOMEM;
	}
	qsort(rows, (size_t)nr_rows, sizeof(*rows), by_key);
	for (start = 0; start < nr_rows; start = end) {
		for (end = start + 1; end < nr_rows; end++) {
			if (by_key(&rows[start], &rows[end]) != 0)
				break;
		}
		(*lines)[nr_lines++] = sum_rows(&rows[start], (size_t)(end - start));
	}
	free(rows);
	qsort(*lines, (size_t)nr_lines, sizeof(**lines), by_total_time);
	return nr_lines;
}

int exitstat_collect_kvm(const struct exitstat_report *report, int vcpu,
			 struct exitstat_kvm_counter **counters)
{
	unsigned int i;
	int nr = 0;
	int j;

	*counters = calloc(report->nr_kvm + 1, sizeof(**counters));
	if (*counters == NULL)
		return -ENOMEM;
	for (i = 0; i < report->nr_kvm; i++) {
		const struct exitstat_kvm_counter *counter = &report->kvm[i];

		if (counter->value == 0 ||
		    (vcpu == EXITSTAT_ALL_VCPUS ? counter->vcpu < 0 : counter->vcpu != vcpu))
			continue;
		for (j = 0; j < nr; j++) {
			if (strcmp((*counters)[j].name, counter->name) == 0)
				break;
		}
		if (j == nr) {
			(*counters)[nr] = *counter;
			(*counters)[nr].value = 0;
			(*counters)[nr++].vcpu = vcpu;
		}
		(*counters)[j].value += counter->value;
	}
	return nr;
}
