/* SPDX-License-Identifier: MIT */
/* The CPUs that a run may use. */
#include <errno.h>
#include <string.h>

#include "guest/tinybench/base/cpus.h"
#include "vmm/core/parse.h"

int cpus_parse(const char *list, cpu_set_t *set, struct err *err)
{
	unsigned int cpus[CPU_SETSIZE], nr, i;
	int ret = parse_cpu_list(list, cpus, CPU_SETSIZE, &nr);

	CPU_ZERO(set);
	for (i = 0; !ret && i < nr; i++) {
		if (cpus[i] >= CPU_SETSIZE)
			ret = -ERANGE;
		else
			CPU_SET(cpus[i], set);
	}
	if (ret)
		return err_set(err, -EINVAL,
			       "--pin %s: give a list of CPUs, each once and below %d, as in 0,2-5",
			       list, CPU_SETSIZE);
	return 0;
}

int cpus_check(const char *list, const cpu_set_t *wanted, const cpu_set_t *allowed, struct err *err)
{
	size_t cpu;

	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, wanted) && !CPU_ISSET(cpu, allowed))
			return err_set(err, -EINVAL,
				       "--pin %s: CPU %zu cannot be used here; taskset -p $$ shows "
				       "which can",
				       list, cpu);
	return 0;
}

int cpus_confine(const char *list, struct err *err)
{
	cpu_set_t wanted, allowed;
	int ret = cpus_parse(list, &wanted, err);

	CPU_ZERO(&allowed);
	(void)sched_getaffinity(0, sizeof(allowed), &allowed);
	if (!ret)
		ret = cpus_check(list, &wanted, &allowed, err);
	if (!ret && sched_setaffinity(0, sizeof(wanted), &wanted) < 0)
		ret = err_set(err, -EINVAL, "--pin %s: %s", list, strerror(errno));
	return ret;
}

unsigned int cpus_usable(void)
{
	cpu_set_t allowed;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return 1;
	return (unsigned int)CPU_COUNT(&allowed);
}
