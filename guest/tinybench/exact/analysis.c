/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/file.h"
#include "guest/tinybench/exact/analysis.h"
#include "guest/tinybench/exact/listing.h"

/* ---- why a job has nothing to count
 * -------------------------------------------------------------- */

/* The text of KEY in the last of the benchmark file's lines that has it. */
static bool find_text(const char *output, const char *event, const char *key, char *text,
		      size_t size)
{
	char *copy = xstrdup(output ? output : ""), *rest = copy, *line;
	bool found = false;

	while ((line = strsep(&rest, "\n"))) {
		const char *start = strchr(line, '{');
		json_error_t error;
		json_t *object = start ? json_loads(start, JSON_DISABLE_EOF_CHECK, &error) : NULL;
		const char *kind = json_string_value(json_object_get(object, "event"));
		const json_t *value = json_object_get(object, key);

		if (kind && strcmp(kind, event) == 0 && value) {
			if (json_is_string(value))
				(void)snprintf(text, size, "%s", json_string_value(value));
			else
				(void)snprintf(text, size, "%lld",
					       (long long)json_integer_value(value));
			found = true;
		}
		json_decref(object);
	}
	free(copy);
	return found;
}

static void last_line(const char *text, char *line, size_t size)
{
	size_t end = text ? strlen(text) : 0, start;

	while (end > 0 && (text[end - 1] == '\n' || text[end - 1] == '\r'))
		end--;
	start = end;
	while (start > 0 && text[start - 1] != '\n')
		start--;
	(void)snprintf(line, size, "%.*s", (int)(end - start), end ? text + start : "");
}

/* False with the reason if the program did not end well. A start may end as its guest does. */
static bool ended_well(const struct plan_job *job, const char *status, const char *output,
		       const char *errors, struct err *err)
{
	char complaint[200];

	last_line(errors, complaint, sizeof(complaint));
	if (find_text(output, "skip", "reason", err->text, sizeof(err->text)) ||
	    find_text(output, "error", "reason", err->text, sizeof(err->text)))
		return false;
	if (!status)
		(void)err_set(err, -EPROTO, "the machine ended before it");
	else if (strncmp(status, "timeout", 7) == 0)
		(void)err_set(err, -EPROTO, "did not end in %s s of the machine's time%s%s",
			      status + 8, complaint[0] ? ": " : "", complaint);
	else if (strncmp(status, "signal", 6) == 0)
		(void)err_set(err, -EPROTO, "was killed by %s%s%s", status,
			      complaint[0] ? ": " : "", complaint);
	else if (strcmp(status, "exit 0") != 0 && !(job->is_life && strcmp(status, "exit 1") == 0))
		(void)err_set(err, -EPROTO, "ended with %s%s%s", status, complaint[0] ? ": " : "",
			      complaint);
	else
		return true;
	return false;
}

/* ---- symbols
 * ------------------------------------------------------------------------------------- */

/* Level 1's files are this machine's, but for those that pack.sh has kept. */
static char *find_file(void *opaque, const char *path)
{
	const struct machine *machine = opaque;

	if (strncmp(path, PLAN_BUILD "/", strlen(PLAN_BUILD "/")) == 0)
		return xasprintf("%s%s", machine->dir, path);
	return xstrdup(path);
}

static int load_places(struct places *places, const struct machine *machine,
		       const struct plan_job *job, struct err *err)
{
	char *kallsyms = machine_file(machine, 0, "kallsyms");
	char *maps = machine_file(machine, job->number, "maps");
	struct err ignored;
	int ret;

	*places = (struct places){.is_benchmark = job->is_benchmark};
	places->program = xstrdup(job->argv.at[0]);
	ret = symbols_add_kallsyms(&places->host, kallsyms ? kallsyms : "", err);
	if (!ret && !maps)
		ret = err_set(err, -ENOENT, "the machine did not say where its code lies");
	if (!ret)
		places_add_maps(places, maps, find_file, (void *)machine);
	for (size_t i = 0; i < job->guests.nr; i++) {
		char *file = xasprintf("%s" PLAN_BUILD "/%s", machine->dir, job->guests.at[i]);

		(void)symbols_add_elf(&places->guest, file, 0, 0, 0, &ignored);
		free(file);
	}
	places_sort(places);
	free(kallsyms);
	free(maps);
	return ret;
}

/* ---- the account
 * --------------------------------------------------------------------------------- */

static int load_pass(struct trace *trace, const struct machine *machine, const struct insns *insns,
		     unsigned int job, unsigned int pass, struct err *err)
{
	char *name = xasprintf(TRACE_FILE, job, pass);
	char *path = xasprintf("%s/%s", machine->dir, name);
	int ret = trace_load(trace, insns, path, err);

	free(path);
	free(name);
	return ret;
}

/* How many operations a pass had, as the benchmark file says; a loop of the floor says nothing. */
static uint64_t rounds_of(const struct plan_job *job, const char *output)
{
	char text[32];

	if (job->is_life)
		return 1;
	if (find_text(output, "sample", "operations", text, sizeof(text)))
		return strtoull(text, NULL, 10);
	return PLAN_ROUNDS;
}

static json_t *account_for(const struct machine *machine, const struct insns *insns,
			   const struct plan_job *job, uint64_t rounds, const char *listing_path,
			   struct err *err)
{
	struct trace trace[2] = {0};
	struct account account[2] = {0};
	struct places places = {0};
	json_t *result = NULL;
	int ret = load_places(&places, machine, job, err);

	for (unsigned int pass = 0; !ret && pass < 2; pass++)
		ret = load_pass(&trace[pass], machine, insns, job->number, pass, err);
	for (unsigned int pass = 0; !ret && pass < 2; pass++)
		account_make(&account[pass], &trace[pass], insns, &places, rounds);
	if (!ret)
		result = result_from_account(job, &account[1], &account[0]);
	if (!ret && listing_path)
		listing_write(listing_path, &trace[1], insns, &places, account[1].first,
			      account[1].length);
	for (unsigned int pass = 0; pass < 2; pass++) {
		account_free(&account[pass]);
		trace_free(&trace[pass]);
	}
	places_free(&places);
	return result;
}

json_t *analyse(const struct machine *machine, const struct insns *insns,
		const struct plan_job *job, const char *listing_path)
{
	char *status = machine_file(machine, job->number, "status");
	char *output = machine_file(machine, job->number, "out");
	char *errors = machine_file(machine, job->number, "err");
	struct err err;
	json_t *result = NULL;

	if (ended_well(job, status, output, errors, &err))
		result = account_for(machine, insns, job, rounds_of(job, output), listing_path,
				     &err);
	if (!result)
		result = result_from_reason(job, err.text);
	free(status);
	free(output);
	free(errors);
	return result;
}
