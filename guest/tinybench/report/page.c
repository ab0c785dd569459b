/* SPDX-License-Identifier: MIT */
/* The result as a page: no script, no font, no picture from elsewhere. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/base/file.h"
#include "guest/tinybench/host/host.h"
#include "guest/tinybench/report/html.h"
#include "guest/tinybench/report/page.h"
#include "guest/tinybench/report/page_tables.h"
#include "guest/tinybench/report/plot.h"
#include "vmm/core/array.h"

struct page {
	const struct summary *summary;
	const struct dataset *data;
	FILE *html;
	unsigned int plots; /* so far */
};

static const struct {
	const char *name, *title;
} groups[] = {
	{"cpu", "Computing"},	  {"mem", "Memory"},  {"trap", "Traps and interrupts"},
	{"blk", "Block devices"}, {"net", "Network"}, {"life", "Life of an arm"},
	{"energy", "Energy"},
};

static json_t *last_run(const struct page *page)
{
	return json_array_get(page->data->runs, json_array_size(page->data->runs) - 1);
}

/* ---- the beginning ---- */

static void print_arms(const struct page *page)
{
	json_t *arms = dataset_run_arms(page->data), *arm;
	const char *text, *detail;
	const struct note *note;
	void *at;

	fputs("<ul>\n", page->html);
	for (at = json_object_iter(arms); at; at = json_object_iter_next(arms, at)) {
		arm = json_object_iter_value(at);
		text = json_string_value(json_object_get(arm, "text"));
		detail = json_string_value(json_object_get(arm, "detail"));
		html_element(page->html, "li", NULL, "%s: %s%s%s%s", json_object_iter_key(at),
			     text ? text : "", detail ? " (" : "", detail ? detail : "",
			     detail ? ")" : "");
	}
	for (size_t i = 0; i < page->data->arms.nr; i++) {
		note = dataset_note(page->data, NULL, page->data->arms.at[i]);
		if (note)
			html_element(page->html, "li", "dim", "%s was not measured: %s", note->arm,
				     note->text);
	}
	fputs("</ul>\n", page->html);
	json_decref(arms);
}

static void print_head(const struct page *page)
{
	json_t *run = last_run(page), *host = json_object_get(run, "host");
	json_t *warnings = dataset_run_warnings(page->data);
	const char *date = json_string_value(json_object_get(run, "date"));
	const char *first =
		json_string_value(json_object_get(json_array_get(page->data->runs, 0), "date"));
	const char *sha256 =
		json_string_value(json_object_get(json_object_get(run, "bench_file"), "sha256"));
	size_t runs = json_array_size(page->data->runs);
	char text[512];
	size_t i, ratios = 0;

	for (i = 0; i < page->summary->nr; i++)
		ratios += page->summary->at[i].ratio.nr >= STATS_MIN_VALUES;
	html_element(page->html, "h1", NULL, "One benchmark file, several ways to run it");
	host_describe(host, text, sizeof(text));
	html_element(page->html, "p", NULL, "%s; %s%s%s.", text, runs > 1 && first ? first : "",
		     runs > 1 && first ? " to " : "", date ? date : "no date");
	html_element(page->html, "p", "dim", "SHA-256 of the benchmark file: %s",
		     sha256 ? sha256 : "unknown");
	for (i = 0; i < json_array_size(warnings); i++)
		html_element(page->html, "p", "warn", "Warning: %s.",
			     json_string_value(json_array_get(warnings, i)));
	json_decref(warnings);
	print_arms(page);
	html_element(
		page->html, "p", NULL,
		"A figure is the median over rounds of each round's median; its 95 %% interval "
		"is a bootstrap over rounds. A ratio is the median of the ratios of two runs "
		"of the same round, and so not that of the two medians. Where its interval spans "
		"1.0, no difference was seen, down to the smallest "
		"one that this run would have found in four of five cases; that is not the same "
		"as being equal. Of the %zu ratios here up to 5 %%, that is %.0f, may show a "
		"difference that is not there: one alone proves little.",
		ratios, ceil(0.05 * (double)ratios));
}

/* ---- plots ---- */

static void show_plot(struct page *page, const char *title, plot_writer writer, const char *what,
		      const char *otherwise)
{
	struct plot_source source = {page->summary, page->data, what, NULL};
	struct err err;

	fputs("<figure>\n", page->html);
	html_element(page->html, "figcaption", NULL, "%s", title);
	if (!plot_draw(page->html, writer, &source, ++page->plots, &err))
		html_element(page->html, "p", "dim noplot", "Not drawn: %s.",
			     otherwise ? otherwise : err.text);
	fputs("</figure>\n", page->html);
}

/* Why a benchmark has no figure in any arm, or NULL if it has, or is unknown. */
static const char *why_not(const struct page *page, const char *bench)
{
	const char *reason = NULL;
	size_t i;

	for (i = 0; i < page->summary->nr; i++) {
		if (strcmp(page->summary->at[i].bench->name, bench) != 0)
			continue;
		if (page->summary->at[i].value.nr)
			return NULL;
		reason = page->summary->at[i].why_not;
	}
	return reason;
}

static void show_group_plots(struct page *page, const char *group)
{
	if (strcmp(group, "mem") == 0) {
		show_plot(page, "Pointer chase: time of an access over the working set", plot_sizes,
			  "mem.chase_", NULL);
		show_plot(page, "Random access: time of an access over the working set", plot_sizes,
			  "mem.random_", NULL);
		page_paging(page->html, page->data);
	} else if (strcmp(group, "blk") == 0) {
		show_plot(page, "4 KiB random reads over queue depth", plot_depths,
			  "blk.randread_qd", NULL);
		show_plot(page, "4 KiB random writes over queue depth", plot_depths,
			  "blk.randwrite_qd", NULL);
	} else if (strcmp(group, "trap") == 0) {
		show_plot(page, "Where the time of an exit from ring 3 goes", plot_exits, "trap.",
			  NULL);
	} else if (strcmp(group, "life") == 0) {
		show_plot(page, "Start to first output: share of starts that took at most so long",
			  plot_cdf, "life.first_output", NULL);
		show_plot(page, "Start to end: share of starts that took at most so long", plot_cdf,
			  "life.total", NULL);
	} else if (strcmp(group, "net") == 0) {
		show_plot(
			page,
			"Request and response of 64 bytes: share of samples, each a mean of many, "
			"that took at most so long",
			plot_cdf, "net.udp_rr_64", NULL);
	} else if (strcmp(group, "energy") == 0) {
		show_plot(page, "Power over time, at work", plot_power, "energy.noploop",
			  why_not(page, "energy.noploop"));
	}
}

static bool has_group(const struct page *page, const char *group)
{
	size_t i, length = strlen(group);

	for (i = 0; i < page->summary->nr; i++)
		if (catalog_group_length(page->summary->at[i].bench->name) == length &&
		    strncmp(page->summary->at[i].bench->name, group, length) == 0)
			return true;
	return false;
}

static void show_group(struct page *page, const char *group, const char *title)
{
	char prefix[16], caption[64];

	html_element(page->html, "h2", NULL, "%s (%s)", title, group);
	if (!has_group(page, group)) {
		html_element(page->html, "p", "dim",
			     "Not measured: this run did not ask for it, or the benchmark file has "
			     "none of this group.");
		return;
	}
	(void)snprintf(prefix, sizeof(prefix), "%s.", group);
	(void)snprintf(caption, sizeof(caption), "%s: ratio to native, with 95 %% intervals",
		       title);
	show_plot(page, caption, plot_ratios, prefix, NULL);
	show_group_plots(page, group);
	page_group(page->html, page->summary, group);
}

/* ---- the end ---- */

static void print_method(const struct page *page)
{
	json_t *run;
	size_t i;
	char *text;

	html_element(page->html, "h2", NULL, "How it was measured");
	html_element(
		page->html, "p", NULL,
		"In each round every benchmark ran once in every arm, benchmarks in random "
		"order and for each of them the arms in random order; life.image and "
		"life.idle_* in six rounds at most. Round 0 and the first "
		"sample of each run are a warm-up: kept in samples.jsonl.gz, marked, and not in "
		"any figure here.");
	for (i = 0; i < json_array_size(page->data->runs); i++) {
		run = json_array_get(page->data->runs, i);
		text = json_dumps(json_object_get(run, "settings"), 0);
		html_element(page->html, "p", NULL,
			     "Run %zu: from round %" JSON_INTEGER_FORMAT
			     " on, seed %" JSON_INTEGER_FORMAT ", settings %s.",
			     i + 1, json_integer_value(json_object_get(run, "first_round")),
			     json_integer_value(json_object_get(run, "seed")), text ? text : "");
		free(text);
	}
	html_element(page->html, "h3", NULL, "The host");
	page_host(page->html, json_object_get(last_run(page), "host"));
}

static int write_page(FILE *file, const void *opaque)
{
	struct page page = *(const struct page *)opaque;
	size_t i;

	page.html = file;
	html_begin(file, "tinybench: native, containers and virtual machines");
	print_head(&page);
	page_study(file, page.summary);
	for (i = 0; i < NR_OF(groups); i++)
		show_group(&page, groups[i].name, groups[i].title);
	print_method(&page);
	html_end(file);
	return 0;
}

int page_save(const struct summary *summary, const struct dataset *data, const char *dir,
	      struct err *err)
{
	struct page page = {.summary = summary, .data = data};

	return file_replace(dir, "report.html", write_page, &page, err);
}
