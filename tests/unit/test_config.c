/* SPDX-License-Identifier: MIT */
/* The command line: what each option means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/command_line.h"
#include "vmm/config/config.h"
#include "vmm/core/array.h"

/* A command line and what was made of it; parse() and the end of a test free that. */
struct parsed {
	struct command_line line;
	struct config config;
};

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct parsed));
	return *state == NULL;
}

static int teardown(void **state)
{
	config_free(&((struct parsed *)*state)->config);
	free(*state);
	return 0;
}

static const struct config *parse(struct parsed *parsed, const char *text)
{
	struct err err = {""};

	config_free(&parsed->config);
	command_line_split(&parsed->line, text);
	if (config_parse(&parsed->config, parsed->line.argc, parsed->line.argv, &err) != 0)
		fail_msg("%s: %s", text, err.text);
	return &parsed->config;
}

static void only_the_kernel_is_required(void **state)
{
	const struct config *config = parse(*state, "--kernel bzImage");

	assert_int_equal(config->action, CONFIG_RUN);
	assert_string_equal(config->kernel, "bzImage");
	assert_null(config->initrd);
	assert_null(config->append);
	assert_int_equal(config->cpus.nr, 1);
	assert_false(config->cpus.topology_given);
	assert_int_equal(config->mem.size_bytes, 512ull << 20);
	assert_int_equal(config->mem.pages, MEM_PAGES_DEFAULT);
	assert_false(config->mem.prealloc);
	assert_int_equal(config->mem.node, -1);
	assert_false(config->pin.enabled);
	assert_int_equal(config->nr_disks, 0);
	assert_int_equal(config->nr_nets, 0);
	assert_int_equal(config->rng, TRI_AUTO);
	assert_int_equal(config->console.kind, CONSOLE_STDIO);
	assert_int_equal(config->cpuid.nr, 0);
	assert_int_equal(config->irqchip, TRI_AUTO);
	assert_int_equal(config->pit, TRI_AUTO);
	assert_false(config->stats);
	assert_false(config->restart_on_reset);
	assert_int_equal(config->grace_s, 8);
	assert_int_equal(config->log_level, LOG_WARN);
	assert_false(config->dry_run);
}

static void every_option_has_its_place(void **state)
{
	const struct config *config = parse(
		*state,
		"-k vmlinux -i initrd -a quiet --console none --irqchip kernel --pit on --testdev "
		"--stats=out.json --on-reset restart --grace 0 --log debug --dry-run");

	assert_string_equal(config->kernel, "vmlinux");
	assert_string_equal(config->initrd, "initrd");
	assert_string_equal(config->append, "quiet");
	assert_int_equal(config->console.kind, CONSOLE_NONE);
	assert_int_equal(config->irqchip, TRI_ON);
	assert_int_equal(config->pit, TRI_ON);
	assert_true(config->testdev);
	assert_true(config->stats);
	assert_string_equal(config->stats_path, "out.json");
	assert_true(config->restart_on_reset);
	assert_int_equal(config->grace_s, 0);
	assert_int_equal(config->log_level, LOG_DEBUG);
	assert_true(config->dry_run);

	config = parse(*state, "-k vmlinux --initrd=initrd -a '' --irqchip none --pit off --stats "
			       "--on-reset exit");
	assert_string_equal(config->initrd, "initrd");
	assert_string_equal(config->append, "");
	assert_int_equal(config->irqchip, TRI_OFF);
	assert_int_equal(config->pit, TRI_OFF);
	assert_false(config->testdev);
	assert_true(config->stats);
	assert_null(config->stats_path);
	assert_false(config->restart_on_reset);
}

static void cpus_derive_the_parts_of_the_topology_that_are_left_out(void **state)
{
	static const struct {
		const char *value;
		unsigned int nr;
		bool given;
		unsigned int sockets, cores, threads;
	} cases[] = {
		{"1", 1, false, 0, 0, 0},
		{"4096", 4096, false, 0, 0, 0},
		{"8,sockets=2", 8, true, 2, 4, 1},
		{"8,cores=2", 8, true, 4, 2, 1},
		{"8,threads=2", 8, true, 1, 4, 2},
		{"8,sockets=2,cores=2", 8, true, 2, 2, 2},
		{"8,sockets=2,threads=2", 8, true, 2, 2, 2},
		{"8,cores=2,threads=2", 8, true, 2, 2, 2},
		{"8,threads=2,cores=4,sockets=1", 8, true, 1, 4, 2},
		{"7,sockets=2", 7, true, 2, 4, 1}, /* last socket filled in part */
		{"5,sockets=2,cores=4,threads=1", 5, true, 2, 4, 1},
		{"3,threads=2", 3, true, 1, 2, 2},
		{"8,cores=2,cores=8", 8, true, 1, 8, 1},
		{"4096,sockets=1,cores=1", 4096, true, 1, 1, 4096},
	};
	size_t i;

	for (i = 0; i < NR_OF(cases); i++) {
		const struct config *config;
		char text[96];

		snprintf(text, sizeof(text), "-k a --cpus %s", cases[i].value);
		config = parse(*state, text);
		assert_int_equal(config->cpus.nr, cases[i].nr);
		assert_int_equal(config->cpus.topology_given, cases[i].given);
		assert_int_equal(config->cpus.sockets, cases[i].sockets);
		assert_int_equal(config->cpus.cores, cases[i].cores);
		assert_int_equal(config->cpus.threads, cases[i].threads);
	}
}

static void mem_has_a_size_and_a_backing(void **state)
{
	static const struct {
		const char *value;
		struct mem_options mem;
	} cases[] = {
		{"2M", {2ull << 20, MEM_PAGES_DEFAULT, false, -1}},
		{"64T", {64ull << 40, MEM_PAGES_DEFAULT, false, -1}},
		{"2101248", {2101248, MEM_PAGES_DEFAULT, false, -1}},
		{"2052k,pages=4k", {2052ull << 10, MEM_PAGES_4K, false, -1}},
		{"1G,pages=thp", {1ull << 30, MEM_PAGES_THP, false, -1}},
		{"1G,pages=2m,prealloc", {1ull << 30, MEM_PAGES_2M, true, -1}},
		{"5G,node=3,pages=1g", {5ull << 30, MEM_PAGES_1G, false, 3}},
		{"5G,prealloc,node=0", {5ull << 30, MEM_PAGES_DEFAULT, true, 0}},
	};
	size_t i;

	for (i = 0; i < NR_OF(cases); i++) {
		const struct config *config;
		char text[96];

		snprintf(text, sizeof(text), "-k a -m %s", cases[i].value);
		config = parse(*state, text);
		assert_int_equal(config->mem.size_bytes, cases[i].mem.size_bytes);
		assert_int_equal(config->mem.pages, cases[i].mem.pages);
		assert_int_equal(config->mem.prealloc, cases[i].mem.prealloc);
		assert_int_equal(config->mem.node, cases[i].mem.node);
	}
}

static void optional_arguments_are_attached(void **state)
{
	static const unsigned int list[] = {0, 2, 3, 4, 5};
	static const char *const spellings[] = {"-k a --pin=0,2-5", "-k a -p0,2-5",
						"-p1 -k a --pin=0,2-5"};
	const struct config *config;
	size_t i;

	for (i = 0; i < NR_OF(spellings); i++) {
		config = parse(*state, spellings[i]);
		assert_true(config->pin.enabled);
		assert_int_equal(config->pin.nr, 5);
		assert_memory_equal(config->pin.cpus, list, sizeof(list));
	}
	config = parse(*state, "--pin=0 -p -k a --rng");
	assert_true(config->pin.enabled);
	assert_int_equal(config->pin.nr, 0);
	assert_null(config->pin.cpus);
	assert_int_equal(config->rng, TRI_ON);
	config = parse(*state, "-k a --rng=off");
	assert_int_equal(config->rng, TRI_OFF);
}

static void disks_and_nets_are_collected(void **state)
{
	const struct config *config =
		parse(*state, "-k a -d a.img,ro --disk b.img,id=B --net tap -n tap=tap7");

	assert_int_equal(config->nr_disks, 2);
	assert_string_equal(config->disk[0].path, "a.img");
	assert_true(config->disk[0].read_only);
	assert_string_equal(config->disk[1].path, "b.img");
	assert_string_equal(config->disk[1].id, "B");
	assert_int_equal(config->nr_nets, 2);
	assert_string_equal(config->net[0].ifname, "");
	assert_string_equal(config->net[1].ifname, "tap7");
}

static void the_console_goes_to_one_of_four_places(void **state)
{
	static const struct {
		const char *text;
		enum console_kind kind;
		const char *path;
	} cases[] = {
		{"-k a --console stdio", CONSOLE_STDIO, NULL},
		{"-k a --console none", CONSOLE_NONE, NULL},
		{"-k a --console pty", CONSOLE_PTY, NULL},
		{"-k a --console file=a=b,c", CONSOLE_FILE, "a=b,c"},
		{"-k a --console file=x --console pty", CONSOLE_PTY, NULL},
	};
	size_t i;

	for (i = 0; i < NR_OF(cases); i++) {
		const struct config *config = parse(*state, cases[i].text);

		assert_int_equal(config->console.kind, cases[i].kind);
		if (cases[i].path != NULL)
			assert_string_equal(config->console.path, cases[i].path);
		else
			assert_null(config->console.path);
	}
}

static void cpuid_features_are_collected_in_order(void **state)
{
	const struct config *config = parse(*state, "-k a --cpuid -avx2,+x2apic --cpuid +sse4_1");

	assert_int_equal(config->cpuid.nr, 3);
	assert_string_equal(config->cpuid.edit[0].name, "avx2");
	assert_false(config->cpuid.edit[0].force);
	assert_string_equal(config->cpuid.edit[1].name, "x2apic");
	assert_true(config->cpuid.edit[1].force);
	assert_string_equal(config->cpuid.edit[2].name, "sse4_1");
	assert_true(config->cpuid.edit[2].force);
}

static void the_last_of_repeated_options_counts(void **state)
{
	const struct config *config = parse(
		*state, "-k a -k b -c 8,sockets=2 -c 3 -m 1G,prealloc -m 2G --stats=x --stats");

	assert_string_equal(config->kernel, "b");
	assert_int_equal(config->cpus.nr, 3);
	assert_false(config->cpus.topology_given);
	assert_int_equal(config->mem.size_bytes, 2ull << 30);
	assert_false(config->mem.prealloc);
	assert_null(config->stats_path);
}

static void help_and_version_need_nothing_else(void **state)
{
	static const struct {
		const char *text;
		enum config_action action;
	} cases[] = {
		{"--help", CONFIG_HELP},
		{"-h", CONFIG_HELP},
		{"--version", CONFIG_VERSION},
		{"-k a --vers", CONFIG_VERSION},	     /* an abbreviation */
		{"--mem 1G --help --nonsense", CONFIG_HELP}, /* what follows is not looked at */
	};
	size_t i;

	for (i = 0; i < NR_OF(cases); i++) {
		const struct config *config = parse(*state, cases[i].text);

		assert_int_equal(config->action, cases[i].action);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_the_kernel_is_required),
		TEST(every_option_has_its_place),
		TEST(cpus_derive_the_parts_of_the_topology_that_are_left_out),
		TEST(mem_has_a_size_and_a_backing),
		TEST(optional_arguments_are_attached),
		TEST(disks_and_nets_are_collected),
		TEST(the_console_goes_to_one_of_four_places),
		TEST(cpuid_features_are_collected_in_order),
		TEST(the_last_of_repeated_options_counts),
		TEST(help_and_version_need_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
