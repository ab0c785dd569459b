/* SPDX-License-Identifier: MIT */
/* Errors that a user will read: one sentence in a fixed buffer, cut where it does not fit. */
#include "vmm/core/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *e, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, args);
	va_end(args);
	return code;
}

int err_prefix(struct err *e, int code, const char *fmt, ...)
{
	struct err whole;
	va_list args;

	va_start(args, fmt);
	vsnprintf(whole.text, sizeof(whole.text), fmt, args);
	va_end(args);
	strncat(whole.text, ": ", sizeof(whole.text) - 1 - strlen(whole.text));
	strncat(whole.text, e->text, sizeof(whole.text) - 1 - strlen(whole.text));
	*e = whole;
	return code;
}
