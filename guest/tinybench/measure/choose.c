/* SPDX-License-Identifier: MIT */
/* From what was typed to arms and benchmarks. */
#include <errno.h>
#include <string.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/measure/choose.h"

static int add_arm(struct session *session, size_t i, struct err *err)
{
	size_t j;

	for (j = 0; j < i; j++)
		if (strcmp(session->arm_names.at[j], session->arm_names.at[i]) == 0)
			return err_set(err, -EINVAL,
				       "--arms: \"%s\" is given twice; once is enough",
				       session->arm_names.at[i]);
	return arm_parse(&session->arms[i], session->arm_names.at[i], &session->context, err);
}

int choose_arms(struct session *session, const char *list, struct err *err)
{
	int ret = 0;
	size_t i;

	names_split(&session->arm_names, list);
	if (session->arm_names.nr == 0)
		return err_set(err, -EINVAL, "--arms \"%s\": name at least one arm", list);
	session->arms = xcalloc(session->arm_names.nr, sizeof(*session->arms));
	session->idle = xcalloc(session->arm_names.nr, sizeof(*session->idle));
	for (i = 0; !ret && i < session->arm_names.nr; i++)
		ret = add_arm(session, i, err);
	return ret;
}

static int unknown_bench(const struct session *session, const char *pattern, struct err *err)
{
	struct names known = {0};
	char nearest[160];
	size_t i;

	for (i = 0; i < session->all.nr; i++)
		names_add(&known, session->all.at[i]->name);
	names_nearest(&known, pattern, 3, nearest, sizeof(nearest));
	names_free(&known);
	return err_set(err, -EINVAL,
		       "--bench: \"%s\" fits no benchmark; the nearest are %s (tinybench list "
		       "shows all)",
		       pattern, nearest);
}

int choose_benches(struct session *session, const char *list, struct err *err)
{
	struct names patterns = {0};
	int ret = 0;
	size_t i, j;

	names_split(&patterns, list);
	if (patterns.nr == 0)
		ret = err_set(err, -EINVAL, "--bench \"%s\": name at least one benchmark", list);
	for (j = 0; !ret && j < patterns.nr; j++) {
		for (i = 0; i < session->all.nr; i++)
			if (names_match(patterns.at[j], session->all.at[i]->name))
				break;
		if (i == session->all.nr)
			ret = unknown_bench(session, patterns.at[j], err);
	}
	session->bench = xcalloc(session->all.nr + 1, sizeof(*session->bench));
	for (i = 0; i < session->all.nr; i++)
		if (names_match(list, session->all.at[i]->name))
			session->bench[session->nr_bench++] = session->all.at[i];
	names_free(&patterns);
	return ret;
}
