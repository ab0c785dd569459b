/* SPDX-License-Identifier: MIT */
/* tinybench: one benchmark file, natively, in containers and in virtual machines. */
#include <stdio.h>

#include "guest/tinybench/command.h"

int main(int argc, char **argv)
{
	struct err err;
	int status = command_line(argc, argv, &err);

	if (err.text[0] != '\0')
		fprintf(stderr, "tinybench: %s\n", err.text);
	return status;
}
