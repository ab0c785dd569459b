/* SPDX-License-Identifier: MIT */
/* --console stdio|none|file=PATH|pty */
#include "vmm/console/options.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "vmm/core/parse.h"

int console_parse_options(const char *value, struct console_options *options, struct err *err)
{
	static const enum console_kind kinds[] = {CONSOLE_STDIO, CONSOLE_NONE, CONSOLE_FILE,
						  CONSOLE_PTY};
	static const char file[] = "file=";
	int choice;

	if (strncmp(value, file, strlen(file)) == 0) {
		if (value[strlen(file)] == '\0')
			return err_set(err, -EINVAL,
				       "--console %s: the path is empty; write --console file=PATH",
				       value);
		*options = (struct console_options){.kind = CONSOLE_FILE,
						    .path = value + strlen(file)};
		return 0;
	}
	choice = parse_choice(CONSOLE_ARG, value);
	if (choice < 0)
		return err_set(err, -EINVAL, "--console %s: takes one of %s", value, CONSOLE_ARG);
	*options = (struct console_options){.kind = kinds[choice]};
	return 0;
}
