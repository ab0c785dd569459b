/* SPDX-License-Identifier: MIT */
/* The tables of the report. */
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/report/html.h"
#include "guest/tinybench/report/page_tables.h"
#include "guest/tinybench/report/paging.h"
#include "guest/tinybench/report/study.h"
#include "guest/tinybench/report/table.h"

/* ---- the study ---- */

static void print_ratio(FILE *html, const struct result *result, const char *value)
{
	char percent[32], lo[32], hi[32];

	summary_format_percent(100 * (result->ratio.median - 1), percent, sizeof(percent));
	summary_format_percent(100 * (result->ratio.lo - 1), lo, sizeof(lo));
	summary_format_percent(100 * (result->ratio.hi - 1), hi, sizeof(hi));
	html_element(html, "td", NULL, "%s %s (%s %%, interval %s .. %s)", value,
		     result->bench->unit, percent, lo, hi);
}

/* "2.391", with "(+0.3 %, -0.1 .. +0.7)" where it has a ratio. */
static void print_figure(FILE *html, const struct summary *summary, const char *bench,
			 const char *arm)
{
	const struct result *result = summary_find(summary, bench, arm);
	char text[300], value[32];

	if (!result) {
		html_element(html, "td", "dim", "not measured");
		return;
	}
	if (result->value.nr == 0) {
		summary_say(result, text, sizeof(text));
		html_element(html, "td", "dim", "%s", text);
		return;
	}
	table_format_number(result->value.median, value, sizeof(value));
	if (result->ratio.nr == 0)
		html_element(html, "td", NULL, "%s %s", value, result->bench->unit);
	else
		print_ratio(html, result, value);
}

static void print_row(FILE *html, const struct summary *summary, const struct study_row *row)
{
	fputs("<tr>", html);
	html_element(html, "td", NULL, "%s", row->name);
	html_element(html, "td", NULL, "%s", row->native);
	html_element(html, "td", NULL, "%s", row->kvm);
	html_element(html, "td", NULL, "%s", row->docker);
	html_element(html, "td", NULL, "%s", row->bench);
	print_figure(html, summary, row->bench, "native");
	print_figure(html, summary, row->bench, "vm");
	print_figure(html, summary, row->bench, "container");
	html_element(html, "td", "dim", "%s", row->remark ? row->remark : "");
	fputs("</tr>\n", html);
}

static void begin_study(FILE *html, const char *title)
{
	html_element(html, "h3", NULL, "%s", title);
	fputs("<div class=\"scroll\"><table class=\"study\">\n<tr><th>row<th>paper: "
	      "native<th>paper: "
	      "KVM<th>paper: Docker<th>here<th>native<th>vm<th>container<th>what differs</tr>\n",
	      html);
}

void page_study(FILE *html, const struct summary *summary)
{
	size_t i;

	html_element(html, "h2", NULL, "The study, row by row");
	html_element(html, "p", NULL,
		     "S. Vaucher, \"Comparing Virtual Machines and Linux Containers\" (2015), "
		     "measured other programs on other machines: what can be compared is how far "
		     "each column is from native, not the figures themselves.");
	begin_study(html, "Table II: native, KVM and Docker");
	for (i = 0; study_table_2(i); i++)
		print_row(html, summary, study_table_2(i));
	fputs("</table></div>\n", html);
	begin_study(html, "Table IV: energy");
	for (i = 0; study_table_4(i); i++)
		print_row(html, summary, study_table_4(i));
	fputs("</table></div>\n", html);
}

/* ---- a group ---- */

static bool in_group(const struct result *result, const char *group)
{
	size_t length = strlen(group);

	return strncmp(result->bench->name, group, length) == 0 &&
	       result->bench->name[length] == '.';
}

static void print_result(FILE *html, const struct result *result, bool first)
{
	char median[32], lo[32], hi[32], text[300];

	summary_say(result, text, sizeof(text));
	fprintf(html, "<tr%s>", first ? "" : " class=\"more\"");
	html_element(html, "td", NULL, "%s", first ? result->bench->name : "");
	html_element(html, "td", NULL, "%s", first ? result->bench->unit : "");
	html_element(html, "td", NULL, "%s", result->arm);
	if (result->value.nr) {
		table_format_number(result->value.median, median, sizeof(median));
		table_format_number(result->value.lo, lo, sizeof(lo));
		table_format_number(result->value.hi, hi, sizeof(hi));
		html_element(html, "td", "n", "%s", median);
		html_element(html, "td", "n", "%s .. %s", lo, hi);
	} else {
		fputs("<td><td>", html);
	}
	if (result->ratio.nr) {
		html_element(html, "td", "n", "%.4f", result->ratio.median);
		html_element(html, "td", "n", "%.4f .. %.4f", result->ratio.lo, result->ratio.hi);
	} else {
		fputs("<td><td>", html);
	}
	html_element(html, "td", NULL, "%s", text);
	fputs("</tr>\n", html);
}

/* What each benchmark is, below the table: the names alone say too little. */
static void print_sentences(FILE *html, const struct summary *summary, const char *group)
{
	const struct bench *last = NULL;
	size_t i;

	fputs("<details><summary>What each of them is</summary>\n<ul>\n", html);
	for (i = 0; i < summary->nr; i++) {
		if (!in_group(&summary->at[i], group) || summary->at[i].bench == last)
			continue;
		last = summary->at[i].bench;
		html_element(html, "li", NULL, "%s (%s, %s is better): %s", last->name, last->unit,
			     last->higher_is_better ? "higher" : "lower", last->text);
	}
	fputs("</ul></details>\n", html);
}

void page_group(FILE *html, const struct summary *summary, const char *group)
{
	const struct bench *last = NULL;
	size_t i;

	fputs("<div class=\"scroll\"><table "
	      "class=\"results\">\n<tr><th>benchmark<th>unit<th>arm<th>median<th>95 % "
	      "interval<th>ratio to native<th>95 % interval<th>what it says</tr>\n",
	      html);
	for (i = 0; i < summary->nr; i++) {
		if (!in_group(&summary->at[i], group))
			continue;
		print_result(html, &summary->at[i], summary->at[i].bench != last);
		last = summary->at[i].bench;
	}
	fputs("</table></div>\n", html);
	print_sentences(html, summary, group);
}

/* ---- paging ---- */

static void print_difference(FILE *html, const struct estimate *estimate)
{
	html_element(html, "td", "n", "%.3g (%.3g .. %.3g)", estimate->median, estimate->lo,
		     estimate->hi);
}

static void print_paging(FILE *html, const struct paging *paging)
{
	char text[400];

	paging_say(paging, text, sizeof(text));
	fputs("<tr>", html);
	html_element(html, "td", NULL, "%s", paging->bench->name);
	html_element(html, "td", "n", "%.4g", paging->native_4k);
	html_element(html, "td", "n", "%.4g", paging->vm_4k);
	html_element(html, "td", "n", "%.4g", paging->native_2m);
	html_element(html, "td", "n", "%.4g", paging->vm_2m);
	print_difference(html, &paging->extra_4k);
	print_difference(html, &paging->extra_2m);
	print_difference(html, &paging->walks);
	html_element(html, "td", NULL, "%s", text);
	fputs("</tr>\n", html);
}

void page_paging(FILE *html, const struct dataset *data)
{
	struct paging paging;
	bool any = false;

	html_element(html, "h3", NULL, "Which part of an access is paging");
	for (size_t i = 0; i < data->benches.nr; i++) {
		if (!paging_concerns(data->benches.at[i]) ||
		    !paging_make(&paging, data, data->benches.at[i]))
			continue;
		if (!any)
			fputs("<div class=\"scroll\"><table class=\"paging\">\n<tr><th>ns an "
			      "access"
			      "<th>native, 4 KiB<th>vm, 4 KiB<th>native, 2 MiB<th>vm, 2 MiB"
			      "<th>vm - native, 4 KiB<th>vm - native, 2 MiB<th>of it page walks"
			      "<th>what it says</tr>\n",
			      html);
		any = true;
		print_paging(html, &paging);
	}
	if (any)
		fputs("</table></div>\n", html);
	html_element(html, "p", "dim",
		     any ? "Pages of 2 MiB make nearly all walks of page tables go away. What a VM "
			   "adds with pages of 4 KiB and not with those is its walks; what it adds "
			   "with both is something else."
			 : "Not split: that takes the arms " PAGING_ARMS ".");
}

/* ---- the host ---- */

void page_host(FILE *html, const json_t *host)
{
	json_t *facts = (json_t *)host, *value; /* iterating does not change it */
	const char *key;
	char *text;
	void *at;

	fputs("<div class=\"scroll\"><table>\n", html);
	for (at = json_object_iter(facts); at; at = json_object_iter_next(facts, at)) {
		key = json_object_iter_key(at);
		value = json_object_iter_value(at);
		text = json_is_string(value)
			       ? NULL
			       : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(4));
		fputs("<tr>", html);
		html_element(html, "th", NULL, "%s", key);
		html_element(html, "td", NULL, "%s",
			     json_is_null(value) ? "unknown here"
			     : text		 ? text
						 : json_string_value(value));
		fputs("</tr>\n", html);
		free(text);
	}
	fputs("</table></div>\n", html);
}
