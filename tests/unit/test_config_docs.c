/* SPDX-License-Identifier: MIT */
/* What --help and the man page say: all of it, and the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/config/config.h"
#include "vmm/core/array.h"
#include "vmm/core/exit_status.h"

static char *help_text(void)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	assert_non_null(to);
	config_print_help(to);
	assert_int_equal(fclose(to), 0);
	return text;
}

static void help_fits_a_terminal(void **state)
{
	char *text = help_text();
	const char *line = text;

	(void)state;
	while (*line != '\0') {
		size_t len = strcspn(line, "\n");

		assert_int_equal(line[len], '\n');
		assert_true(len <= 90);
		assert_true(len == 0 || line[len - 1] != ' ');
		line += len + 1;
	}
	free(text);
}

static void help_has_every_exit_status(void **state)
{
	static const char *const lines[] = {
		"\n    0  the guest powered off",  "\n    2  bad usage",
		"\n    4  the guest reset itself", "\n    6  the guest shut down",
		"\n    8  KVM could not emulate",  "\n   10  an unknown exit",
		"\n   12  the host failed",	   "\n  odd  the guest wrote",
	};
	char *text = help_text();
	const char *at = text;
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(lines); i++) {
		at = strstr(at, lines[i]);
		assert_non_null(at);
	}
	free(text);
}

static void append_without_blanks(char *to, size_t size, const char *from)
{
	size_t len = strlen(to);

	for (; *from != '\0'; from++) {
		assert_true(len + 1 < size);
		if (*from != ' ')
			to[len++] = *from;
	}
	to[len] = '\0';
}

/*
 * What a line of the man page shows, without blanks: macros, quotes and fonts are dropped.
 * ".BR \-k ", " \-\-kernel " \fIFILE\fR"" becomes "-k,--kernelFILE".
 */
static void strip_roff(char *to, size_t size, const char *line)
{
	size_t len = 0;

	if (*line == '.')
		line += strcspn(line, " \n");
	for (; *line != '\n' && *line != '\0'; line++) {
		assert_true(len + 1 < size);
		if (strncmp(line, "\\f", 2) == 0)
			line += 2;
		else if (*line != ' ' && *line != '"' && *line != '\\')
			to[len++] = *line;
	}
	to[len] = '\0';
}

static char *man_page(void)
{
	FILE *file = fopen("docs/tinyvmm.1", "r"); /* tests run in the root of the tree */
	char *text = calloc(1, 1 << 16);
	size_t len;

	assert_non_null(file);
	assert_non_null(text);
	len = fread(text, 1, (1 << 16) - 1, file);
	assert_true(len > 0 && feof(file));
	fclose(file);
	return text;
}

/* Does a tagged paragraph begin with this? */
static bool man_page_has_tag(const char *page, const char *tag)
{
	char shown[160];

	while ((page = strstr(page, "\n.TP\n")) != NULL) {
		page += strlen("\n.TP\n");
		strip_roff(shown, sizeof(shown), page);
		if (strcmp(shown, tag) == 0)
			return true;
		page--; /* a tag may be followed by the next at once */
	}
	return false;
}

static void check_documented(void *ctx, const char *name, char letter, const char *arg,
			     const char *help)
{
	char tag[160] = "";

	if (letter != 0)
		snprintf(tag, sizeof(tag), "-%c,", letter);
	append_without_blanks(tag, sizeof(tag), "--");
	append_without_blanks(tag, sizeof(tag), name);
	append_without_blanks(tag, sizeof(tag), arg != NULL ? arg : "");
	if (!man_page_has_tag(ctx, tag))
		fail_msg("docs/tinyvmm.1 has no paragraph %s", tag);
	assert_true(strlen(help) > 0);
}

static void the_man_page_has_every_option_as_help_shows_it(void **state)
{
	char *page = man_page();

	(void)state;
	config_for_each_option(check_documented, page);
	free(page);
}

static void the_man_page_has_every_exit_status(void **state)
{
	static const enum exit_status statuses[] = {
		EXIT_STATUS_OK,		  EXIT_STATUS_USAGE,	 EXIT_STATUS_RESET,
		EXIT_STATUS_TRIPLE_FAULT, EXIT_STATUS_EMULATION, EXIT_STATUS_UNKNOWN_EXIT,
		EXIT_STATUS_HOST,
	};
	char *page = man_page();
	char tag[8];
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(statuses); i++) {
		assert_int_equal(statuses[i] % 2, 0); /* odd ones are the debug-exit port's */
		snprintf(tag, sizeof(tag), "%d", statuses[i]);
		assert_true(man_page_has_tag(page, tag));
	}
	free(page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(help_fits_a_terminal),
		cmocka_unit_test(help_has_every_exit_status),
		cmocka_unit_test(the_man_page_has_every_option_as_help_shows_it),
		cmocka_unit_test(the_man_page_has_every_exit_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
