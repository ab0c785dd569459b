/* SPDX-License-Identifier: MIT */
/* Which vCPU runs on which host CPU, and the shape that these CPUs have. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/host/cpus.h"

#define LIST_TEXT 160

/* Writes ascending or unsorted ids as "0,2-5", cut with "..." where the text is too short. */
static void format_list(char text[LIST_TEXT], const unsigned int *ids, unsigned int nr)
{
	unsigned int i = 0;
	size_t len = 0;

	text[0] = '\0';
	while (i < nr) {
		unsigned int first = ids[i++];
		unsigned int last = first;

		while (i < nr && ids[i] == last + 1)
			last = ids[i++];
		if (len > LIST_TEXT - 32) {
			snprintf(text + len, LIST_TEXT - len, ",...");
			return;
		}
		len += (size_t)snprintf(text + len, LIST_TEXT - len, "%s%u", len > 0 ? "," : "",
					first);
		if (last != first)
			len += (size_t)snprintf(text + len, LIST_TEXT - len, "-%u", last);
	}
}

static bool is_usable(const struct hostcpu *cpu)
{
	return cpu->online && cpu->allowed;
}

/* The CPUs that this process may use; `usable` has room for host->nr. */
static unsigned int usable_cpus(const struct hostcpus *host, unsigned int *usable)
{
	unsigned int nr = 0;
	unsigned int i;

	for (i = 0; i < host->nr; i++) {
		if (is_usable(&host->cpu[i]))
			usable[nr++] = host->cpu[i].id;
	}
	return nr;
}

/* ---- an explicit list ---- */

static int refuse_cpu(const struct hostcpus *host, const struct pin_options *pin, unsigned int id,
		      const char *what, struct err *err)
{
	unsigned int *usable = calloc(host->nr + 1, sizeof(*usable));
	char list[LIST_TEXT], may[LIST_TEXT];

	if (usable == NULL)
		return err_set(err, -ENOMEM, "--pin: out of memory");
	format_list(list, pin->cpus, pin->nr);
	format_list(may, usable, usable_cpus(host, usable));
	free(usable);
	return err_set(err, -EINVAL, "--pin=%s: CPU %u %s; this process may use CPUs %s", list, id,
		       what, may);
}

static int place_as_listed(const struct hostcpus *host, const struct pin_options *pin,
			   unsigned int nr_vcpus, unsigned int *cpu_of, struct err *err)
{
	char list[LIST_TEXT];
	unsigned int i;

	for (i = 0; i < pin->nr; i++) {
		const struct hostcpu *cpu = hostcpus_find(host, pin->cpus[i]);

		if (cpu == NULL)
			return refuse_cpu(host, pin, pin->cpus[i], "does not exist", err);
		if (!cpu->online)
			return refuse_cpu(host, pin, pin->cpus[i], "is offline", err);
		if (!cpu->allowed)
			return refuse_cpu(host, pin, pin->cpus[i],
					  "is outside this process's affinity or cpuset", err);
	}
	if (pin->nr < nr_vcpus) {
		format_list(list, pin->cpus, pin->nr);
		return err_set(err, -EINVAL,
			       "--pin=%s: %u CPU%s for %u vCPUs; list one for each, or use --cpus "
			       "%u",
			       list, pin->nr, pin->nr == 1 ? "" : "s", nr_vcpus, pin->nr);
	}
	memcpy(cpu_of, pin->cpus, nr_vcpus * sizeof(*cpu_of));
	return 0;
}

/* ---- a choice of our own ---- */

/* A usable CPU, and how many usable threads of its core come before it. */
struct candidate {
	const struct hostcpu *cpu;
	unsigned int thread;
};

static int compare(unsigned int a, unsigned int b)
{
	return (a > b) - (a < b);
}

static bool same_core(const struct hostcpu *a, const struct hostcpu *b)
{
	return a->package == b->package && a->core == b->core;
}

static int by_core(const void *a, const void *b)
{
	const struct hostcpu *x = ((const struct candidate *)a)->cpu;
	const struct hostcpu *y = ((const struct candidate *)b)->cpu;
	int order = compare(x->package, y->package);

	if (order == 0)
		order = compare(x->core, y->core);
	return order != 0 ? order : compare(x->id, y->id);
}

static int by_thread_then_core(const void *a, const void *b)
{
	int order = compare(((const struct candidate *)a)->thread,
			    ((const struct candidate *)b)->thread);

	return order != 0 ? order : by_core(a, b);
}

static int place_by_cores(const struct hostcpus *host, unsigned int nr_vcpus, unsigned int *cpu_of,
			  struct err *err)
{
	struct candidate *candidates = calloc(host->nr + 1, sizeof(*candidates));
	unsigned int nr = 0;
	unsigned int i;

	if (candidates == NULL)
		return err_set(err, -ENOMEM, "--pin: out of memory");
	for (i = 0; i < host->nr; i++) {
		if (is_usable(&host->cpu[i]))
			candidates[nr++].cpu = &host->cpu[i];
	}
	qsort(candidates, nr, sizeof(*candidates), by_core);
	for (i = 1; i < nr; i++) {
		if (same_core(candidates[i].cpu, candidates[i - 1].cpu))
			candidates[i].thread = candidates[i - 1].thread + 1;
	}
	qsort(candidates, nr, sizeof(*candidates), by_thread_then_core);
	for (i = 0; i < nr_vcpus && i < nr; i++)
		cpu_of[i] = candidates[i].cpu->id;
	free(candidates);
	if (nr_vcpus > nr)
		return err_set(err, -EINVAL,
			       "--pin: %u vCPUs, but this process may use %u CPU%s only; use "
			       "--cpus %u, or drop --pin",
			       nr_vcpus, nr, nr == 1 ? "" : "s", nr);
	return 0;
}

int hostcpus_place(const struct hostcpus *host, const struct pin_options *pin,
		   unsigned int nr_vcpus, unsigned int *cpu_of, struct err *err)
{
	if (pin->nr > 0)
		return place_as_listed(host, pin, nr_vcpus, cpu_of, err);
	return place_by_cores(host, nr_vcpus, cpu_of, err);
}

/* ---- the shape that follows ---- */

/*
 * Do the CPUs in this order make sockets x cores x threads? Each core must have as many threads
 * as the first and each package as many cores, except that the last package may have fewer, and no
 * core or package may come back after another.
 */
static bool regular_shape(const struct candidate *vcpu, unsigned int nr,
			  struct hostcpus_shape *shape)
{
	unsigned int threads = 1;
	unsigned int per_package = 1;
	unsigned int i, j;

	while (threads < nr && same_core(vcpu[threads].cpu, vcpu[0].cpu))
		threads++;
	while (per_package < nr && vcpu[per_package].cpu->package == vcpu[0].cpu->package)
		per_package++;
	if (nr % threads != 0 || per_package % threads != 0)
		return false;
	for (i = 0; i < nr; i++) {
		const struct hostcpu *core = vcpu[i - i % threads].cpu;
		const struct hostcpu *package = vcpu[i - i % per_package].cpu;

		if (!same_core(vcpu[i].cpu, core) || vcpu[i].cpu->package != package->package)
			return false;
	}
	for (i = 0; i < nr; i += threads) {
		for (j = 0; j < i; j += threads) {
			bool one_package = j / per_package == i / per_package;

			if (same_core(vcpu[i].cpu, vcpu[j].cpu) ||
			    (vcpu[i].cpu->package == vcpu[j].cpu->package) != one_package)
				return false;
		}
	}
	*shape = (struct hostcpus_shape){.packages = (nr + per_package - 1) / per_package,
					 .cores = per_package / threads,
					 .threads = threads};
	return true;
}

static bool same_shape(const struct hostcpus_shape *a, const struct hostcpus_shape *b)
{
	return a->packages == b->packages && a->cores == b->cores && a->threads == b->threads;
}

bool hostcpus_follow(const struct hostcpus *host, const struct pin_options *pin,
		     unsigned int nr_vcpus, unsigned int *cpu_of,
		     const struct hostcpus_shape *wanted, struct hostcpus_shape *shape)
{
	struct candidate *vcpu = calloc(nr_vcpus, sizeof(*vcpu));
	struct hostcpus_shape own;
	bool follow;
	unsigned int i;

	if (vcpu == NULL)
		return false;
	for (i = 0; i < nr_vcpus; i++)
		vcpu[i].cpu = hostcpus_find(host, cpu_of[i]);
	if (pin->nr == 0)
		qsort(vcpu, nr_vcpus, sizeof(*vcpu), by_core);
	follow =
		regular_shape(vcpu, nr_vcpus, &own) && (wanted == NULL || same_shape(&own, wanted));
	if (follow)
		*shape = own;
	for (i = 0; follow && i < nr_vcpus; i++)
		cpu_of[i] = vcpu[i].cpu->id;
	free(vcpu);
	return follow;
}

int hostcpus_common_node(const struct hostcpus *host, const unsigned int *cpus, unsigned int nr)
{
	int node = -1;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		const struct hostcpu *cpu = hostcpus_find(host, cpus[i]);

		if (cpu == NULL || (node >= 0 && cpu->node != (unsigned int)node))
			return -1;
		node = (int)cpu->node;
	}
	return node;
}
