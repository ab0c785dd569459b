/* SPDX-License-Identifier: MIT */
/* The summary as a table for the terminal. */
#ifndef GUEST_TINYBENCH_REPORT_TABLE_H
#define GUEST_TINYBENCH_REPORT_TABLE_H

#include <stdio.h>

#include "guest/tinybench/data/summary.h"

void table_print(FILE *file, const struct summary *summary, const struct dataset *data);

/* A number with four digits that count: "2.391", "104600", "0.0001234". */
void table_format_number(double value, char *text, size_t size);

#endif
