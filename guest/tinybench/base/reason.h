/* SPDX-License-Identifier: MIT */
/* Why something did not work or cannot be done here: a phrase for the user, without a full stop. */
#ifndef GUEST_TINYBENCH_BASE_REASON_H
#define GUEST_TINYBENCH_BASE_REASON_H

struct reason {
	char text[512];
};

/* Sets the text and returns `error`, so that a caller can return it in turn. */
int reason_set(struct reason *reason, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
