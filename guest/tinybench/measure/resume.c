/* SPDX-License-Identifier: MIT */
/* What a run continues. */
#include <errno.h>
#include <stdlib.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/measure/choose.h"
#include "guest/tinybench/measure/resume.h"

/* Takes a number that was not said from the last run's settings. */
static int take_number(const json_t *had, const char *key, unsigned int max, unsigned int *number,
		       struct err *err)
{
	json_int_t value = json_integer_value(json_object_get(had, key));

	if (*number)
		return 0;
	if (value < 0 || value > max)
		return err_set(
			err, -EINVAL,
			"the results have %" JSON_INTEGER_FORMAT
			" as \"%s\" of their last run, which cannot be; name another directory",
			value, key);
	*number = (unsigned int)value;
	return 0;
}

static int take_arguments(const json_t *had, struct settings *settings, struct err *err)
{
	const json_t *args = json_object_get(had, "args");
	bool said = settings->extra.nr > 0;
	const char *text;
	int ret = 0;
	size_t i;

	for (i = 0; !ret && !said && i < json_array_size(args); i++) {
		text = json_string_value(json_array_get(args, i));
		ret = settings_add_argument(settings, text ? text : "", err);
	}
	return ret;
}

int resume_settings(struct settings *settings, const struct dataset *data, struct err *err)
{
	json_t *run = json_array_get(data->runs, json_array_size(data->runs) - 1);
	json_t *had = json_object_get(run, "settings");
	int ret = 0;

	if (!settings->quick) { /* which says how many and how long */
		ret = take_number(had, "samples", SETTINGS_MAX_SAMPLES, &settings->samples, err);
		if (!ret)
			ret = take_number(had, "min_ms", SETTINGS_MAX_MIN_MS, &settings->min_ms,
					  err);
		settings->quick = json_is_true(json_object_get(had, "quick"));
	}
	if (!ret)
		ret = take_number(had, "cpus", SETTINGS_MAX_CPUS, &settings->cpus, err);
	if (!settings->pin)
		settings->pin = json_string_value(json_object_get(had, "pin"));
	return ret ? ret : take_arguments(had, settings, err);
}

/* Whether the results have the benchmark in this arm, or say that the arm could not run at all. */
static bool has(const struct dataset *data, const struct bench *bench, const char *arm)
{
	const struct bench *known = catalog_find(&data->benches, bench->name);

	return dataset_note(data, NULL, arm) || (known && dataset_has(data, known, arm));
}

static bool in_any_arm(const struct dataset *data, const struct bench *bench)
{
	const struct bench *known = catalog_find(&data->benches, bench->name);
	size_t i;

	for (i = 0; known && i < data->arms.nr; i++)
		if (dataset_has(data, known, data->arms.at[i]))
			return true;
	return false;
}

static void add_benches(struct session *session)
{
	size_t i;

	session->bench = xcalloc(session->all.nr + 1, sizeof(*session->bench));
	for (i = 0; i < session->all.nr; i++)
		if (in_any_arm(&session->data, session->all.at[i]))
			session->bench[session->nr_bench++] = session->all.at[i];
}

/* The arms that have one of the benchmarks, in their order, as a list; "" if there are none. */
static char *list_arms(const struct session *session)
{
	const struct dataset *data = &session->data;
	char *list = xstrdup(""), *longer;
	size_t i, j;

	for (i = 0; i < data->arms.nr; i++) {
		for (j = 0; j < session->nr_bench; j++)
			if (has(data, session->bench[j], data->arms.at[i]))
				break;
		if (j == session->nr_bench)
			continue;
		longer = xasprintf("%s%s%s", list, list[0] ? "," : "", data->arms.at[i]);
		free(list);
		list = longer;
	}
	return list;
}

static void leave_out(struct session *session)
{
	const struct dataset *data = &session->data;
	size_t nr_arms = session->arm_names.nr, i, j;

	session->left_out = xcalloc(session->nr_bench * nr_arms + 1, sizeof(bool));
	for (i = 0; i < session->nr_bench; i++)
		for (j = 0; in_any_arm(data, session->bench[i]) && j < nr_arms; j++)
			session->left_out[i * nr_arms + j] =
				!has(data, session->bench[i],
				     dataset_arm(&session->data, session->arm_names.at[j]));
}

int resume_choice(struct session *session, struct err *err)
{
	const struct settings *settings = session->settings;
	char *list;
	int ret = 0;

	if (!session->bench)
		add_benches(session);
	if (session->nr_bench == 0) {
		free(session->bench);
		ret = choose_benches(session, settings->bench, err);
	}
	if (ret || session->arms)
		return ret;
	list = list_arms(session);
	ret = choose_arms(session, list[0] ? list : settings->arms, err);
	if (!ret && list[0])
		leave_out(session);
	free(list);
	return ret;
}
