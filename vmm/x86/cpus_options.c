/* SPDX-License-Identifier: MIT */
/* --cpus N[,sockets=S][,cores=C][,threads=T] */
#include "vmm/x86/cpus_options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/core/parse.h"

static unsigned int divide_up(uint64_t dividend, uint64_t divisor)
{
	return (unsigned int)((dividend + divisor - 1) / divisor);
}

/*
 * What is left out follows from the rest: threads are one each and cores fill up the sockets,
 * unless only they are missing.
 */
static void derive_topology(struct cpus_options *cpus)
{
	if (cpus->threads == 0)
		cpus->threads = cpus->sockets != 0 && cpus->cores != 0
					? divide_up(cpus->nr, (uint64_t)cpus->sockets * cpus->cores)
					: 1;
	if (cpus->sockets == 0)
		cpus->sockets = cpus->cores != 0
					? divide_up(cpus->nr, (uint64_t)cpus->cores * cpus->threads)
					: 1;
	if (cpus->cores == 0)
		cpus->cores = divide_up(cpus->nr, (uint64_t)cpus->sockets * cpus->threads);
}

/* The last socket may be partly filled, but no socket may be empty. */
static int check_topology(const struct cpus_options *cpus, const char *value, struct err *err)
{
	uint64_t per_socket = (uint64_t)cpus->cores * cpus->threads;
	uint64_t room = cpus->sockets * per_socket;

	if (room >= cpus->nr && room - cpus->nr < per_socket)
		return 0;
	return err_set(err, -EINVAL,
		       "--cpus %s: sockets=%u,cores=%u,threads=%u %s %u vCPUs; give %" PRIu64
		       ", or leave one of the three out to have it derived",
		       value, cpus->sockets, cpus->cores, cpus->threads,
		       room < cpus->nr ? "has no room for" : "leaves a socket empty with", cpus->nr,
		       room);
}

static int parse_cpus_part(struct cpus_options *cpus, const char *value, const char *key,
			   const char *number, struct err *err)
{
	unsigned int *field;

	if (strcmp(key, "sockets") == 0)
		field = &cpus->sockets;
	else if (strcmp(key, "cores") == 0)
		field = &cpus->cores;
	else if (strcmp(key, "threads") == 0)
		field = &cpus->threads;
	else
		return err_set(err, -EINVAL,
			       "--cpus %s: unknown part \"%s\"; known are sockets=S, cores=C and "
			       "threads=T",
			       value, key);
	if (number == NULL || parse_uint(number, 1, CPUS_MAX, field) != 0)
		return err_set(err, -EINVAL, "--cpus %s: %s is not a number from 1 to %u", value,
			       key, CPUS_MAX);
	cpus->topology_given = true;
	return 0;
}

int cpus_parse_options(const char *value, struct cpus_options *options, struct err *err)
{
	struct cpus_options cpus = {0};
	char *copy = strdup(value);
	char *cursor = copy;
	char *key, *number;
	int ret = 0;

	if (copy == NULL)
		return err_set(err, -ENOMEM, "--cpus: out of memory");
	parse_suboption(&cursor, &key, &number);
	if (number != NULL || parse_uint(key, 1, CPUS_MAX, &cpus.nr) != 0)
		ret = err_set(err, -EINVAL,
			      "--cpus %s: the number of vCPUs comes first and is from 1 to %u; for "
			      "example --cpus 4,sockets=2",
			      value, CPUS_MAX);
	while (ret == 0 && parse_suboption(&cursor, &key, &number))
		ret = parse_cpus_part(&cpus, value, key, number, err);
	if (ret == 0 && cpus.topology_given) {
		derive_topology(&cpus);
		ret = check_topology(&cpus, value, err);
	}
	if (ret == 0)
		*options = cpus;
	free(copy);
	return ret;
}
