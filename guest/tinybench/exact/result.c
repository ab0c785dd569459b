/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/file.h"
#include "guest/tinybench/exact/result.h"

char *result_label(const struct function *function)
{
	const char *name = function->name;

	/* The kernel's own names have no module, and are unique enough. */
	if (function->module)
		return xasprintf("%s!%s", function->module, name);
	return function->world == WORLD_KERNEL ? xstrdup(name) : xasprintf("?!%s", name);
}

/* A whole number stays one. */
static json_t *share(uint64_t count, uint64_t divisor)
{
	if (count % divisor == 0)
		return json_integer((json_int_t)(count / divisor));
	return json_real((double)count / (double)divisor);
}

/* ---- functions and stacks
 * ------------------------------------------------------------------------ */

struct sum {
	const struct function *function;
	uint64_t self, calls;
};

struct sums {
	struct sum *at;
	size_t nr, capacity;
};

static void sum_node(struct sums *sums, const struct node *node)
{
	if (node->function && (node->self || node->calls)) {
		size_t i = 0;

		while (i < sums->nr && sums->at[i].function != node->function)
			i++;
		if (i == sums->nr) {
			sums->at = xgrow(sums->at, sums->nr, &sums->capacity, sizeof(sums->at[0]));
			sums->at[sums->nr++] = (struct sum){.function = node->function};
		}
		sums->at[i].self += node->self;
		sums->at[i].calls += node->calls;
	}
	for (node = node->first; node; node = node->next)
		sum_node(sums, node);
}

static int by_weight(const void *a, const void *b)
{
	const struct sum *x = a, *y = b;

	if (x->self != y->self)
		return x->self > y->self ? -1 : 1;
	return strcmp(x->function->name, y->function->name);
}

static json_t *functions_of(const struct account *account)
{
	json_t *list = json_array();
	struct sums sums = {0};

	sum_node(&sums, &account->walk.root);
	if (sums.nr)
		qsort(sums.at, sums.nr, sizeof(sums.at[0]), by_weight);
	for (size_t i = 0; i < sums.nr; i++) {
		char *label = result_label(sums.at[i].function);
		json_t *row = json_pack("[ss]", label, column_names[sums.at[i].function->column]);

		json_array_append_new(row, share(sums.at[i].self, account->divisor));
		json_array_append_new(row, share(sums.at[i].calls, account->divisor));
		json_array_append_new(list, row);
		free(label);
	}
	free(sums.at);
	return list;
}

static void add_stacks(json_t *list, const struct node *node, const char *above, uint64_t divisor)
{
	char *label = result_label(node->function);
	char *stack = above ? xasprintf("%s;%s", above, label) : xstrdup(label);

	if (node->self) {
		json_t *row = json_pack("[s]", stack);

		json_array_append_new(row, share(node->self, divisor));
		json_array_append_new(row, share(node->calls, divisor));
		json_array_append_new(list, row);
	}
	for (node = node->first; node; node = node->next)
		add_stacks(list, node, stack, divisor);
	free(stack);
	free(label);
}

/* ---- one result
 * ---------------------------------------------------------------------------------- */

static json_t *columns_of(const struct account *account)
{
	json_t *columns = json_object();

	for (size_t i = 0; i < NR_COLUMNS; i++)
		json_object_set_new(columns, column_names[i],
				    share(account->columns[i], account->divisor));
	return columns;
}

static json_t *events_of(const struct account *account)
{
	const struct {
		const char *name;
		uint64_t count;
	} events[] = {
		{"vmrun", account->vmruns},
		{"context_switches", account->context_switches},
		{"interrupts", account->interrupts},
		{"injected", account->injections},
		{"page_faults", account->page_faults},
	};
	json_t *object = json_object();

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		json_object_set_new(object, events[i].name,
				    share(events[i].count, account->divisor));
	return object;
}

static json_t *left_out_of(const struct account *account)
{
	json_t *list = json_array();

	for (size_t i = 0; i < account->nr_left_out; i++)
		json_array_append_new(
			list,
			json_pack("{s:s, s:I, s:I}", "why", account->left_out[i].why, "operations",
				  (json_int_t)account->left_out[i].operations, "instructions",
				  (json_int_t)account->left_out[i].instructions));
	return list;
}

json_t *result_from_account(const struct plan_job *job, const struct account *account,
			    const struct account *again)
{
	json_t *result = json_pack("{s:s, s:s, s:I, s:I}", "arm", job->arm, "bench", job->bench,
				   "operations", (json_int_t)account->operations, "equal",
				   (json_int_t)account->equal);
	json_t *syscalls = json_object(), *stacks = json_array();

	if (again) {
		json_object_set_new(result, "repeated", json_boolean(again->hash == account->hash));
		json_object_set_new(result, "before", share(again->total, again->divisor));
	}
	for (size_t i = 0; i < account->syscalls.nr; i++)
		json_object_set_new(syscalls, account->syscalls.at[i].name,
				    share(account->syscalls.at[i].count, account->divisor));
	for (const struct node *node = account->walk.root.first; node; node = node->next)
		add_stacks(stacks, node, NULL, account->divisor);
	json_object_set_new(result, "total", share(account->total, account->divisor));
	json_object_set_new(result, "columns", columns_of(account));
	json_object_set_new(result, "events", events_of(account));
	json_object_set_new(result, "syscalls", syscalls);
	json_object_set_new(result, "left_out", left_out_of(account));
	json_object_set_new(result, "functions", functions_of(account));
	json_object_set_new(result, "stacks", stacks);
	return result;
}

json_t *result_from_reason(const struct plan_job *job, const char *reason)
{
	return json_pack("{s:s, s:s, s:s}", "arm", job->arm, "bench", job->bench, "reason", reason);
}

/* ---- all of them
 * --------------------------------------------------------------------------------- */

json_t *results_load(const char *dir, struct err *err)
{
	char *path = xasprintf("%s/" RESULT_FILE, dir);
	json_error_t error;
	json_t *results = json_load_file(path, 0, &error);
	const char *type = json_string_value(json_object_get(results, "type"));

	if (!results) {
		(void)err_set(err, -EPROTO, "%s: %s", path, error.text);
	} else if (!type || strcmp(type, RESULT_TYPE) != 0 ||
		   !json_is_array(json_object_get(results, "results"))) {
		(void)err_set(err, -EPROTO, "%s is no result of tinybench exact of this version",
			      path);
		json_decref(results);
		results = NULL;
	}
	free(path);
	return results;
}

static int write_results(FILE *file, const void *opaque)
{
	(void)json_dumpf(opaque, file, JSON_INDENT(1) | JSON_REAL_PRECISION(12));
	fputc('\n', file);
	return 0;
}

int results_save(const char *dir, const json_t *results, struct err *err)
{
	return file_replace(dir, RESULT_FILE, write_results, results, err);
}

json_t *results_find(const json_t *results, const char *arm, const char *bench)
{
	json_t *result;
	size_t i;

	json_array_foreach(json_object_get(results, "results"), i, result)
	{
		const char *own_arm = json_string_value(json_object_get(result, "arm"));
		const char *own_bench = json_string_value(json_object_get(result, "bench"));

		if (own_arm && own_bench && strcmp(own_arm, arm) == 0 &&
		    strcmp(own_bench, bench) == 0)
			return result;
	}
	return NULL;
}
