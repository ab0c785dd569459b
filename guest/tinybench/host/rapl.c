/* SPDX-License-Identifier: MIT */
/* The energy counters of the CPU packages. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/base/file.h"
#include "guest/tinybench/host/rapl.h"

/* False if the file is missing, unreadable (it is root's alone since CVE-2020-8694) or no number.
 */
static bool read_counter(const char *powercap, unsigned int package, const char *name,
			 uint64_t *value)
{
	char path[512], text[64], *end;

	if (snprintf(path, sizeof(path), "%s/intel-rapl:%u/%s", powercap, package, name) >=
	    (int)sizeof(path))
		return false;
	file_read_line(path, text, sizeof(text));
	*value = strtoull(text, &end, 10);
	return end != text && *end == '\0';
}

int rapl_read(const char *powercap, struct rapl *rapl, struct err *err)
{
	char path[512];
	unsigned int i;

	memset(rapl, 0, sizeof(*rapl));
	(void)snprintf(path, sizeof(path), "%s/intel-rapl:0", powercap);
	if (!file_exists(path))
		return err_set(err, -ENOENT, "no RAPL on this host");
	for (i = 0; i < RAPL_MAX_PACKAGES; i++) {
		if (!read_counter(powercap, i, "energy_uj", &rapl->energy_uj[i]) ||
		    !read_counter(powercap, i, "max_energy_range_uj", &rapl->range_uj[i]))
			break;
		rapl->packages++;
	}
	if (rapl->packages == 0)
		return err_set(err, -EACCES, "%s/energy_uj cannot be read; run as root", path);
	return 0;
}

double rapl_joules(const struct rapl *before, const struct rapl *after)
{
	double joules = 0;
	unsigned int i;

	for (i = 0; i < before->packages && i < after->packages; i++) {
		if (after->energy_uj[i] >= before->energy_uj[i])
			joules += (double)(after->energy_uj[i] - before->energy_uj[i]) / 1e6;
		else
			joules += (double)(after->range_uj[i] - before->energy_uj[i] +
					   after->energy_uj[i]) /
				  1e6;
	}
	return joules;
}
