/* SPDX-License-Identifier: MIT */
/*
 * Errors that a user will read.
 *
 * A function that can fail because of what the user asked for takes a `struct err *`, fills it
 * with one sentence and returns a negative errno. The sentence names the option, the value and
 * the remedy, without the program's name and without a final newline:
 *
 *	--disk a.img: cannot open: Permission denied; make it writable or add ",ro"
 *
 * main() is the only place that prints it. Functions that can fail only through our own doing or
 * the host's return a bare -errno.
 */
#ifndef CORE_ERR_H
#define CORE_ERR_H

struct err {
	char text[768];
};

/*
 * Formats the message and returns `code`, so that a failure is one statement:
 * `return err_set(e, -EINVAL, "--cpus %s: ...", value);`. `code` is a negative errno. A message
 * that does not fit is cut. `e` may not be NULL.
 */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts `prefix: ` before the message that is there; returns `code`. */
int err_prefix(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
