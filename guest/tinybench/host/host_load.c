/* SPDX-License-Identifier: MIT */
/* How busy the machine was, and what of it would spoil a measurement. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/base/file.h"
#include "guest/tinybench/host/host.h"

bool host_load_parse(const char *line, struct host_load *load)
{
	uint64_t field[8] = {0}; /* user nice system idle iowait irq softirq steal */
	size_t i;

	if (sscanf(line,
		   "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		   " %" SCNu64 " %" SCNu64,
		   &field[0], &field[1], &field[2], &field[3], &field[4], &field[5], &field[6],
		   &field[7]) < 8)
		return false;
	load->total = 0;
	for (i = 0; i < 8; i++)
		load->total += field[i];
	load->idle = field[3] + field[4];
	load->steal = field[7];
	return true;
}

void host_load_read(struct host_load *load)
{
	char text[256];

	memset(load, 0, sizeof(*load));
	host_load_parse(file_read_line("/proc/stat", text, sizeof(text)), load);
	load->load_average = strtod(file_read_line("/proc/loadavg", text, sizeof(text)), NULL);
}

json_t *host_load_between(const struct host_load *before, const struct host_load *after)
{
	double total = (double)(after->total - before->total);
	double steal = (double)(after->steal - before->steal);
	double idle = (double)(after->idle - before->idle);

	if (total <= 0)
		total = 1;
	return json_pack("{s:f, s:f, s:f}", "steal_percent", 100 * steal / total, "busy_percent",
			 100 * (total - idle) / total, "load_average", after->load_average);
}

/* ---- warnings ---- */

static void warn(json_t *warnings, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void warn(json_t *warnings, const char *format, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	json_array_append_new(warnings, json_string(text));
}

static bool is(const json_t *facts, const char *key, const char *value)
{
	const char *text = json_string_value(json_object_get(facts, key));

	return text && strcmp(text, value) == 0;
}

static double number(const json_t *facts, const char *part, const char *key)
{
	return json_number_value(json_object_get(json_object_get(facts, part), key));
}

json_t *host_warnings(const json_t *facts)
{
	const char *governor = json_string_value(json_object_get(facts, "governor"));
	double busy = number(facts, "load_before", "busy_percent");
	double steal = number(facts, "load_during", "steal_percent");
	/* One busy CPU of many is little of the whole, and all of a single-threaded benchmark. */
	double busy_cpus = busy / 100 * json_number_value(json_object_get(facts, "cpus"));
	json_t *warnings = json_array();

	if (is(facts, "tinyvmm_build", "sanitizers"))
		warn(warnings, "tinyvmm is built with sanitizers; run make clean and make");
	if (is(facts, "tinyvmm_build", "debug"))
		warn(warnings, "tinyvmm is built without optimisation; run make clean and make");
	if (governor && strcmp(governor, "performance") != 0)
		warn(warnings,
		     "the CPU frequency governor is \"%s\"; cpupower frequency-set -g performance",
		     governor);
	if (json_is_true(json_object_get(facts, "turbo")))
		warn(warnings, "turbo is on: the clock depends on temperature and neighbours");
	if (is(facts, "numa_balancing", "1") && !is(facts, "numa_nodes", "0"))
		warn(warnings, "NUMA balancing moves pages while they are measured; echo 0 > "
			       "/proc/sys/kernel/numa_balancing");
	if (busy > 10 || busy_cpus > 0.5)
		warn(warnings,
		     "the machine was busy before the run: %.0f %% of its CPU time, load average "
		     "%.2f",
		     busy, number(facts, "load_before", "load_average"));
	if (steal > 1)
		warn(warnings, "%.1f %% of the CPU time was stolen by the hypervisor below", steal);
	return warnings;
}
