/* SPDX-License-Identifier: MIT */
/* Which vCPU runs where on made-up hosts, and what the guest sees of it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/core/array.h"
#include "vmm/describe.h"
#include "vmm/host/cpus.h"

#define MAX_VCPUS 16

/* ---- made-up hosts ---- */

/* Linux numbers one thread of every core first, package by package, then the other threads. */
static struct hostcpus make_host(unsigned int packages, unsigned int cores, unsigned int threads)
{
	unsigned int nr_cores = packages * cores;
	struct hostcpus host = {.nr = nr_cores * threads};
	unsigned int i;

	host.cpu = calloc(host.nr, sizeof(host.cpu[0]));
	assert_non_null(host.cpu);
	for (i = 0; i < host.nr; i++)
		host.cpu[i] = (struct hostcpu){.id = i,
					       .online = true,
					       .allowed = true,
					       .package = i % nr_cores / cores,
					       .core = i % nr_cores,
					       .node = i % nr_cores / cores};
	return host;
}

static void allow_only(struct hostcpus *host, const char *set)
{
	unsigned int i;

	for (i = 0; i < host->nr; i++)
		host->cpu[i].allowed = strchr(set, (int)('0' + i)) != NULL;
}

/* ---- placement ---- */

static void spreads_over_cores_before_threads(void **state)
{
	static const struct {
		unsigned int packages, cores, threads;
		const char *allowed; /* digits; NULL: all */
		unsigned int nr_vcpus;
		unsigned int cpu_of[MAX_VCPUS];
	} cases[] = {
		{1, 2, 1, NULL, 2, {0, 1}},
		{1, 2, 2, NULL, 2, {0, 1}},
		{1, 2, 2, NULL, 4, {0, 1, 2, 3}},
		{2, 2, 2, NULL, 3, {0, 1, 2}}, /* a package's cores before the next's */
		{2, 2, 2, NULL, 8, {0, 1, 2, 3, 4, 5, 6, 7}},
		{2, 2, 2, "0415", 3, {0, 1, 4}},    /* a second thread only when cores run out */
		{2, 2, 2, "4567", 4, {4, 5, 6, 7}}, /* second threads are as good as first ones */
		{2, 2, 2, "267", 3, {2, 7, 6}},
		{1, 4, 2, "37", 1, {3}},
	};
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(cases); i++) {
		struct hostcpus host =
			make_host(cases[i].packages, cases[i].cores, cases[i].threads);
		struct pin_options pin = {.enabled = true};
		unsigned int cpu_of[MAX_VCPUS];
		struct err err;

		if (cases[i].allowed != NULL)
			allow_only(&host, cases[i].allowed);
		assert_int_equal(hostcpus_place(&host, &pin, cases[i].nr_vcpus, cpu_of, &err), 0);
		assert_memory_equal(cpu_of, cases[i].cpu_of, cases[i].nr_vcpus * sizeof(cpu_of[0]));
		hostcpus_free(&host);
	}
}

static void a_list_is_taken_as_given(void **state)
{
	struct hostcpus host = make_host(1, 4, 1);
	unsigned int list[] = {3, 0, 2};
	struct pin_options pin = {.enabled = true, .nr = 3, .cpus = list};
	unsigned int cpu_of[MAX_VCPUS] = {9, 9, 9, 9};
	struct err err;

	(void)state;
	assert_int_equal(hostcpus_place(&host, &pin, 3, cpu_of, &err), 0);
	assert_memory_equal(cpu_of, list, sizeof(list));
	assert_int_equal(hostcpus_place(&host, &pin, 2, cpu_of, &err), 0); /* longer than needed */
	assert_int_equal(cpu_of[3], 9);
	hostcpus_free(&host);
}

static void refuses_what_cannot_be_pinned_and_says_why(void **state)
{
	static const struct {
		unsigned int nr_list;
		unsigned int list[4];
		unsigned int nr_vcpus;
		const char *message;
	} cases[] = {
		{2, {0, 12}, 2, "--pin=0,12: CPU 12 does not exist; this process may use CPUs 0-1"},
		{1, {12}, 1, "--pin=12: CPU 12 does not exist; this process may use CPUs 0-1"},
		{3, {0, 1, 3}, 1, "--pin=0-1,3: CPU 3 is offline; this process may use CPUs 0-1"},
		{1,
		 {2},
		 1,
		 "--pin=2: CPU 2 is outside this process's affinity or cpuset; this process may "
		 "use CPUs 0-1"},
		{1, {1}, 2, "--pin=1: 1 CPU for 2 vCPUs; list one for each, or use --cpus 1"},
		{2, {1, 0}, 3, "--pin=1,0: 2 CPUs for 3 vCPUs; list one for each, or use --cpus 2"},
		{0,
		 {0},
		 3,
		 "--pin: 3 vCPUs, but this process may use 2 CPUs only; use --cpus 2, or drop "
		 "--pin"},
	};
	struct hostcpus host = make_host(1, 4, 1);
	size_t i;

	(void)state;
	allow_only(&host, "013");
	host.cpu[3].online = false;
	for (i = 0; i < NR_OF(cases); i++) {
		unsigned int list[4];
		struct pin_options pin = {.enabled = true, .nr = cases[i].nr_list, .cpus = list};
		unsigned int cpu_of[MAX_VCPUS];
		struct err err;

		memcpy(list, cases[i].list, sizeof(list));
		assert_int_equal(hostcpus_place(&host, &pin, cases[i].nr_vcpus, cpu_of, &err),
				 -EINVAL);
		assert_string_equal(err.text, cases[i].message);
	}
	hostcpus_free(&host);
}

static void a_long_list_is_cut_in_the_message(void **state)
{
	struct hostcpus host = make_host(1, 256, 1);
	unsigned int list[128];
	struct pin_options pin = {.enabled = true, .nr = 128, .cpus = list};
	unsigned int cpu_of[129];
	struct err err;
	unsigned int i;

	(void)state;
	for (i = 0; i < 128; i++)
		list[i] = 2 * i;
	assert_int_equal(hostcpus_place(&host, &pin, 129, cpu_of, &err), -EINVAL);
	assert_non_null(strstr(err.text, ",...: 128 CPUs for 129 vCPUs"));
	hostcpus_free(&host);
}

/* ---- topology ---- */

static struct topology topology_of(const struct hostcpus *host, const struct config *config,
				   unsigned int *cpu_of)
{
	struct topology topo;
	struct err err;

	assert_int_equal(hostcpus_place(host, &config->pin, config->cpus.nr, cpu_of, &err), 0);
	describe_topology(&topo, config, host, cpu_of);
	assert_int_equal(topo.nr_cpus, config->cpus.nr);
	return topo;
}

#define assert_shape(topo, s, c, t)                  \
	do {                                         \
		assert_int_equal((topo).sockets, s); \
		assert_int_equal((topo).cores, c);   \
		assert_int_equal((topo).threads, t); \
	} while (0)

static void pinned_vcpus_see_the_shape_of_their_host(void **state)
{
	static const struct {
		const char *what;
		unsigned int packages, cores, threads; /* of the host */
		unsigned int nr_vcpus;
		unsigned int sockets_seen, cores_seen, threads_seen;
		unsigned int cpu_of[MAX_VCPUS]; /* reordered so that siblings stand together */
	} cases[] = {
		{"one", 1, 4, 2, 1, 1, 1, 1, {0}},
		{"a thread a core", 1, 4, 2, 4, 1, 4, 1, {0, 1, 2, 3}},
		{"the whole package", 1, 4, 2, 8, 1, 4, 2, {0, 4, 1, 5, 2, 6, 3, 7}},
		{"both packages", 2, 2, 2, 8, 2, 2, 2, {0, 4, 1, 5, 2, 6, 3, 7}},
		{"last package in part", 2, 4, 1, 6, 2, 4, 1, {0, 1, 2, 3, 4, 5}},
		{"two cores doubled, two not", 1, 4, 2, 6, 1, 6, 1, {0, 1, 2, 3, 4, 5}},
	};
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(cases); i++) {
		struct hostcpus host =
			make_host(cases[i].packages, cases[i].cores, cases[i].threads);
		struct config config = {.pin.enabled = true, .cpus.nr = cases[i].nr_vcpus};
		unsigned int cpu_of[MAX_VCPUS];
		struct topology topo = topology_of(&host, &config, cpu_of);

		assert_shape(topo, cases[i].sockets_seen, cases[i].cores_seen,
			     cases[i].threads_seen);
		assert_memory_equal(cpu_of, cases[i].cpu_of, cases[i].nr_vcpus * sizeof(cpu_of[0]));
		hostcpus_free(&host);
	}
}

static void a_list_gives_the_host_shape_only_if_its_order_does(void **state)
{
	/* The host has 2 packages x 2 cores x 2 threads: cores are 0,4  1,5  2,6  3,7. */
	static const struct {
		unsigned int nr;
		unsigned int list[8];
		unsigned int sockets, cores, threads;
	} cases[] = {
		{4, {0, 4, 1, 5}, 1, 2, 2},
		{4, {1, 5, 4, 0}, 1, 2, 2},
		{4, {0, 1, 4, 5}, 1, 4, 1}, /* siblings apart */
		{4, {2, 6, 0, 4}, 2, 1, 2}, /* packages in any order */
		{2, {0, 2}, 2, 1, 1},
		{4, {0, 2, 1, 3}, 1, 4, 1}, /* packages interleaved */
		{3, {0, 4, 1}, 1, 3, 1},    /* half a core */
		{3, {0, 1, 2}, 2, 2, 1},    /* half a package, the last */
		{3, {0, 2, 3}, 1, 3, 1},    /* half a package, the first */
		{8, {0, 4, 1, 5, 2, 6, 3, 7}, 2, 2, 2},
		{8, {0, 4, 1, 5, 2, 3, 6, 7}, 1, 8, 1},
	};
	struct hostcpus host = make_host(2, 2, 2);
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(cases); i++) {
		unsigned int list[8];
		struct config config = {
			.pin = {.enabled = true, .nr = cases[i].nr, .cpus = list},
			.cpus.nr = cases[i].nr,
		};
		unsigned int cpu_of[MAX_VCPUS];
		struct topology topo;

		memcpy(list, cases[i].list, sizeof(list));
		topo = topology_of(&host, &config, cpu_of);
		assert_shape(topo, cases[i].sockets, cases[i].cores, cases[i].threads);
		assert_memory_equal(cpu_of, list, cases[i].nr * sizeof(cpu_of[0]));
	}
	hostcpus_free(&host);
}

static void the_users_topology_wins(void **state)
{
	struct hostcpus host = make_host(1, 4, 2);
	struct config config = {
		.pin.enabled = true,
		.cpus = {.nr = 8, .topology_given = true, .sockets = 4, .cores = 2, .threads = 1},
	};
	static const unsigned int as_placed[] = {0, 1, 2, 3, 4, 5, 6, 7};
	static const unsigned int by_core[] = {0, 4, 1, 5, 2, 6, 3, 7};
	unsigned int cpu_of[MAX_VCPUS];
	struct topology topo;

	(void)state;
	topo = topology_of(&host, &config, cpu_of);
	assert_shape(topo, 4, 2, 1);
	assert_memory_equal(cpu_of, as_placed, sizeof(as_placed));

	/* If it is the host's own, the guest's siblings may as well be the host's. */
	config.cpus.sockets = 1;
	config.cpus.cores = 4;
	config.cpus.threads = 2;
	topo = topology_of(&host, &config, cpu_of);
	assert_shape(topo, 1, 4, 2);
	assert_memory_equal(cpu_of, by_core, sizeof(by_core));
	hostcpus_free(&host);
}

static void without_pinning_one_socket_of_single_threaded_cores(void **state)
{
	struct config config = {.cpus.nr = 6};
	struct topology topo;

	(void)state;
	describe_topology(&topo, &config, NULL, NULL);
	assert_int_equal(topo.nr_cpus, 6);
	assert_shape(topo, 1, 6, 1);

	config.cpus = (struct cpus_options){
		.nr = 6, .topology_given = true, .sockets = 3, .cores = 1, .threads = 2};
	describe_topology(&topo, &config, NULL, NULL);
	assert_shape(topo, 3, 1, 2);
}

static void a_common_node_is_common_to_all(void **state)
{
	struct hostcpus host = make_host(2, 2, 1);
	static const unsigned int first[] = {0, 1}, second[] = {3, 2}, both[] = {1, 2},
				  none[] = {9};

	(void)state;
	assert_int_equal(hostcpus_common_node(&host, first, 2), 0);
	assert_int_equal(hostcpus_common_node(&host, second, 2), 1);
	assert_int_equal(hostcpus_common_node(&host, both, 2), -1);
	assert_int_equal(hostcpus_common_node(&host, none, 1), -1);
	hostcpus_free(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spreads_over_cores_before_threads),
		cmocka_unit_test(a_list_is_taken_as_given),
		cmocka_unit_test(refuses_what_cannot_be_pinned_and_says_why),
		cmocka_unit_test(a_long_list_is_cut_in_the_message),
		cmocka_unit_test(pinned_vcpus_see_the_shape_of_their_host),
		cmocka_unit_test(a_list_gives_the_host_shape_only_if_its_order_does),
		cmocka_unit_test(the_users_topology_wins),
		cmocka_unit_test(without_pinning_one_socket_of_single_threaded_cores),
		cmocka_unit_test(a_common_node_is_common_to_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
