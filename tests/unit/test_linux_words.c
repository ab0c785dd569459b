/* SPDX-License-Identifier: MIT */
/* Which words of a command line are warned of, and on which machine. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/core/array.h"
#include "vmm/linux_words.h"

/* What is said of this command line on a machine with so many CPUs and virtio devices. */
static const char *said(const char *cmdline, unsigned int cpus, unsigned int slots, char text[1024])
{
	const struct board board = {.topo = {cpus, 1, cpus, 1},
				    .nr_slots = slots,
				    .has_serial = true,
				    .cmdline = cmdline};
	struct log_output output;
	const struct log log = {.level = LOG_WARN, .output = &output};
	ssize_t len;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	log_output_open(&output, fds[1]);
	linux_words_warn(&board, &log);
	log_output_close(&output);
	close(fds[1]);
	len = read(fds[0], text, 1023);
	close(fds[0]);
	assert_true(len >= 0);
	text[len] = '\0';
	return text;
}

#define ACPI_OFF                                                                                \
	"tinyvmm: --append: with \"acpi=off\" a kernel that does not read the device tree, as " \
	"those of distributions, finds one CPU and no virtio device; leave it out\n"
#define ONE_CPU(word) \
	"tinyvmm: --append: with \"" word "\" the kernel starts one CPU; leave it out\n"

#define NO_TIMER(word)                                                                        \
	"tinyvmm: --append: with \"" word "\" the kernel has no timer, and stops before its " \
	"first message; leave it out\n"

static void a_word_that_costs_something_is_named_with_its_effect(void **state)
{
	static const struct {
		const char *cmdline;
		unsigned int cpus, slots;
		const char *said;
	} cases[] = {
		{"console=ttyS0 acpi=off quiet", 2, 0, ACPI_OFF},
		{"acpi=off", 1, 1, ACPI_OFF},
		{"acpi=off", 1, 0, ""}, /* nothing is lost */
		{" acpi=off\tnosmp ", 2, 0, ACPI_OFF ONE_CPU("nosmp")},
		{"nosmp", 1, 3, ""},
		{"nolapic", 1, 0, NO_TIMER("nolapic")},
		{"disableapic", 2, 0, NO_TIMER("disableapic")},
		{"maxcpus=0", 2, 0, ONE_CPU("maxcpus=0")},
		{"noapic", 1, 0,
		 "tinyvmm: --append: with \"noapic\" the kernel gets no interrupt of a device: it "
		 "has no virtio device, and programs have no serial port; leave it out\n"},
		{"nox2apic", 255, 0, ""},
		{"nox2apic", 256, 0,
		 "tinyvmm: --append: with \"nox2apic\" the kernel leaves out CPUs with an APIC id "
		 "above 254; leave it out\n"},
		/* Not these words, or not the kernel's. */
		{"", 2, 1, ""},
		{"console=ttyS0", 2, 1, ""},
		{"acpi=offf xacpi=off acpi=of nosmp=1 maxcpus=02", 2, 1, ""},
		{"init=/bin/sh -- acpi=off nosmp", 2, 1, ""},
		{"-- nosmp", 2, 1, ""},
	};
	char text[1024];

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++)
		assert_string_equal(said(cases[i].cmdline, cases[i].cpus, cases[i].slots, text),
				    cases[i].said);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_word_that_costs_something_is_named_with_its_effect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
