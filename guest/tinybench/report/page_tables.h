/* SPDX-License-Identifier: MIT */
/* The tables of the report. */
#ifndef GUEST_TINYBENCH_REPORT_PAGE_TABLES_H
#define GUEST_TINYBENCH_REPORT_PAGE_TABLES_H

#include <stdio.h>

#include "guest/tinybench/data/summary.h"

/* The study's Table II and Table IV, its figures beside ours. */
void page_study(FILE *html, const struct summary *summary);

/* All results of one group, and why others are missing. */
void page_group(FILE *html, const struct summary *summary, const char *group);

/* What a VM adds to memory accesses, split into page walks and the rest. */
void page_paging(FILE *html, const struct dataset *data);

/* The facts about the host as a table of keys and values. */
void page_host(FILE *html, const json_t *host);

#endif
