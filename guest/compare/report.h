/* SPDX-License-Identifier: MIT */
/* DIR/report.html: the whole result in one file that needs no network. */
#ifndef COMPARE_REPORT_H
#define COMPARE_REPORT_H

#include "summary.h"

/* 0, or -errno and why. */
int report_save(const struct summary *summary, const struct dataset *data, const char *dir,
		struct reason *reason);

#endif
