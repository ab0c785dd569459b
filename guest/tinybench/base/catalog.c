/* SPDX-License-Identifier: MIT */
/* The benchmarks. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/catalog.h"
#include "guest/tinybench/base/spawn.h"
#include "guest/tinybench/base/text.h"

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

static int add_line(struct catalog *catalog, const char *line, struct err *err)
{
	const char *name, *unit, *better, *text = "";
	json_t *object = json_loads(line, 0, NULL);
	int ret = 0;

	if (!object || json_unpack(object, "{s:s, s:s, s:s, s?s}", "bench", &name, "unit", &unit,
				   "better", &better, "text", &text) < 0)
		ret = err_set(err, -EPROTO, "`bench list` printed \"%.80s\"", line);
	else
		catalog_add(catalog, name, unit, strcmp(better, "higher") == 0, text);
	json_decref(object);
	return ret;
}

int catalog_load(struct catalog *catalog, const char *bench_file, struct err *err)
{
	char file[4096], list[] = "list";
	char *const argv[] = {file, list, NULL};
	char *output, *cursor, *line;
	int ret = 0;

	if (strlen(bench_file) >= sizeof(file))
		return err_set(err, -ENAMETOOLONG, "%s: the name is too long", bench_file);
	strcpy(file, bench_file);
	output = spawn_capture(argv, err);
	if (!output)
		return -ENOENT;
	cursor = output;
	while (!ret && (line = strsep(&cursor, "\n")))
		if (*line != '\0')
			ret = add_line(catalog, line, err);
	free(output);
	return ret;
}
