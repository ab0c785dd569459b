/* SPDX-License-Identifier: MIT */
/* The exit statistics for people (a table) and for programs (JSON, RFC 8259). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/stats/lines.h"

static double to_us(const struct exitstat_report *report, uint64_t ticks)
{
	return report->ticks_per_second != 0
		       ? (double)ticks * 1e6 / (double)report->ticks_per_second
		       : 0;
}

static const char *name_of(const struct exitstat_report *report, const struct exit_line *line)
{
	if (report->name_of == NULL || line->catch_all)
		return NULL;
	return report->name_of(report->ctx, line->kind, line->detail);
}

/* ---- the table ---- */

#define WHERE_TEXT 26 /* a table line is 100 columns */

/* "0x3f8 serial", "reason 26", "(others)". */
static void format_where(char text[WHERE_TEXT], const struct exitstat_report *report,
			 const struct exit_line *line)
{
	const char *name = name_of(report, line);
	char detail[24] = "";

	if (line->catch_all)
		snprintf(detail, sizeof(detail), "(others)");
	else if (line->kind == EXIT_HYPERCALL)
		snprintf(detail, sizeof(detail), "%" PRIu64, line->detail);
	else if (line->kind == EXIT_OTHER && name == NULL)
		snprintf(detail, sizeof(detail), "reason %" PRIu64, line->detail);
	else if (line->kind != EXIT_OTHER && exitstat_has_detail(line->kind))
		snprintf(detail, sizeof(detail), "0x%" PRIx64, line->detail);
	snprintf(text, WHERE_TEXT, "%s%s%s", detail, detail[0] != '\0' && name != NULL ? " " : "",
		 name != NULL ? name : "");
}

/* How often a second, and which share of the vCPUs' time. */
static void print_rate(const struct exitstat_report *report, unsigned int nr_vcpus, uint64_t count,
		       uint64_t ticks, FILE *to)
{
	double wall = report->wall_seconds;

	if (wall > 0)
		fprintf(to, " %9.0f %6.2f", (double)count / wall,
			to_us(report, ticks) / (wall * nr_vcpus * 1e4));
	else
		fprintf(to, " %9s %6s", "-", "-");
}

static void print_exits(const struct exitstat_report *report, unsigned int first, unsigned int nr,
			FILE *to)
{
	uint64_t count = 0, total = 0;
	struct exit_line *lines;
	int nr_lines = exitstat_collect(report, first, nr, &lines);
	char where[WHERE_TEXT];
	int i;

	if (nr_lines <= 0) {
		fprintf(to, "%s\n", nr_lines == 0 ? "no exits" : "out of memory");
		return;
	}
	fprintf(to, "%-10s %-*s %10s %9s %6s %8s %8s %8s %8s\n", "exit", WHERE_TEXT - 1, "where",
		"count", "per s", "time %", "p50 us", "p90 us", "p99 us", "max us");
	for (i = 0; i < nr_lines; i++) {
		const struct exit_line *line = &lines[i];

		format_where(where, report, line);
		fprintf(to, "%-10s %-*s %10" PRIu64, exitstat_kind_name(line->kind), WHERE_TEXT - 1,
			where, line->count);
		print_rate(report, nr, line->count, line->total, to);
		fprintf(to, " %8.2f %8.2f %8.2f %8.2f\n", to_us(report, line->p50),
			to_us(report, line->p90), to_us(report, line->p99),
			to_us(report, line->max));
		count += line->count;
		total += line->total;
	}
	fprintf(to, "%-10s %-*s %10" PRIu64, "total", WHERE_TEXT - 1, "", count);
	print_rate(report, nr, count, total, to);
	fputc('\n', to);
	free(lines);
}

static void print_kvm(const struct exitstat_report *report, int vcpu, const char *whose, FILE *to)
{
	struct exitstat_kvm_counter *counters;
	int nr = exitstat_collect_kvm(report, vcpu, &counters);
	int i;

	if (nr > 0)
		fprintf(to, "\nKVM's own counters, %s\n", whose);
	for (i = 0; i < nr; i++)
		fprintf(to, "%-*s %10" PRIu64 "\n", WHERE_TEXT + 10, counters[i].name,
			counters[i].value);
	free(counters);
}

void exitstat_print_table(const struct exitstat_report *report, FILE *to)
{
	char whose[32];
	unsigned int i;

	fprintf(to, "tinyvmm %s on %s: %u vCPU%s, %.3f s\n\n", report->version, report->host_kind,
		report->nr_vcpus, report->nr_vcpus == 1 ? "" : "s", report->wall_seconds);
	print_exits(report, 0, report->nr_vcpus, to);
	print_kvm(report, -1, "the VM", to);
	print_kvm(report, EXITSTAT_ALL_VCPUS, report->nr_vcpus == 1 ? "the vCPU" : "all vCPUs", to);
	for (i = 0; report->nr_vcpus > 1 && i < report->nr_vcpus; i++) {
		snprintf(whose, sizeof(whose), "vCPU %u", i);
		fprintf(to, "\n%s\n", whose);
		print_exits(report, i, 1, to);
		print_kvm(report, (int)i, whose, to);
	}
}

/* ---- JSON ---- */

/* A string; what is not printable ASCII is escaped, byte by byte. */
static void json_string(const char *text, FILE *to)
{
	const unsigned char *p = (const unsigned char *)text;

	if (text == NULL) {
		fputs("null", to);
		return;
	}
	fputc('"', to);
	for (; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			fprintf(to, "\\%c", *p);
		else if (*p < 0x20 || *p >= 0x7f)
			fprintf(to, "\\u%04x", *p);
		else
			fputc(*p, to);
	}
	fputc('"', to);
}

/* The detail is a string in hexadecimal: JSON's numbers are doubles for most readers. */
static void json_exit(const struct exitstat_report *report, const struct exit_line *line, FILE *to)
{
	fprintf(to, "{\"kind\":\"%s\",\"detail\":", exitstat_kind_name(line->kind));
	if (line->catch_all || !exitstat_has_detail(line->kind))
		fputs("null", to);
	else
		fprintf(to, "\"0x%" PRIx64 "\"", line->detail);
	fputs(",\"name\":", to);
	json_string(line->catch_all ? "(others)" : name_of(report, line), to);
	fprintf(to,
		",\"count\":%" PRIu64 ",\"total_us\":%.3f,\"min_us\":%.3f,\"p50_us\":%.3f,"
		"\"p90_us\":%.3f,\"p99_us\":%.3f,\"max_us\":%.3f}",
		line->count, to_us(report, line->total), to_us(report, line->min),
		to_us(report, line->p50), to_us(report, line->p90), to_us(report, line->p99),
		to_us(report, line->max));
}

/* An array, or null for want of memory. */
static void json_exits(const struct exitstat_report *report, unsigned int first, unsigned int nr,
		       const char *indent, FILE *to)
{
	struct exit_line *lines;
	int nr_lines = exitstat_collect(report, first, nr, &lines);
	int i;

	if (nr_lines < 0) {
		fputs("null", to);
		return;
	}
	fputc('[', to);
	for (i = 0; i < nr_lines; i++) {
		fprintf(to, "%s\n%s", i > 0 ? "," : "", indent);
		json_exit(report, &lines[i], to);
	}
	fputc(']', to);
	free(lines);
}

static void json_kvm(const struct exitstat_report *report, FILE *to)
{
	unsigned int i;

	fputc('[', to);
	for (i = 0; i < report->nr_kvm; i++) {
		const struct exitstat_kvm_counter *counter = &report->kvm[i];

		fprintf(to, "%s\n  {\"name\":", i > 0 ? "," : "");
		json_string(counter->name, to);
		if (counter->vcpu < 0)
			fputs(",\"vcpu\":null", to);
		else
			fprintf(to, ",\"vcpu\":%d", counter->vcpu);
		fprintf(to, ",\"value\":%" PRIu64 "}", counter->value);
	}
	fputc(']', to);
}

void exitstat_print_json(const struct exitstat_report *report, FILE *to)
{
	unsigned int i;

	fputs("{\"schema\":\"tinyvmm-exits-1\",\n \"version\":", to);
	json_string(report->version, to);
	fputs(",\n \"host_kind\":", to);
	json_string(report->host_kind, to);
	fprintf(to, ",\n \"wall_seconds\":%.6f,\n \"ticks_per_second\":%" PRIu64 ",\n \"exits\":",
		report->wall_seconds, report->ticks_per_second);
	json_exits(report, 0, report->nr_vcpus, "  ", to);
	fputs(",\n \"vcpus\":[", to);
	for (i = 0; i < report->nr_vcpus; i++) {
		fprintf(to, "%s\n  {\"vcpu\":%u,\"exits\":", i > 0 ? "," : "", i);
		json_exits(report, i, 1, "   ", to);
		fputc('}', to);
	}
	fputs("],\n \"kvm\":", to);
	json_kvm(report, to);
	fputs("}\n", to);
}
