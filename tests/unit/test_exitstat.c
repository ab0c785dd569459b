/* SPDX-License-Identifier: MIT */
/*
 * Exit counters: keys, histograms and their error, sums over vCPUs, and both forms of the report.
 */
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/core/array.h"
#include "vmm/stats/exitstat.h"
#include "tests/unit/tempdir.h"

/* ---- keys ---- */

static const struct exit_row *find_row(const struct exitstat *stat, enum exit_kind kind,
				       uint64_t detail, bool catch_all)
{
	const struct exit_row *row;
	unsigned int i;

	for (i = 0; (row = exitstat_row(stat, i)) != NULL; i++) {
		if (row->kind == kind && row->detail == detail && row->catch_all == catch_all)
			return row;
	}
	return NULL;
}

static unsigned int nr_rows(const struct exitstat *stat)
{
	unsigned int i = 0;

	while (exitstat_row(stat, i) != NULL)
		i++;
	return i;
}

static void each_kind_and_detail_is_a_key_of_its_own(void **state)
{
	struct exitstat *stat;

	(void)state;
	assert_int_equal(exitstat_create(&stat), 0);
	assert_int_equal(nr_rows(stat), 0);
	exitstat_add(stat, EXIT_PIO_OUT, 0x3f8, 100);
	exitstat_add(stat, EXIT_PIO_IN, 0x3f8, 200);
	exitstat_add(stat, EXIT_PIO_OUT, 0x3f9, 300);
	exitstat_add(stat, EXIT_PIO_OUT, 0x3f8, 400);
	exitstat_add(stat, EXIT_HYPERCALL, UINT64_MAX, 500);
	assert_int_equal(nr_rows(stat), 4);
	assert_int_equal(histogram_count(&find_row(stat, EXIT_PIO_OUT, 0x3f8, false)->ticks), 2);
	assert_int_equal(find_row(stat, EXIT_PIO_OUT, 0x3f8, false)->ticks.sum, 500);
	assert_int_equal(find_row(stat, EXIT_PIO_IN, 0x3f8, false)->ticks.sum, 200);
	assert_int_equal(find_row(stat, EXIT_PIO_OUT, 0x3f9, false)->ticks.max, 300);
	assert_int_equal(find_row(stat, EXIT_HYPERCALL, UINT64_MAX, false)->ticks.sum, 500);
	exitstat_destroy(stat);
	exitstat_destroy(NULL);
}

/*
 * A guest chooses the addresses that it touches, so neither their number nor their hashes may hurt.
 */
static void keys_that_find_no_room_are_counted_by_kind(void **state)
{
	const uint64_t steps[] = {1, 4096, 1ull << 32, 0x9e3779b97f4a7c15u};
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(steps); i++) {
		struct exitstat *stat;
		uint64_t n;

		assert_int_equal(exitstat_create(&stat), 0);
		for (n = 0; n < 3 * EXITSTAT_MAX_KEYS; n++)
			exitstat_add(stat, EXIT_MMIO_WRITE, n * steps[i], 10);
		exitstat_add(stat, EXIT_HLT, 0, 10);
		exitstat_add(stat, EXIT_HLT, 0, 10);
		exitstat_add(stat, EXIT_MMIO_WRITE, 0, 10); /* one of those that have a row */
		assert_int_equal(nr_rows(stat), EXITSTAT_MAX_KEYS + 2);
		assert_int_equal(histogram_count(&find_row(stat, EXIT_MMIO_WRITE, 0, true)->ticks),
				 2 * EXITSTAT_MAX_KEYS);
		assert_int_equal(histogram_count(&find_row(stat, EXIT_HLT, 0, true)->ticks), 2);
		assert_int_equal(histogram_count(&find_row(stat, EXIT_MMIO_WRITE, 0, false)->ticks),
				 2);
		exitstat_destroy(stat);
	}
}

static void every_kind_has_a_name_of_its_own(void **state)
{
	int a, b;

	(void)state;
	for (a = 0; a < EXIT_NR_KINDS; a++) {
		assert_non_null(exitstat_kind_name((enum exit_kind)a));
		for (b = 0; b < a; b++)
			assert_string_not_equal(exitstat_kind_name((enum exit_kind)a),
						exitstat_kind_name((enum exit_kind)b));
	}
}

#define NR_CONCURRENT 200000

static void *count_many(void *arg)
{
	unsigned int i;

	for (i = 0; i < NR_CONCURRENT; i++)
		exitstat_add(arg, EXIT_PIO_OUT, i % 100, 64);
	return NULL;
}

static void a_reader_never_sees_a_row_without_its_key(void **state)
{
	struct exitstat *stat;
	pthread_t writer;
	uint64_t seen = 0;

	(void)state;
	assert_int_equal(exitstat_create(&stat), 0);
	assert_int_equal(pthread_create(&writer, NULL, count_many, stat), 0);
	do {
		const struct exit_row *row;
		uint64_t count = 0;
		unsigned int i;

		for (i = 0; (row = exitstat_row(stat, i)) != NULL; i++) {
			assert_int_equal(row->kind, EXIT_PIO_OUT);
			assert_int_equal(row->detail, i);
			count += histogram_count(&row->ticks);
		}
		assert_true(count >= seen && count <= NR_CONCURRENT);
		seen = count;
	} while (seen < NR_CONCURRENT);
	assert_int_equal(pthread_join(writer, NULL), 0);
	exitstat_destroy(stat);
}

/* ---- reports ---- */

static const char *name_of(void *ctx, enum exit_kind kind, uint64_t detail)
{
	assert_ptr_equal(ctx, name_of);
	if (kind == EXIT_PIO_OUT && detail == 0x3f8)
		return "serial \"1\"\\\x01\xc3"; /* nothing that JSON may carry bare */
	if (kind == EXIT_OTHER && detail == 17)
		return "internal error";
	return NULL;
}

static const struct exitstat_kvm_counter kvm_counters[] = {
	{"remote_tlb_flush", -1, 3}, {"pages_4k", -1, 0}, {"exits", 0, 40},
	{"halt_exits", 0, 0},	     {"exits", 1, 2},
};

struct report_fixture {
	struct exitstat *vcpu[2];
	struct exitstat_report report;
};

/* A tick is a microsecond here; two vCPUs ran for one second. */
static void make_report(struct report_fixture *fixture)
{
	int i;

	assert_int_equal(exitstat_create(&fixture->vcpu[0]), 0);
	assert_int_equal(exitstat_create(&fixture->vcpu[1]), 0);
	for (i = 0; i < 10; i++)
		exitstat_add(fixture->vcpu[0], EXIT_PIO_OUT, 0x3f8, 20);
	for (i = 0; i < 30; i++)
		exitstat_add(fixture->vcpu[1], EXIT_PIO_OUT, 0x3f8, 10);
	exitstat_add(fixture->vcpu[1], EXIT_HLT, 0, 5000);
	exitstat_add(fixture->vcpu[1], EXIT_MMIO_READ, 0xfffffffffffff000, 4);
	exitstat_add(fixture->vcpu[1], EXIT_OTHER, 17, 3);
	exitstat_add(fixture->vcpu[1], EXIT_OTHER, 26, 2);
	exitstat_add(fixture->vcpu[1], EXIT_HYPERCALL, 12, 1);
	fixture->report = (struct exitstat_report){
		.nr_vcpus = 2,
		.vcpu = fixture->vcpu,
		.ticks_per_second = 1000000,
		.wall_seconds = 1,
		.host_kind = "made-up KVM",
		.version = "1.2.3",
		.name_of = name_of,
		.ctx = name_of,
		.kvm = kvm_counters,
		.nr_kvm = NR_OF(kvm_counters),
	};
}

static int setup(void **state)
{
	struct report_fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	make_report(fixture);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct report_fixture *fixture = *state;

	exitstat_destroy(fixture->vcpu[0]);
	exitstat_destroy(fixture->vcpu[1]);
	free(fixture);
	return 0;
}

static char *print_to_string(void (*print)(const struct exitstat_report *, FILE *),
			     const struct exitstat_report *report)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	assert_non_null(to);
	print(report, to);
	assert_int_equal(fclose(to), 0);
	return text;
}

/* Finds `line` among the lines of `text` from `from` on, however its columns are spaced. */
static const char *find_line(const char *from, const char *line)
{
	while (*from != '\0') {
		const char *want = line;
		const char *at = from;

		while (*want != '\0' && *at != '\n' && *at != '\0') {
			if (*want == ' ' && *at == ' ') {
				at += strspn(at, " ");
				want += strspn(want, " ");
			} else if (*want++ != *at++) {
				want = "?";
				break;
			}
		}
		if (*want == '\0' && *at == '\n')
			return at;
		from = strchr(from, '\n');
		if (from == NULL)
			return NULL;
		from++;
	}
	return NULL;
}

static void the_table_sums_vcpus_then_shows_each_by_total_time(void **state)
{
	static const char *const lines[] = {
		"tinyvmm 1.2.3 on made-up KVM: 2 vCPUs, 1.000 s",
		"exit where count per s time % p50 us p90 us p99 us max us",
		"hlt 1 1 0.25 5000.00 5000.00 5000.00 5000.00",
		"pio-out 0x3f8 serial \"1\"\\\x01\xc3 40 40 0.03 10.00 20.00 20.00 20.00",
		"mmio-read 0xfffffffffffff000 1 1 0.00 4.00 4.00 4.00 4.00",
		"other internal error 1 1 0.00 3.00 3.00 3.00 3.00",
		"other reason 26 1 1 0.00 2.00 2.00 2.00 2.00",
		"hypercall 12 1 1 0.00 1.00 1.00 1.00 1.00",
		"total 45 45 0.28",
		"KVM's own counters, the VM",
		"remote_tlb_flush 3",
		"KVM's own counters, all vCPUs",
		"exits 42",
		"vCPU 0",
		"pio-out 0x3f8 serial \"1\"\\\x01\xc3 10 10 0.02 20.00 20.00 20.00 20.00",
		"total 10 10 0.02",
		"KVM's own counters, vCPU 0",
		"exits 40",
		"vCPU 1",
		"hlt 1 1 0.50 5000.00 5000.00 5000.00 5000.00",
		"exits 2",
	};
	struct report_fixture *fixture = *state;
	const char *at;
	char *text;
	size_t i;

	text = print_to_string(exitstat_print_table, &fixture->report);
	at = text;
	for (i = 0; i < NR_OF(lines); i++) {
		at = find_line(at, lines[i]);
		if (at == NULL)
			fail_msg("no line \"%s\", in its place, in\n%s", lines[i], text);
	}
	assert_null(strstr(text, "pages_4k")); /* zeros are not worth a line */
	free(text);
}

static void one_vcpu_is_shown_once(void **state)
{
	struct report_fixture *fixture = *state;
	char *text;

	fixture->report.nr_vcpus = 1;
	fixture->report.name_of = NULL;
	fixture->report.wall_seconds = 0;
	text = print_to_string(exitstat_print_table, &fixture->report);
	assert_non_null(find_line(text, "pio-out 0x3f8 10 - - 20.00 20.00 20.00 20.00"));
	assert_non_null(find_line(text, "KVM's own counters, the vCPU"));
	assert_null(strstr(text, "vCPU 0"));
	free(text);
}

/* Of a hundred: the 50th, the 90th and the 99th, each beside one that is larger. */
static void each_percentile_is_the_one_of_its_name(void **state)
{
	static const struct {
		unsigned int count, ticks;
	} exits[] = {{50, 1}, {40, 5}, {9, 13}, {1, 29}};
	struct report_fixture *fixture = *state;
	struct exitstat *vcpu;
	char *text;

	assert_int_equal(exitstat_create(&vcpu), 0);
	for (size_t i = 0; i < NR_OF(exits); i++)
		for (unsigned int j = 0; j < exits[i].count; j++)
			exitstat_add(vcpu, EXIT_PIO_IN, 0x71, exits[i].ticks);
	fixture->report.vcpu = &vcpu;
	fixture->report.nr_vcpus = 1;
	text = print_to_string(exitstat_print_table, &fixture->report);
	assert_non_null(find_line(text, "pio-in 0x71 100 100 0.04 1.00 5.00 13.00 29.00"));
	free(text);
	text = print_to_string(exitstat_print_json, &fixture->report);
	assert_non_null(strstr(text, "\"min_us\":1.000,\"p50_us\":1.000,\"p90_us\":5.000,"
				     "\"p99_us\":13.000,\"max_us\":29.000"));
	free(text);
	exitstat_destroy(vcpu);
}

static void no_exits_are_said_to_be_none(void **state)
{
	struct exitstat *vcpu;
	struct exitstat_report report = {
		.nr_vcpus = 1, .vcpu = &vcpu, .host_kind = "none", .version = "0"};
	char *text;

	(void)state;
	assert_int_equal(exitstat_create(&vcpu), 0);
	text = print_to_string(exitstat_print_table, &report);
	assert_string_equal(text, "tinyvmm 0 on none: 1 vCPU, 0.000 s\n\nno exits\n");
	free(text);
	text = print_to_string(exitstat_print_json, &report);
	assert_string_equal(text, "{\"schema\":\"tinyvmm-exits-1\",\n \"version\":\"0\",\n "
				  "\"host_kind\":\"none\",\n \"wall_seconds\":0.000000,\n "
				  "\"ticks_per_second\":0,\n \"exits\":[],\n \"vcpus\":[\n  "
				  "{\"vcpu\":0,\"exits\":[]}],\n \"kvm\":[]}\n");
	free(text);
	exitstat_destroy(vcpu);
}

static void the_json_holds_what_the_table_shows(void **state)
{
	static const char *const parts[] = {
		"\"version\":\"1.2.3\"",
		"\"wall_seconds\":1.000000",
		"{\"kind\":\"hlt\",\"detail\":null,\"name\":null,\"count\":1,\"total_us\":5000."
		"000,",
		"{\"kind\":\"pio-out\",\"detail\":\"0x3f8\",\"name\":\"serial "
		"\\\"1\\\"\\\\\\u0001\\u00c3\",\"count\":40,\"total_us\":500.000,\"min_us\":10.000,"
		"\"p50_us\":10.000,\"p90_us\":20.000,\"p99_us\":20.000,\"max_us\":20.000}",
		"{\"vcpu\":0,\"exits\":[",
		"{\"vcpu\":1,\"exits\":[",
		"{\"name\":\"remote_tlb_flush\",\"vcpu\":null,\"value\":3}",
		"{\"name\":\"pages_4k\",\"vcpu\":null,\"value\":0}",
		"{\"name\":\"exits\",\"vcpu\":1,\"value\":2}",
	};
	struct report_fixture *fixture = *state;
	const char *at;
	char *text;
	size_t i;

	text = print_to_string(exitstat_print_json, &fixture->report);
	at = text;
	for (i = 0; i < NR_OF(parts); i++) {
		at = strstr(at, parts[i]);
		if (at == NULL)
			fail_msg("no %s, in its place, in\n%s", parts[i], text);
	}
	free(text);
}

static void the_json_is_json(void **state)
{
	static const char filter[] =
		".schema == \"tinyvmm-exits-1\" and (.vcpus | length) == 2 and "
		"([.exits[].count] | add) == 45 and "
		"([.vcpus[].exits[].count] | add) == 45 and "
		"([.kvm[] | select(.name == \"exits\") | .value] | add) == 42 and "
		".exits[1].name == \"serial \\\"1\\\"\\\\\\u0001\\u00c3\"";
	struct report_fixture *fixture = *state;
	struct tempdir dir;
	char command[1024];
	char *text;

	if (system("command -v jq >/dev/null") != 0)
		skip();
	text = print_to_string(exitstat_print_json, &fixture->report);
	tempdir_create(&dir);
	tempdir_write(&dir, "stats.json", text);
	snprintf(command, sizeof(command), "jq -e '%s' %s/stats.json >/dev/null", filter, dir.path);
	assert_int_equal(system(command), 0);
	tempdir_remove(&dir);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_and_detail_is_a_key_of_its_own),
		cmocka_unit_test(keys_that_find_no_room_are_counted_by_kind),
		cmocka_unit_test(every_kind_has_a_name_of_its_own),
		cmocka_unit_test(a_reader_never_sees_a_row_without_its_key),
		cmocka_unit_test_setup_teardown(the_table_sums_vcpus_then_shows_each_by_total_time,
						setup, teardown),
		cmocka_unit_test_setup_teardown(one_vcpu_is_shown_once, setup, teardown),
		cmocka_unit_test_setup_teardown(each_percentile_is_the_one_of_its_name, setup,
						teardown),
		cmocka_unit_test(no_exits_are_said_to_be_none),
		cmocka_unit_test_setup_teardown(the_json_holds_what_the_table_shows, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_json_is_json, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
