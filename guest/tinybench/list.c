/* SPDX-License-Identifier: MIT */
/* `tinybench list`. */
#include <stdio.h>
#include <stdlib.h>

#include "guest/tinybench/arms/arm.h"
#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/status.h"
#include "guest/tinybench/list.h"
#include "guest/tinybench/measure/own.h"
#include "guest/tinybench/measure/session.h"

static void print_arms(void)
{
	const struct arm_class *class;
	size_t i;

	puts("Arms:");
	for (i = 0; (class = arm_class_at(i)); i++)
		printf("  %-20s %s\n", class->name, class->text);
	puts("Variants: vm:pin, vm:nopin, ARM:pages=4k, ARM:pages=thp, ARM:pages=2m, "
	     "container:runc,\n"
	     "  container:docker, container:podman, container:bwrap; several as in "
	     "vm:pin:pages=2m");
}

int list_command(const struct settings *settings, struct err *err)
{
	char *dir = settings->build_dir ? xstrdup(settings->build_dir) : session_own_directory();
	char *file = xasprintf("%s/guest/bench.elf", dir);
	struct catalog all = {0};
	int ret = catalog_load(&all, file, err);
	size_t i;

	own_add_to_catalog(&all);
	print_arms();
	puts("\nBenchmarks:");
	for (i = 0; i < all.nr; i++)
		printf("  %-20s %-6s %s\n", all.at[i]->name, all.at[i]->unit, all.at[i]->text);
	if (ret)
		err_prefix(err, ret, "%s, which has most of them; run make", file);
	catalog_free(&all);
	free(file);
	free(dir);
	return ret ? BENCH_STATUS_FAILED : BENCH_STATUS_OK;
}
