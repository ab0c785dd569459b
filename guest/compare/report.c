/* SPDX-License-Identifier: MIT */
/* The result as a page. */
#include <stdio.h>

#include "file.h"
#include "report.h"
#include "table.h"

struct page {
	const struct summary *summary;
	const struct dataset *data;
};

static void write_page(FILE *file, const void *opaque)
{
	const struct page *page = opaque;

	fputs("<!doctype html>\n<meta charset=utf-8>\n<title>tinybench</title>\n<pre>\n", file);
	table_print(file, page->summary, page->data);
	fputs("</pre>\n", file);
}

int report_save(const struct summary *summary, const struct dataset *data, const char *dir,
		struct reason *reason)
{
	struct page page = {summary, data};

	return file_replace(dir, "report.html", write_page, &page, reason);
}
