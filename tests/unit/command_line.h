/* SPDX-License-Identifier: MIT */
/* argv from one string, for tests of the command line. */
#ifndef TESTS_UNIT_COMMAND_LINE_H
#define TESTS_UNIT_COMMAND_LINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COMMAND_LINE_MAX_ARGS 24

/* A command line as one string; words are cut at blanks, "''" is an empty word. */
struct command_line {
	char text[512];
	int argc;
	char *argv[COMMAND_LINE_MAX_ARGS + 1];
};

static inline void command_line_split(struct command_line *line, const char *text)
{
	char *word, *save = NULL;

	assert_true(snprintf(line->text, sizeof(line->text), "tinyvmm %s", text) <
		    (int)sizeof(line->text));
	line->argc = 0;
	for (word = strtok_r(line->text, " ", &save); word != NULL;
	     word = strtok_r(NULL, " ", &save)) {
		assert_true(line->argc < COMMAND_LINE_MAX_ARGS);
		if (strcmp(word, "''") == 0)
			word[0] = '\0';
		line->argv[line->argc++] = word;
	}
	line->argv[line->argc] = NULL;
}

#endif
