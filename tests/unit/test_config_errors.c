/* SPDX-License-Identifier: MIT */
/* The command line: what is refused, and in which words. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/command_line.h"
#include "vmm/config/config.h"
#include "vmm/core/array.h"

static void refuse(const char *text, const char *message)
{
	struct command_line line;
	struct config config;
	struct err err = {""};

	command_line_split(&line, text);
	assert_int_equal(config_parse(&config, line.argc, line.argv, &err), -EINVAL);
	assert_string_equal(err.text, message);
	config_free(&config);
}

static void an_image_is_asked_for_with_kernel(void **state)
{
	(void)state;
	refuse("", "--kernel: missing; say what to boot with --kernel FILE, or see --help");
	refuse("bzImage", "bzImage: not an option; for the image to boot use --kernel FILE");
	refuse("-k a b", "b: not an option; for the image to boot use --kernel FILE");
	refuse("-k a -- b", "b: not an option; for the image to boot use --kernel FILE");
	refuse("-k a -", "-: not an option; for the image to boot use --kernel FILE");
	refuse("-k ''", "--kernel \"\": the file name is empty; write --kernel FILE");
	refuse("-k a --module ''", "--module : the file name is empty; write --module FILE[,ARGS]");
	refuse("-k a --module ,args",
	       "--module ,args: the file name is empty; write --module FILE[,ARGS]");
	refuse("-k a -i ''", "--initrd \"\": the file name is empty; write --initrd FILE");
	refuse("-k a --pin 0,1",
	       "0,1: not an option; if it belongs to --pin write --pin=0,1, if it "
	       "is the image use --kernel FILE");
}

static void options_that_are_none_get_the_nearest_one(void **state)
{
	(void)state;
	refuse("--kernle a", "--kernle: unknown option; the nearest is --kernel, and --help lists "
			     "all");
	refuse("--memory=1G",
	       "--memory: unknown option; the nearest is --mem, and --help lists all");
	refuse("--smp 2", "--smp: unknown option; the nearest is --mem, and --help lists all");
	refuse("--on_reset exit",
	       "--on_reset: unknown option; the nearest is --on-reset, and --help lists all");
	refuse("-x", "-x: unknown option; --help lists all");
	refuse("--c 2", "--c: stands for each of --cpus, --console, --cpuid; write one of them");
	refuse("--cpu 2", "--cpu: stands for each of --cpus, --cpuid; write one of them");
	refuse("-k", "--kernel: needs a value; write --kernel FILE");
	refuse("--log", "--log: needs a value; write --log error|warn|info|debug");
	refuse("--dry-run=yes", "--dry-run=yes: takes no value; write --dry-run");
}

#define GRACE_REMEDY                                                                               \
	"not a number of seconds up to 86400; write --grace 10, or --grace 0 to end the guest at " \
	"once"

static void values_out_of_place_are_named_with_the_remedy(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"--irqchip split", "--irqchip split: takes one of kernel|none"},
		{"--irqchip kernel|none", "--irqchip kernel|none: takes one of kernel|none"},
		{"--pit yes", "--pit yes: takes one of on|off"},
		{"--pit ''", "--pit : takes one of on|off"},
		{"--grace -1", "--grace -1: " GRACE_REMEDY},
		{"--grace 86401", "--grace 86401: " GRACE_REMEDY},
		{"--grace 1.5", "--grace 1.5: " GRACE_REMEDY},
		{"--on-reset reboot", "--on-reset reboot: takes one of exit|restart"},
		{"--log all", "--log all: takes one of error|warn|info|debug"},
		{"--rng=on", "--rng=on: takes \"off\" or nothing; write --rng or --rng=off"},
		{"--stats=", "--stats=: the file name is empty; write --stats=FILE, or --stats "
			     "alone for a table on stderr"},
		{"--console tty", "--console tty: takes one of stdio|none|file=PATH|pty"},
		{"--console file=",
		 "--console file=: the path is empty; write --console file=PATH"},
		{"--cpuid avx", "--cpuid avx: \"avx\" is not +NAME or -NAME; write it like --cpuid "
				"+x2apic,-avx"},
		{"--cpuid +a,", "--cpuid +a,: \"\" is not +NAME or -NAME; write it like --cpuid "
				"+x2apic,-avx"},
		{"--cpuid a=b", "--cpuid a=b: \"a=b\" is not +NAME or -NAME; write it like --cpuid "
				"+x2apic,-avx"},
		{"--pin=",
		 "--pin=: not a list of CPUs, each named once; write it like --pin=0,2-5"},
		{"-p0,0", "--pin=0,0: not a list of CPUs, each named once; write it like "
			  "--pin=0,2-5"},
		{"-p0-4096", "--pin=0-4096: more than 4096 CPUs; list one for each vCPU"},
		{"--pit on --irqchip none -k a", "--pit on: the timer needs interrupt controllers; "
						 "drop --irqchip none or --pit on"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(cases); i++)
		refuse(cases[i].text, cases[i].message);
}

static void cpus_that_cannot_be_are_refused(void **state)
{
	static const char first[] = "the number of vCPUs comes first and is from 1 to 4096; for "
				    "example --cpus 4,sockets=2";
	static const struct {
		const char *value, *problem; /* NULL: the one above */
	} cases[] = {
		{"0", NULL},
		{"4097", NULL},
		{"two", NULL},
		{"sockets=2", NULL},
		{"4=4", NULL},
		{",sockets=2", NULL},
		{"4,", "unknown part \"\"; known are sockets=S, cores=C and threads=T"},
		{"4,dies=2", "unknown part \"dies\"; known are sockets=S, cores=C and threads=T"},
		{"4,sockets", "sockets is not a number from 1 to 4096"},
		{"4,sockets=", "sockets is not a number from 1 to 4096"},
		{"4,cores=0", "cores is not a number from 1 to 4096"},
		{"4,threads=4097", "threads is not a number from 1 to 4096"},
		{"8,sockets=2,cores=2,threads=1",
		 "sockets=2,cores=2,threads=1 has no room for 8 vCPUs; give 4, or leave one of the "
		 "three out to have it derived"},
		{"8,sockets=4,cores=2,threads=2", "sockets=4,cores=2,threads=2 leaves a socket "
						  "empty with 8 vCPUs; give 16, or leave "
						  "one of the three out to have it derived"},
		{"1,sockets=4096,cores=4096,threads=4096",
		 "sockets=4096,cores=4096,threads=4096 leaves a socket empty with 1 vCPUs; give "
		 "68719476736, or leave one of the three out to have it derived"},
		{"5,sockets=4",
		 "sockets=4,cores=2,threads=1 leaves a socket empty with 5 vCPUs; give 8, or leave "
		 "one of the three out to have it derived"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(cases); i++) {
		char text[96], message[256];

		snprintf(text, sizeof(text), "-k a -c %s", cases[i].value);
		snprintf(message, sizeof(message), "--cpus %s: %s", cases[i].value,
			 cases[i].problem != NULL ? cases[i].problem : first);
		refuse(text, message);
	}
}

static void mem_that_cannot_be_is_refused(void **state)
{
	static const char first[] = "the size comes first, in bytes or with k, M, G or T; for "
				    "example --mem 512M";
	static const struct {
		const char *value, *problem; /* NULL: the one above */
	} cases[] = {
		{"much", NULL},
		{"-1", NULL},
		{"1.5G", NULL},
		{"pages=4k", NULL},
		{"1G=1", NULL},
		{"0", "too little, images start at 1 MiB; give at least 2M"},
		{"2047k", "too little, images start at 1 MiB; give at least 2M"},
		{"65T", "more than tinyvmm can map; give at most 64T"},
		{"99999999999999999999", "more than tinyvmm can map; give at most 64T"},
		{"4194305", "not a multiple of the 4k pages that back it; the nearest size is 4M"},
		{"513M,pages=2m",
		 "not a multiple of the 2M pages that back it; the nearest size is 514M"},
		{"2560M,pages=1g",
		 "not a multiple of the 1G pages that back it; the nearest size is 3G"},
		{"2M,pages=1g",
		 "not a multiple of the 1G pages that back it; the nearest size is 1G"},
		{"1G,pages=huge", "pages= takes one of 4k|thp|2m|1g"},
		{"1G,pages", "pages= takes one of 4k|thp|2m|1g"},
		{"1G,prealloc=yes",
		 "unknown part \"prealloc\"; known are pages=4k|thp|2m|1g, prealloc and node=N"},
		{"1G,", "unknown part \"\"; known are pages=4k|thp|2m|1g, prealloc and node=N"},
		{"1G,node=x", "node= takes the number of a NUMA node of the host; "
			      "/sys/devices/system/node/online lists them"},
		{"1G,node=1024", "node= takes the number of a NUMA node of the host; "
				 "/sys/devices/system/node/online lists them"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(cases); i++) {
		char text[96], message[256];

		snprintf(text, sizeof(text), "-k a --mem %s", cases[i].value);
		snprintf(message, sizeof(message), "--mem %s: %s", cases[i].value,
			 cases[i].problem != NULL ? cases[i].problem : first);
		refuse(text, message);
	}
}

static void devices_are_limited_in_number(void **state)
{
	char text[256] = "-k a";
	int i;

	(void)state;
	for (i = 0; i < CONFIG_MAX_DISKS; i++)
		strcat(text, " -da");
	strcat(text, " -n tap -n tap --rng");
	refuse(text, "--disk, --net, --rng: 15 virtio devices, but there are 14 slots; give fewer");

	text[0] = '\0';
	for (i = 0; i <= CONFIG_MAX_DISKS; i++)
		strcat(text, " -da");
	refuse(text, "--disk a: there are 12 already; give at most 12");

	text[0] = '\0';
	for (i = 0; i <= CONFIG_MAX_NETS; i++)
		strcat(text, " -ntap");
	refuse(text, "--net tap: there are 12 already; give at most 12");
}

static void what_tells_devices_apart_is_not_given_twice(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"-d a,id=x -d b -d c,id=x",
		 "--disk c: id=x is that of --disk a as well; guests tell disks apart by it, give "
		 "each its own"},
		{"-n tap=t0,mac=52:54:00:00:00:01 -n tap=t1,mac=52:54:00:00:00:02 "
		 "-n tap,mac=52:54:00:00:00:01",
		 "--net tap: mac=52:54:00:00:00:01 is that of --net tap=t0 as well; give each its "
		 "own"},
		{"-n tap=t0 -n tap -n tap=t0",
		 "--net tap=t0: given twice; a TAP carries the packets of one interface; name "
		 "another TAP"},
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		char text[160];

		snprintf(text, sizeof(text), "-k a %s", cases[i].text);
		refuse(text, cases[i].message);
	}
}

static void what_is_not_given_is_not_given_twice(void **state)
{
	static const char *const cases[] = {
		"-k a -d a -d b",
		"-k a -d a,id=x -d b,id=X",
		"-k a -n tap -n tap",
		"-k a -n tap=t0 -n tap=t1,mac=52:54:00:00:00:01 -n tap,mac=52:54:00:00:00:02",
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct command_line line;
		struct config config;
		struct err err = {""};

		command_line_split(&line, cases[i]);
		assert_int_equal(config_parse(&config, line.argc, line.argv, &err), 0);
		config_free(&config);
	}
}

static void the_messages_of_disk_and_net_come_through(void **state)
{
	static const struct {
		const char *text, *prefix;
	} cases[] = {
		{"-k a --disk a.img,rw", "--disk "},
		{"-k a --disk ''", "--disk "},
		{"-k a --net bridge", "--net "},
		{"-k a --net tap,mac=zz", "--net "},
	};
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(cases); i++) {
		struct command_line line;
		struct config config;
		struct err err = {""};

		command_line_split(&line, cases[i].text);
		assert_int_equal(config_parse(&config, line.argc, line.argv, &err), -EINVAL);
		assert_ptr_equal(strstr(err.text, cases[i].prefix), err.text);
		config_free(&config);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_image_is_asked_for_with_kernel),
		cmocka_unit_test(options_that_are_none_get_the_nearest_one),
		cmocka_unit_test(values_out_of_place_are_named_with_the_remedy),
		cmocka_unit_test(cpus_that_cannot_be_are_refused),
		cmocka_unit_test(mem_that_cannot_be_is_refused),
		cmocka_unit_test(devices_are_limited_in_number),
		cmocka_unit_test(what_tells_devices_apart_is_not_given_twice),
		cmocka_unit_test(what_is_not_given_is_not_given_twice),
		cmocka_unit_test(the_messages_of_disk_and_net_come_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
