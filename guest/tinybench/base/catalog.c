/* SPDX-License-Identifier: MIT */
/* The benchmarks. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/catalog.h"
#include "guest/tinybench/base/spawn.h"

const struct bench *catalog_find(const struct catalog *catalog, const char *name)
{
	size_t i;

	for (i = 0; i < catalog->nr; i++)
		if (strcmp(catalog->at[i]->name, name) == 0)
			return catalog->at[i];
	return NULL;
}

const struct bench *catalog_add(struct catalog *catalog, const char *name, const char *unit,
				bool higher_is_better, const char *text)
{
	const struct bench *known = catalog_find(catalog, name);
	struct bench *bench;

	if (known)
		return known;
	bench = xcalloc(1, sizeof(*bench));
	bench->name = xstrdup(name);
	bench->unit = xstrdup(unit);
	bench->text = xstrdup(text);
	bench->higher_is_better = higher_is_better;
	catalog->at = xgrow(catalog->at, catalog->nr, &catalog->capacity, sizeof(*catalog->at));
	catalog->at[catalog->nr++] = bench;
	return bench;
}

void catalog_free(struct catalog *catalog)
{
	size_t i;

	for (i = 0; i < catalog->nr; i++) {
		free(catalog->at[i]->name);
		free(catalog->at[i]->unit);
		free(catalog->at[i]->text);
		free(catalog->at[i]);
	}
	free(catalog->at);
	memset(catalog, 0, sizeof(*catalog));
}

size_t catalog_group_length(const char *name)
{
	return strcspn(name, ".");
}

static int add_line(struct catalog *catalog, const char *line, struct reason *reason)
{
	const char *name, *unit, *better, *text = "";
	json_error_t error;
	json_t *object = json_loads(line, 0, &error);
	int result = 0;

	if (!object || json_unpack(object, "{s:s, s:s, s:s, s?s}", "bench", &name, "unit", &unit,
				   "better", &better, "text", &text) < 0)
		result = reason_set(reason, -EPROTO, "`bench list` printed \"%.80s\"", line);
	else
		catalog_add(catalog, name, unit, strcmp(better, "higher") == 0, text);
	json_decref(object);
	return result;
}

int catalog_load(struct catalog *catalog, const char *bench_file, struct reason *reason)
{
	char file[4096], list[] = "list";
	char *const argv[] = {file, list, NULL};
	char *output, *cursor, *line;
	int error = 0;

	if (strlen(bench_file) >= sizeof(file))
		return reason_set(reason, -ENAMETOOLONG, "%s: the name is too long", bench_file);
	strcpy(file, bench_file);
	output = spawn_capture(argv, reason);
	if (!output)
		return -ENOENT;
	cursor = output;
	while (!error && (line = strsep(&cursor, "\n")))
		if (*line != '\0')
			error = add_line(catalog, line, reason);
	free(output);
	return error;
}
