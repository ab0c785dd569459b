/* SPDX-License-Identifier: MIT */
/*
 * What Linux tells about the host's CPUs: Documentation/ABI/testing/sysfs-devices-system-cpu and
 * sysfs-devices-node. CPUs are grouped by reading one list of siblings for each core, package and
 * node, not four files for each CPU: on a host with hundreds of CPUs that is what --pin costs.
 */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>

#include "vmm/core/parse.h"
#include "vmm/host/cpus.h"
#include "vmm/host/file.h"

#define MAX_HOST_CPUS  8192 /* NR_CPUS of the largest x86-64 kernels */
#define MAX_HOST_NODES 1024
#define LIST_TEXT      4096 /* a sysfs file is a page at most */
#define UNKNOWN	       UINT_MAX

/* A list of CPUs or nodes as sysfs writes it. */
struct id_list {
	unsigned int nr;
	unsigned int id[MAX_HOST_CPUS];
};

struct reader {
	const char *sysfs;
	struct hostcpus *cpus;
	struct id_list list; /* of what was read last */
	char text[LIST_TEXT];
};

static int compare_ids(const void *id, const void *cpu)
{
	unsigned int a = *(const unsigned int *)id;
	unsigned int b = ((const struct hostcpu *)cpu)->id;

	return (a > b) - (a < b);
}

struct hostcpu *hostcpus_find(const struct hostcpus *cpus, unsigned int id)
{
	return bsearch(&id, cpus->cpu, cpus->nr, sizeof(cpus->cpu[0]), compare_ids);
}

/* Parses what hostfile_read() left in reader->text; passes its error on. */
static int parse_list(struct reader *reader, int ret)
{
	reader->list.nr = 0;
	if (ret != 0)
		return ret;
	if (reader->text[0] == '\0') /* a node without CPUs */
		return 0;
	return parse_cpu_list(reader->text, reader->list.id, MAX_HOST_CPUS, &reader->list.nr);
}

static int read_possible(struct reader *reader)
{
	struct hostcpus *cpus = reader->cpus;
	unsigned int i;
	int ret;

	ret = parse_list(reader, hostfile_read(reader->text, sizeof(reader->text),
					       "%s/devices/system/cpu/possible", reader->sysfs));
	if (ret != 0)
		return ret;
	cpus->cpu = calloc(reader->list.nr, sizeof(cpus->cpu[0]));
	if (cpus->cpu == NULL)
		return -ENOMEM;
	cpus->nr = reader->list.nr;
	for (i = 0; i < cpus->nr; i++)
		cpus->cpu[i] = (struct hostcpu){
			.id = reader->list.id[i], .package = UNKNOWN, .core = UNKNOWN};
	return 0;
}

static int read_online(struct reader *reader)
{
	unsigned int i;
	int ret;

	ret = parse_list(reader, hostfile_read(reader->text, sizeof(reader->text),
					       "%s/devices/system/cpu/online", reader->sysfs));
	for (i = 0; i < reader->list.nr; i++) {
		struct hostcpu *cpu = hostcpus_find(reader->cpus, reader->list.id[i]);

		if (cpu != NULL)
			cpu->online = true;
	}
	return ret;
}

/*
 * Reads which CPUs share a core (or a package) with `cpu`; without such a file, or if it does not
 * name `cpu`, that is `cpu` alone.
 */
static void read_siblings(struct reader *reader, unsigned int cpu, const char *file)
{
	unsigned int i;
	int ret;

	ret = parse_list(reader, hostfile_read(reader->text, sizeof(reader->text),
					       "%s/devices/system/cpu/cpu%u/topology/%s",
					       reader->sysfs, cpu, file));
	for (i = 0; ret == 0 && i < reader->list.nr; i++) {
		if (reader->list.id[i] == cpu)
			return;
	}
	reader->list.nr = 1;
	reader->list.id[0] = cpu;
}

/* Numbers packages in the order of their first CPU, and each core by its first CPU. */
static void read_topology(struct reader *reader)
{
	unsigned int nr_packages = 0;
	unsigned int i, j;

	for (i = 0; i < reader->cpus->nr; i++) {
		struct hostcpu *cpu = &reader->cpus->cpu[i];
		struct hostcpu *sibling;

		if (!cpu->allowed || !cpu->online)
			continue;
		if (cpu->core == UNKNOWN) {
			read_siblings(reader, cpu->id, "thread_siblings_list");
			for (j = 0; j < reader->list.nr; j++) {
				sibling = hostcpus_find(reader->cpus, reader->list.id[j]);
				if (sibling != NULL)
					sibling->core = reader->list.id[0];
			}
		}
		if (cpu->package == UNKNOWN) {
			read_siblings(reader, cpu->id, "core_siblings_list");
			for (j = 0; j < reader->list.nr; j++) {
				sibling = hostcpus_find(reader->cpus, reader->list.id[j]);
				if (sibling != NULL)
					sibling->package = nr_packages;
			}
			nr_packages++;
		}
	}
}

/* A kernel without NUMA has no such directory: all CPUs then stay on node 0. */
static void read_nodes(struct reader *reader)
{
	unsigned int nodes[MAX_HOST_NODES];
	unsigned int nr_nodes = 0;
	unsigned int i, j;

	if (hostfile_read(reader->text, sizeof(reader->text), "%s/devices/system/node/online",
			  reader->sysfs) != 0 ||
	    parse_cpu_list(reader->text, nodes, MAX_HOST_NODES, &nr_nodes) != 0)
		return;
	for (i = 0; i < nr_nodes; i++) {
		if (parse_list(reader, hostfile_read(reader->text, sizeof(reader->text),
						     "%s/devices/system/node/node%u/cpulist",
						     reader->sysfs, nodes[i])) != 0)
			continue;
		for (j = 0; j < reader->list.nr; j++) {
			struct hostcpu *cpu = hostcpus_find(reader->cpus, reader->list.id[j]);

			if (cpu != NULL)
				cpu->node = nodes[i];
		}
	}
}

int hostcpus_read_at(struct hostcpus *cpus, const char *sysfs, const unsigned int *allowed,
		     unsigned int nr_allowed)
{
	struct reader *reader;
	unsigned int i;
	int ret;

	*cpus = (struct hostcpus){0};
	reader = malloc(sizeof(*reader));
	if (reader == NULL)
		return -ENOMEM;
	reader->sysfs = sysfs;
	reader->cpus = cpus;
	ret = read_possible(reader);
	if (ret == 0)
		ret = read_online(reader);
	if (ret == 0) {
		for (i = 0; i < nr_allowed; i++) {
			struct hostcpu *cpu = hostcpus_find(cpus, allowed[i]);

			if (cpu != NULL)
				cpu->allowed = true;
		}
		read_topology(reader);
		read_nodes(reader);
	}
	free(reader);
	if (ret != 0)
		hostcpus_free(cpus);
	return ret;
}

/* The kernel refuses a set smaller than its own (EINVAL) and does not say how large that is. */
static int get_affinity(cpu_set_t **set, size_t *size)
{
	unsigned int nr;

	for (nr = CPU_SETSIZE; nr <= 8 * MAX_HOST_CPUS; nr *= 2) {
		*size = CPU_ALLOC_SIZE(nr);
		*set = CPU_ALLOC(nr);
		if (*set == NULL)
			return -ENOMEM;
		if (sched_getaffinity(0, *size, *set) == 0)
			return 0;
		CPU_FREE(*set);
		if (errno != EINVAL)
			return -errno;
	}
	return -EINVAL;
}

int hostcpus_read(struct hostcpus *cpus)
{
	unsigned int *allowed;
	unsigned int nr = 0;
	unsigned int i;
	cpu_set_t *set;
	size_t size;
	int ret;

	*cpus = (struct hostcpus){0};
	ret = get_affinity(&set, &size);
	if (ret != 0)
		return ret;
	allowed = calloc((size_t)CPU_COUNT_S(size, set) + 1, sizeof(*allowed));
	if (allowed == NULL) {
		CPU_FREE(set);
		return -ENOMEM;
	}
	for (i = 0; i < 8 * size; i++) {
		if (CPU_ISSET_S(i, size, set))
			allowed[nr++] = i;
	}
	CPU_FREE(set);
	ret = hostcpus_read_at(cpus, "/sys", allowed, nr);
	free(allowed);
	return ret;
}

void hostcpus_free(struct hostcpus *cpus)
{
	free(cpus->cpu);
	*cpus = (struct hostcpus){0};
}
