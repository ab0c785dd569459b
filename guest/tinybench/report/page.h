/* SPDX-License-Identifier: MIT */
/* DIR/report.html: the whole result in one file that needs no network. */
#ifndef GUEST_TINYBENCH_REPORT_PAGE_H
#define GUEST_TINYBENCH_REPORT_PAGE_H

#include "guest/tinybench/data/summary.h"

/* 0, or -errno and why. */
int page_save(const struct summary *summary, const struct dataset *data, const char *dir,
	      struct err *err);

#endif
