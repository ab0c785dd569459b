/* SPDX-License-Identifier: MIT */
/* `tinybench report`: the table and DIR/report.html, or one of them alone by --json, --csv or
 * --svg. */
#include <errno.h>
#include <stdio.h>

#include "guest/tinybench/base/status.h"
#include "guest/tinybench/data/summary.h"
#include "guest/tinybench/measure/claim.h"
#include "guest/tinybench/report.h"
#include "guest/tinybench/report/page.h"
#include "guest/tinybench/report/plot.h"
#include "guest/tinybench/report/table.h"

static int print(const struct settings *settings, const struct summary *summary,
		 const struct dataset *data, struct err *err)
{
	const struct plot_source ratios = {summary, data, "", settings->bench};

	switch (settings->format) {
	case FORMAT_JSON:
		return summary_print_json(stdout, summary, data, err);
	case FORMAT_CSV:
		summary_print_csv(stdout, summary, data);
		return 0;
	case FORMAT_SVG:
		return plot_print(stdout, plot_ratios, &ratios, err) ? 0 : -EINVAL;
	case FORMAT_TABLE:
		table_print(stdout, summary, data);
		break;
	}
	return 0;
}

/* A run that measures into it writes the same page at its end. */
static int save_page(const char *dir, const struct summary *summary, const struct dataset *data,
		     struct err *err)
{
	struct claim claim;
	int ret = claim_take(&claim, dir, err);

	if (!ret)
		ret = page_save(summary, data, dir, err);
	claim_release(&claim);
	return ret;
}

int report_command(const struct settings *settings, struct err *err)
{
	struct dataset data;
	struct summary summary = {0};
	int ret;

	dataset_init(&data);
	ret = dataset_load_result(&data, settings->dirs[0], err);
	if (!ret) {
		summary_make(&summary, &data);
		ret = print(settings, &summary, &data, err);
	}
	if (!ret && settings->format == FORMAT_TABLE)
		ret = save_page(settings->dirs[0], &summary, &data, err);
	summary_free(&summary);
	dataset_free(&data);
	return bench_status(ret);
}
