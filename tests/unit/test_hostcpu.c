/* SPDX-License-Identifier: MIT */
/* What sysfs tells about made-up hosts, and about this one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vmm/core/array.h"
#include "vmm/host/cpus.h"
#include "tests/unit/tempdir.h"

/* A file of the fake /sys; ends with a NULL name. */
struct fake_file {
	const char *name, *text;
};

static void read_fake(struct hostcpus *cpus, const struct fake_file *files,
		      const unsigned int *allowed, unsigned int nr_allowed)
{
	struct tempdir dir;

	tempdir_create(&dir);
	for (; files->name != NULL; files++)
		tempdir_write(&dir, files->name, files->text);
	assert_int_equal(hostcpus_read_at(cpus, dir.path, allowed, nr_allowed), 0);
	tempdir_remove(&dir);
}

#define CPU  "devices/system/cpu/"
#define NODE "devices/system/node/"

/* Two packages of two cores of two threads; CPU 7 is offline, 8 and 9 may be plugged in. */
static const struct fake_file two_packages[] = {
	{CPU "possible", "0-9\n"},
	{CPU "online", "0-6\n"},
	{CPU "cpu0/topology/thread_siblings_list", "0,4\n"},
	{CPU "cpu0/topology/core_siblings_list", "0-1,4-5\n"},
	{CPU "cpu1/topology/thread_siblings_list", "1,5\n"},
	{CPU "cpu1/topology/core_siblings_list", "0-1,4-5\n"},
	{CPU "cpu2/topology/thread_siblings_list", "2,6\n"},
	{CPU "cpu2/topology/core_siblings_list", "2-3,6\n"},
	{CPU "cpu3/topology/thread_siblings_list", "3\n"},
	{CPU "cpu3/topology/core_siblings_list", "2-3,6\n"},
	{CPU "cpu4/topology/thread_siblings_list", "0,4\n"},
	{CPU "cpu4/topology/core_siblings_list", "0-1,4-5\n"},
	{CPU "cpu5/topology/thread_siblings_list", "1,5\n"},
	{CPU "cpu5/topology/core_siblings_list", "0-1,4-5\n"},
	{CPU "cpu6/topology/thread_siblings_list", "2,6\n"},
	{CPU "cpu6/topology/core_siblings_list", "2-3,6\n"},
	{NODE "online", "0,2\n"},
	{NODE "node0/cpulist", "0-1,4-5\n"},
	{NODE "node2/cpulist", "2-3,6\n"},
	{NULL, NULL},
};

static void groups_cpus_by_package_core_and_node(void **state)
{
	static const unsigned int allowed[] = {0, 1, 2, 3, 4, 5, 6};
	static const struct hostcpu expected[] = {
		{.id = 0, .online = true, .allowed = true, .package = 0, .core = 0, .node = 0},
		{.id = 1, .online = true, .allowed = true, .package = 0, .core = 1, .node = 0},
		{.id = 2, .online = true, .allowed = true, .package = 1, .core = 2, .node = 2},
		{.id = 3, .online = true, .allowed = true, .package = 1, .core = 3, .node = 2},
		{.id = 4, .online = true, .allowed = true, .package = 0, .core = 0, .node = 0},
		{.id = 5, .online = true, .allowed = true, .package = 0, .core = 1, .node = 0},
		{.id = 6, .online = true, .allowed = true, .package = 1, .core = 2, .node = 2},
	};
	struct hostcpus cpus;
	unsigned int i;

	(void)state;
	read_fake(&cpus, two_packages, allowed, NR_OF(allowed));
	assert_int_equal(cpus.nr, 10);
	for (i = 0; i < NR_OF(expected); i++) {
		assert_int_equal(cpus.cpu[i].id, expected[i].id);
		assert_int_equal(cpus.cpu[i].online, expected[i].online);
		assert_int_equal(cpus.cpu[i].allowed, expected[i].allowed);
		assert_int_equal(cpus.cpu[i].package, expected[i].package);
		assert_int_equal(cpus.cpu[i].core, expected[i].core);
		assert_int_equal(cpus.cpu[i].node, expected[i].node);
	}
	for (i = 7; i < 10; i++) {
		assert_int_equal(cpus.cpu[i].id, i);
		assert_false(cpus.cpu[i].online);
		assert_false(cpus.cpu[i].allowed);
	}
	assert_null(hostcpus_find(&cpus, 10));
	hostcpus_free(&cpus);
}

static void tells_allowed_from_online(void **state)
{
	static const unsigned int allowed[] = {2, 6, 7, 4000}; /* 7 is offline, 4000 is nowhere */
	struct hostcpus cpus;

	(void)state;
	read_fake(&cpus, two_packages, allowed, NR_OF(allowed));
	assert_false(cpus.cpu[0].allowed);
	assert_true(cpus.cpu[0].online);
	assert_true(cpus.cpu[2].allowed);
	assert_true(cpus.cpu[7].allowed);
	assert_false(cpus.cpu[7].online);
	/* The first package in use is number 0, whatever the host calls it. */
	assert_int_equal(cpus.cpu[2].package, 0);
	assert_int_equal(cpus.cpu[6].package, 0);
	hostcpus_free(&cpus);
}

static void possible_cpus_may_have_gaps(void **state)
{
	static const struct fake_file files[] = {
		{CPU "possible", "1,64-65\n"}, {CPU "online", "1,65\n"}, {NULL, NULL}};
	static const unsigned int allowed[] = {1, 65};
	struct hostcpus cpus;

	(void)state;
	read_fake(&cpus, files, allowed, NR_OF(allowed));
	assert_int_equal(cpus.nr, 3);
	assert_int_equal(hostcpus_find(&cpus, 65)->id, 65);
	assert_true(hostcpus_find(&cpus, 65)->online);
	assert_false(hostcpus_find(&cpus, 64)->online);
	assert_null(hostcpus_find(&cpus, 0));
	hostcpus_free(&cpus);
}

static void without_topology_files_each_cpu_is_a_core_and_a_package(void **state)
{
	static const struct fake_file files[] = {
		{CPU "possible", "0-1\n"},
		{CPU "online", "0-1\n"},
		{CPU "cpu1/topology/thread_siblings_list", "garbage\n"},
		{NODE "online", "0\n"},
		{NODE "node0/cpulist", "\n"}, /* a node of memory alone */
		{NULL, NULL},
	};
	static const unsigned int allowed[] = {0, 1};
	struct hostcpus cpus;

	(void)state;
	read_fake(&cpus, files, allowed, NR_OF(allowed));
	assert_int_equal(cpus.cpu[0].core, 0);
	assert_int_equal(cpus.cpu[1].core, 1);
	assert_int_equal(cpus.cpu[0].package, 0);
	assert_int_equal(cpus.cpu[1].package, 1);
	assert_int_equal(cpus.cpu[1].node, 0);
	hostcpus_free(&cpus);
}

static void without_sysfs_reading_fails(void **state)
{
	static const unsigned int allowed[] = {0};
	struct hostcpus cpus;
	struct tempdir dir;

	(void)state;
	tempdir_create(&dir);
	assert_int_equal(hostcpus_read_at(&cpus, dir.path, allowed, 1), -ENOENT);
	tempdir_write(&dir, CPU "possible", "0-1 and more\n");
	assert_int_equal(hostcpus_read_at(&cpus, dir.path, allowed, 1), -EINVAL);
	tempdir_remove(&dir);
}

static void this_host_has_a_cpu_to_run_on(void **state)
{
	struct hostcpus cpus;
	struct err err;
	unsigned int cpu_of[1];

	(void)state;
	assert_int_equal(hostcpus_read(&cpus), 0);
	assert_int_equal(
		hostcpus_place(&cpus, &(struct pin_options){.enabled = true}, 1, cpu_of, &err), 0);
	assert_true(hostcpus_find(&cpus, cpu_of[0])->allowed);
	hostcpus_free(&cpus);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_cpus_by_package_core_and_node),
		cmocka_unit_test(tells_allowed_from_online),
		cmocka_unit_test(possible_cpus_may_have_gaps),
		cmocka_unit_test(without_topology_files_each_cpu_is_a_core_and_a_package),
		cmocka_unit_test(without_sysfs_reading_fails),
		cmocka_unit_test(this_host_has_a_cpu_to_run_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
