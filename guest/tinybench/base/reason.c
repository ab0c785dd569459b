/* SPDX-License-Identifier: MIT */
/* Why something did not work. */
#include <stdarg.h>
#include <stdio.h>

#include "guest/tinybench/base/reason.h"

int reason_set(struct reason *reason, int error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(reason->text, sizeof(reason->text), format, ap);
	va_end(ap);
	return error;
}
