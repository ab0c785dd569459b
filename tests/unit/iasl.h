/* SPDX-License-Identifier: MIT */
/*
 * Lets ACPICA's iasl read what tests have made: it disassembles a table, and for AML compiles the
 * result again, which must give the same bytes. Include after cmocka.h.
 */
#ifndef TESTS_UNIT_IASL_H
#define TESTS_UNIT_IASL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Skips the test that calls it where iasl is not installed. */
static inline void iasl_or_skip(void)
{
	if (system("command -v iasl >/dev/null") != 0) {
		print_message("iasl is not installed (Debian package acpica-tools)\n");
		skip();
	}
}

/* The whole file with a NUL behind it; the caller frees. */
static inline char *iasl_slurp(const char *path, size_t *len)
{
	FILE *file = fopen(path, "rb");
	char *text;
	long size;

	assert_non_null(file);
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	size = ftell(file);
	assert_true(size >= 0);
	rewind(file);
	text = malloc((size_t)size + 1);
	assert_non_null(text);
	assert_int_equal(fread(text, 1, (size_t)size, file), size);
	text[size] = '\0';
	fclose(file);
	if (len != NULL)
		*len = (size_t)size;
	return text;
}

/* Runs iasl; fails the test, with iasl's words, on an error or a warning. */
static inline void iasl_run(const char *dir, const char *arguments)
{
	char command[256], log[64];
	char *text;
	int status;

	snprintf(log, sizeof(log), "%s/log", dir);
	snprintf(command, sizeof(command), "cd %s && iasl %s >log 2>&1", dir, arguments);
	status = system(command);
	text = iasl_slurp(log, NULL);
	if (status != 0 || (strcasestr(text, "error") && !strstr(text, "0 Errors, 0 Warnings")) ||
	    (strcasestr(text, "warning") && !strstr(text, "0 Errors, 0 Warnings")) ||
	    strcasestr(text, "invalid") || strcasestr(text, "unknown"))
		fail_msg("iasl %s:\n%s", arguments, text);
	free(text);
}

/* Disassembles a table (with its header). Returns the text; the caller frees. */
static inline char *iasl_disassemble(const void *table, size_t len)
{
	char dir[] = "/tmp/tinyvmm-iasl-XXXXXX";
	char path[64], command[64];
	char *text, *compiled;
	size_t compiled_len;
	FILE *file;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/table", dir);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(table, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	iasl_run(dir, "-d table");
	snprintf(path, sizeof(path), "%s/table.dsl", dir);
	text = iasl_slurp(path, NULL);
	if (memcmp(table, "DSDT", 4) == 0) {
		/* -oa: without optimizations, so that names are encoded as they were. */
		iasl_run(dir, "-oa -p again table.dsl");
		snprintf(path, sizeof(path), "%s/again.aml", dir);
		compiled = iasl_slurp(path, &compiled_len);
		assert_int_equal(compiled_len, len);
		/* Behind the header, in which iasl signs as the creator. */
		assert_memory_equal(compiled + 36, (const char *)table + 36, len - 36);
		free(compiled);
	}
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
	return text;
}

/* Whether `text` has `wanted`, where any run of blanks equals any other. */
static inline bool iasl_says(const char *text, const char *wanted)
{
	for (; *text != '\0'; text++) {
		const char *t = text, *w = wanted;

		while (*w != '\0') {
			if (strchr(" \n", *w) != NULL && strchr(" \n", *t) != NULL) {
				w += strspn(w, " \n");
				t += strspn(t, " \n");
			} else if (*t++ != *w++) {
				break;
			}
			if (*w == '\0')
				return true;
		}
	}
	return false;
}

#endif
