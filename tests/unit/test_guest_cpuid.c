/* SPDX-License-Identifier: MIT */
/* What KVM supports becomes what the guest sees. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/core/array.h"
#include "vmm/x86/guest_cpuid.h"

/* A host's CPU: its brand string, "made-up CPU" in leaf 0x80000003, and its first-level caches. */
static const struct cpuid_entry cpu[] = {
	{0x80000000, 0, false, 0x80000008, 0, 0, 0},
	{0x80000002, 0, false, 0x11, 0x12, 0x13, 0x14},
	{0x80000003, 0, false, 0x6564616d, 0x2070752d, 0x00555043, 0x24},
	{0x80000004, 0, false, 0x31, 0x32, 0x33, 0x34},
	{0x80000005, 0, false, 0x41, 0x42, 0x43, 0x44},
	{0x80000006, 0, false, 0x51, 0x52, 0x53, 0x54},
	{0x80000007, 0, false, 0x61, 0x62, 0x63, 0x64},
};

static void made_up_cpu(struct cpuid_entry *entry)
{
	for (size_t i = 0; i < NR_OF(cpu); i++)
		if (cpu[i].leaf == entry->leaf)
			*entry = cpu[i];
}

/* One that ends before the brand string. */
static void old_cpu(struct cpuid_entry *entry)
{
	entry->eax = entry->leaf == 0x80000000 ? 0x80000001 : 0xbad;
}

/* What KVM supports: no brand string, in the way of most KVMs; caches and power of its own. */
static const struct cpuid_table supported = {
	.nr = 8,
	.entry = {{0x0, 0, false, 0x10, 0x68747541, 0x444d4163, 0x69746e65},
		  {0x1, 0, false, 0xa10f11, 0x01020800, 0x01202000, 0x078bfbff},
		  {0x80000000, 0, false, 0x80000008, 0, 0, 0},
		  {0x80000002, 0, false, 0, 0, 0, 0},
		  {0x80000003, 0, false, 0, 0, 0, 0},
		  {0x80000004, 0, false, 0, 0, 0, 0},
		  {0x80000006, 0, false, 0x71, 0x72, 0x73, 0x74},
		  {0x80000007, 0, false, 0, 0, 0, 0}},
};

static const struct cpuid_options no_edits;
static const struct log no_log = {.level = LOG_ERROR};

static struct cpuid_table make(const struct guest_cpuid *guest)
{
	struct cpuid_table table;
	struct err err = {""};

	if (guest_cpuid_make(&table, guest, &no_log, &err) != 0)
		fail_msg("%s", err.text);
	return table;
}

static void the_host_says_what_its_cpu_is_called(void **state)
{
	const struct guest_cpuid guest = {
		.supported = &supported, .options = &no_edits, .host = made_up_cpu};
	struct cpuid_table table = make(&guest);

	(void)state;
	for (uint32_t leaf = 0x80000002; leaf <= 0x80000005; leaf++) {
		const struct cpuid_entry *entry = cpuid_find(&table, leaf, 0);

		assert_non_null(entry);
		assert_memory_equal(entry, &cpu[leaf - 0x80000001], sizeof(*entry));
	}
}

static void what_kvm_says_itself_stays(void **state)
{
	const struct guest_cpuid guest = {
		.supported = &supported, .options = &no_edits, .host = made_up_cpu};
	struct cpuid_table own = supported;
	struct cpuid_table table = make(&guest);

	(void)state;
	assert_int_equal(cpuid_find(&table, 0x80000006, 0)->eax, 0x71);
	/* A power feature that KVM hides is not the host's to show. */
	assert_int_equal(cpuid_find(&table, 0x80000007, 0)->edx, 0);
	own.entry[4].edx = 1;
	table = make(&(struct guest_cpuid){
		.supported = &own, .options = &no_edits, .host = made_up_cpu});
	assert_int_equal(cpuid_find(&table, 0x80000003, 0)->eax, 0);
	assert_int_equal(cpuid_find(&table, 0x80000003, 0)->edx, 1);
}

static void a_cpu_without_a_name_gets_none(void **state)
{
	const struct guest_cpuid guest = {
		.supported = &supported, .options = &no_edits, .host = old_cpu};
	struct cpuid_table table = make(&guest);

	(void)state;
	assert_int_equal(cpuid_find(&table, 0x80000002, 0)->eax, 0);
	assert_null(cpuid_find(&table, 0x80000005, 0));
}

static void a_leaf_that_is_added_lies_below_the_highest(void **state)
{
	struct cpuid_table bare = supported;
	struct cpuid_table table;

	(void)state;
	bare.nr = 2;
	table = make(&(struct guest_cpuid){
		.supported = &bare, .options = &no_edits, .host = made_up_cpu});
	assert_int_equal(cpuid_find(&table, 0x80000000, 0)->eax, 0x80000005);
	assert_int_equal(cpuid_find(&table, 0x80000003, 0)->eax, 0x6564616d);
}

static void apic_features_follow_the_machine(void **state)
{
	static const struct {
		bool has_apic, has_deadline, deadline_shown;
	} cases[] = {{true, true, true},
		     {true, false, false},
		     {false, true, false},
		     {false, false, false}};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		const struct guest_cpuid guest = {.supported = &supported,
						  .options = &no_edits,
						  .has_apic = cases[i].has_apic,
						  .has_tsc_deadline = cases[i].has_deadline,
						  .host = made_up_cpu};
		struct cpuid_table table = make(&guest);

		assert_true(cpuid_has(&table, "hypervisor"));
		assert_int_equal(cpuid_has(&table, "apic"), cases[i].has_apic);
		assert_int_equal(cpuid_has(&table, "x2apic"), cases[i].has_apic);
		assert_int_equal(cpuid_has(&table, "tsc_deadline_timer"), cases[i].deadline_shown);
	}
}

static void the_users_features_come_last_and_past_kvm_with_a_warning(void **state)
{
	const struct cpuid_options options = {
		.nr = 3, .edit = {{"x2apic", false}, {"avx2", true}, {"sse2", true}}};
	const struct guest_cpuid guest = {.supported = &supported,
					  .options = &options,
					  .has_apic = true,
					  .host = made_up_cpu};
	struct log_output output;
	const struct log log = {.level = LOG_WARN, .output = &output};
	struct cpuid_table table;
	struct err err;
	char text[512];
	ssize_t len;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	log_output_open(&output, fds[1]);
	assert_int_equal(guest_cpuid_make(&table, &guest, &log, &err), 0);
	log_output_close(&output);
	close(fds[1]);
	len = read(fds[0], text, sizeof(text) - 1);
	close(fds[0]);
	assert_true(len > 0);
	text[len] = '\0';
	assert_string_equal(text,
			    "tinyvmm: --cpuid +avx2: this host's KVM does not support it; the "
			    "guest is told that it is there all the same\n");
	assert_false(cpuid_has(&table, "x2apic"));
	assert_true(cpuid_has(&table, "avx2"));
}

static void where_kvm_is_unknown_only_names_are_judged(void **state)
{
	const struct cpuid_options options = {.nr = 2, .edit = {{"avx2", true}, {"avx3", false}}};
	struct guest_cpuid guest = {.options = &no_edits, .host = made_up_cpu};
	struct cpuid_table table;
	struct err err = {""};

	(void)state;
	assert_int_equal(guest_cpuid_make(&table, &guest, &no_log, &err), 0);
	guest.options = &options;
	assert_int_equal(guest_cpuid_make(&table, &guest, &no_log, &err), -EINVAL);
	assert_ptr_equal(strstr(err.text, "--cpuid -avx3: "), err.text);
}

static void a_name_that_is_none_and_a_full_table_are_errors(void **state)
{
	const struct cpuid_options options = {.nr = 1, .edit = {{"avx3", true}}};
	static struct cpuid_table full;
	struct guest_cpuid guest = {
		.supported = &supported, .options = &options, .host = made_up_cpu};
	struct cpuid_table table;
	struct err err = {""};

	(void)state;
	assert_int_equal(guest_cpuid_make(&table, &guest, &no_log, &err), -EINVAL);
	assert_ptr_equal(strstr(err.text, "--cpuid +avx3: "), err.text);

	full.nr = CPUID_MAX_ENTRIES;
	guest.supported = &full;
	guest.options = &no_edits;
	for (uint32_t i = 0; i < CPUID_MAX_ENTRIES; i++)
		full.entry[i] = (struct cpuid_entry){.leaf = i};
	assert_int_equal(guest_cpuid_make(&table, &guest, &no_log, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "the table is full (256 entries)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_host_says_what_its_cpu_is_called),
		cmocka_unit_test(what_kvm_says_itself_stays),
		cmocka_unit_test(a_cpu_without_a_name_gets_none),
		cmocka_unit_test(a_leaf_that_is_added_lies_below_the_highest),
		cmocka_unit_test(apic_features_follow_the_machine),
		cmocka_unit_test(the_users_features_come_last_and_past_kvm_with_a_warning),
		cmocka_unit_test(where_kvm_is_unknown_only_names_are_judged),
		cmocka_unit_test(a_name_that_is_none_and_a_full_table_are_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
