/* SPDX-License-Identifier: MIT */
/* What tinybench finds out about the host: its load, what would spoil a measurement, its energy. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "guest/tinybench/host/host.h"
#include "guest/tinybench/host/rapl.h"
#include "tests/unit/tempdir.h"
#include "vmm/core/array.h"

static void steal_and_load_come_from_proc_stat(void **state)
{
	struct host_load before, after;
	double steal, busy, average;
	json_t *load;

	(void)state;
	assert_true(host_load_parse("cpu  100 0 100 700 100 0 0 0 0 0", &before));
	assert_true(host_load_parse("cpu  150 0 120 1400 100 0 0 30 0 0", &after));
	after.load_average = 0.5;
	load = host_load_between(&before, &after);
	assert_int_equal(json_unpack(load, "{s:F, s:F, s:F}", "steal_percent", &steal,
				     "busy_percent", &busy, "load_average", &average),
			 0);
	assert_true(fabs(steal - 3.75) < 1e-9); /* 30 of 800 ticks */
	assert_true(fabs(busy - 12.5) < 1e-9);	/* 100 of 800 */
	json_decref(load);
	assert_false(host_load_parse("cpu  1 2", &before));
}

static void what_spoils_a_measurement_is_a_warning(void **state)
{
	static const struct {
		const char *facts, *warning;
	} cases[] = {
		{"{\"cpus\": 4, \"governor\": \"performance\", \"turbo\": false}", NULL},
		{"{\"governor\": \"powersave\"}", "governor is \"powersave\""},
		{"{\"turbo\": true}", "turbo is on"},
		{"{\"tinyvmm_build\": \"sanitizers\"}", "built with sanitizers"},
		{"{\"tinyvmm_build\": \"debug\"}", "built without optimisation"},
		{"{\"load_before\": {\"busy_percent\": 40.2, \"load_average\": 1.5}}",
		 "was busy before the run: 40 % of its CPU time, load average 1.50"},
		{"{\"cpus\": 64, \"load_before\": {\"busy_percent\": 1.4}}",
		 "was busy before the run: 1 % of its CPU time"},
		{"{\"load_during\": {\"steal_percent\": 2.5}}", "2.5 % of the CPU time was stolen"},
		{"{\"numa_balancing\": \"1\", \"numa_nodes\": \"0-1\"}", "NUMA balancing"},
	};
	json_t *facts, *warnings;
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(cases); i++) {
		facts = json_loads(cases[i].facts, 0, NULL);
		warnings = host_warnings(facts);
		assert_int_equal(json_array_size(warnings), cases[i].warning ? 1 : 0);
		if (cases[i].warning)
			assert_non_null(strstr(json_string_value(json_array_get(warnings, 0)),
					       cases[i].warning));
		json_decref(warnings);
		json_decref(facts);
	}
}

/* What gcc -g, and sanitizers, leave in a program. */
static void a_build_tells_what_it_is(void **state)
{
	static const struct {
		const char *traces, *build;
	} cases[] = {
		{"", "release"}, /* stripped: nothing speaks against it */
		{"GNU C11 12.2.0 -mtune=generic -march=x86-64 -g -Os -std=gnu11", "release"},
		{"GNU C11 12.2.0 -mtune=generic -march=x86-64 -g -O0 -std=gnu11", "debug"},
		{"GNU C11 12.2.0 -mtune=generic -march=x86-64 -g -std=gnu11", "debug"},
		{"__asan_init", "sanitizers"},
		{"__ubsan_handle_add_overflow", "sanitizers"},
		{"__tsan_init", "sanitizers"},
	};
	char path[128], text[256];
	struct tempdir dir;
	json_t *facts;
	size_t i;

	(void)state;
	tempdir_create(&dir);
	snprintf(path, sizeof(path), "%s/tinyvmm", dir.path);
	for (i = 0; i < NR_OF(cases); i++) {
		snprintf(text, sizeof(text), "#!/bin/sh\necho tinyvmm 9; exit\n%s\n",
			 cases[i].traces);
		tempdir_write(&dir, "tinyvmm", text);
		assert_int_equal(chmod(path, 0755), 0);
		facts = host_facts(dir.path);
		assert_string_equal(json_string_value(json_object_get(facts, "tinyvmm")),
				    "tinyvmm 9");
		assert_string_equal(json_string_value(json_object_get(facts, "tinyvmm_build")),
				    cases[i].build);
		json_decref(facts);
	}
	tempdir_remove(&dir);
}

static void the_host_says_whether_its_vms_are_nested(void **state)
{
	static const struct {
		const char *facts, *text;
	} cases[] = {
		{"{\"cpu\": \"EPYC\", \"cpus\": 2, \"kernel\": \"6.1\", \"kvm\": \"hardware "
		 "(kvm_amd)\", \"is_guest\": false, \"machine\": \"ACME 1\"}",
		 "EPYC, 2 CPUs, Linux 6.1, KVM: hardware (kvm_amd); not itself a virtual machine, "
		 "ACME 1"},
		{"{\"cpus\": 1, \"is_guest\": true, \"hypervisor\": \"KVMKVMKVM\"}",
		 "unknown CPU, 1 CPU, Linux unknown, KVM: unknown; itself a virtual machine of "
		 "KVMKVMKVM: its VMs are nested"},
	};
	char text[512];
	json_t *facts;
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(cases); i++) {
		facts = json_loads(cases[i].facts, 0, NULL);
		host_describe(facts, text, sizeof(text));
		assert_string_equal(text, cases[i].text);
		json_decref(facts);
	}
}

/* A module alone is no KVM: on some machines it is loaded and does not bind. */
static void the_kind_of_kvm_is_that_of_a_device_that_is_there(void **state)
{
	static const struct {
		const char *files[3];
		const char *kind;
		bool software, nested;
	} cases[] = {
		{{NULL}, "none: no /dev/kvm", false, false},
		{{"sys/module/kvm_pvm/x"},
		 "none: no /dev/kvm, although kvm_pvm is loaded",
		 false,
		 false},
		{{"sys/module/kvm_amd/parameters/nested"},
		 "none: no /dev/kvm, although kvm_amd is loaded",
		 false,
		 false},
		{{"dev/kvm"}, "unknown", false, false},
		{{"dev/kvm", "sys/module/kvm_pvm/x"}, "software (kvm_pvm)", true, false},
		{{"dev/kvm", "sys/module/kvm_intel/x"}, "hardware (kvm_intel)", false, false},
		{{"dev/kvm", "sys/module/kvm_amd/parameters/nested"},
		 "hardware (kvm_amd)",
		 false,
		 true},
	};
	struct host_kvm kvm;
	struct tempdir dir;

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		tempdir_create(&dir);
		for (size_t j = 0; j < 3 && cases[i].files[j]; j++)
			tempdir_write(&dir, cases[i].files[j], "1\n");
		host_kvm_read(dir.path, &kvm);
		assert_string_equal(kvm.kind, cases[i].kind);
		assert_int_equal(kvm.software, cases[i].software);
		assert_int_equal(kvm.nested, cases[i].nested);
		tempdir_remove(&dir);
	}
}

static void energy_survives_a_counter_that_wraps(void **state)
{
	struct rapl before, after;
	struct err err;
	struct tempdir dir;

	(void)state;
	tempdir_create(&dir);
	assert_int_equal(rapl_read(dir.path, &before, &err), -ENOENT);
	assert_string_equal(err.text, "no RAPL on this host");
	tempdir_write(&dir, "intel-rapl:0/energy_uj", "9000000\n");
	tempdir_write(&dir, "intel-rapl:0/max_energy_range_uj", "10000000\n");
	tempdir_write(&dir, "intel-rapl:1/energy_uj", "1000000\n");
	tempdir_write(&dir, "intel-rapl:1/max_energy_range_uj", "10000000\n");
	assert_int_equal(rapl_read(dir.path, &before, &err), 0);
	assert_int_equal(before.packages, 2);
	tempdir_write(&dir, "intel-rapl:0/energy_uj", "500000\n");
	tempdir_write(&dir, "intel-rapl:1/energy_uj", "1250000\n");
	assert_int_equal(rapl_read(dir.path, &after, &err), 0);
	assert_true(fabs(rapl_joules(&before, &after) - 1.75) < 1e-9); /* 1.5 + 0.25 */
	tempdir_remove(&dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steal_and_load_come_from_proc_stat),
		cmocka_unit_test(what_spoils_a_measurement_is_a_warning),
		cmocka_unit_test(a_build_tells_what_it_is),
		cmocka_unit_test(the_host_says_whether_its_vms_are_nested),
		cmocka_unit_test(the_kind_of_kvm_is_that_of_a_device_that_is_there),
		cmocka_unit_test(energy_survives_a_counter_that_wraps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
