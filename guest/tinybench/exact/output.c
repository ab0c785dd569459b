/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/file.h"
#include "guest/tinybench/exact/flame.h"
#include "guest/tinybench/exact/output.h"
#include "guest/tinybench/exact/show.h"
#include "vmm/core/array.h"

/* A name of an arm may be a path. */
static void make_harmless(char *name)
{
	for (; *name; name++)
		if (*name == '/')
			*name = '_';
}

char *output_path(const char *out, const char *arm, const char *bench, const char *suffix)
{
	char *name = xstrdup(arm), *dir, *path;
	struct err ignored; /* opening the file fails then */

	make_harmless(name);
	dir = xasprintf("%s/%s", out, name);
	(void)file_make_directory(dir, &ignored);
	path = xasprintf("%s/%s.%s", dir, bench, suffix);
	free(name);
	free(dir);
	return path;
}

void output_write(const char *out, const json_t *result)
{
	static const struct {
		const char *suffix;
		void (*write)(FILE *file, const json_t *result);
	} files[] = {{"functions", show_functions}, {"folded", show_folded}, {"svg", flame_write}};
	const char *arm = json_string_value(json_object_get(result, "arm"));
	const char *bench = json_string_value(json_object_get(result, "bench"));

	if (!json_object_get(result, "stacks"))
		return;
	for (size_t i = 0; i < NR_OF(files); i++) {
		char *path = output_path(out, arm, bench, files[i].suffix);
		FILE *file = fopen(path, "we");

		if (file)
			files[i].write(file, result);
		if (!file || fclose(file) != 0)
			fprintf(stderr, "tinybench: %s: %s\n", path, strerror(errno));
		free(path);
	}
}
