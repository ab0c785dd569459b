/* SPDX-License-Identifier: MIT */
/* --console: where the serial port goes. */
#ifndef VMM_CONSOLE_OPTIONS_H
#define VMM_CONSOLE_OPTIONS_H

#include "vmm/core/err.h"

#define CONSOLE_ARG "stdio|none|file=PATH|pty"
#define CONSOLE_HELP                                                                               \
	"where the serial port goes (default stdio); Ctrl-A x ends the guest, Ctrl-A c shows the " \
	"exit counters so far"

enum console_kind { CONSOLE_STDIO, CONSOLE_NONE, CONSOLE_FILE, CONSOLE_PTY };

struct console_options {
	enum console_kind kind;
	const char *path; /* of CONSOLE_FILE, else NULL; points into the value that was parsed */
};

/* 0, or -EINVAL with a message that begins with "--console"; *options is kept then. */
int console_parse_options(const char *value, struct console_options *options, struct err *err);

#endif
