/* SPDX-License-Identifier: MIT */
/*
 * The command line. One table holds every option; getopt_long(3)'s tables, --help and the check of
 * the man page are made from it. A repeated option that takes one value keeps the last.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/config/config.h"
#include "vmm/config/together.h"
#include "vmm/core/array.h"
#include "vmm/core/nearest.h"
#include "vmm/core/parse.h"

#define IRQCHIP_CHOICES	 "kernel|none"
#define ON_OFF_CHOICES	 "on|off"
#define ON_RESET_CHOICES "exit|restart"
#define LOG_CHOICES	 "error|warn|info|debug"

/* ---- the parsers: of the part that owns the option, or short ones here ---- */

static int parse_file(const char **to, const char *option, const char *value, struct err *err)
{
	if (value[0] == '\0')
		return err_set(err, -EINVAL, "%s \"\": the file name is empty; write %s FILE",
			       option, option);
	*to = value;
	return 0;
}

static int parse_kernel(struct config *config, const char *value, struct err *err)
{
	return parse_file(&config->kernel, "--kernel", value, err);
}

static int parse_initrd(struct config *config, const char *value, struct err *err)
{
	return parse_file(&config->initrd, "--initrd", value, err);
}

static int parse_module(struct config *config, const char *value, struct err *err)
{
	return module_parse_options(value, &config->modules, err);
}

static int parse_append(struct config *config, const char *value, struct err *err)
{
	(void)err;
	config->append = value;
	return 0;
}

static int parse_cpus(struct config *config, const char *value, struct err *err)
{
	return cpus_parse_options(value, &config->cpus, err);
}

static int parse_mem(struct config *config, const char *value, struct err *err)
{
	return mem_parse_options(value, &config->mem, err);
}

static int parse_pin(struct config *config, const char *value, struct err *err)
{
	return pin_parse_options(value, &config->pin, err);
}

static int parse_disk(struct config *config, const char *value, struct err *err)
{
	int ret;

	if (config->nr_disks == CONFIG_MAX_DISKS)
		return err_set(err, -EINVAL, "--disk %s: there are %u already; give at most %u",
			       value, config->nr_disks, CONFIG_MAX_DISKS);
	ret = disk_parse_options(value, &config->disk[config->nr_disks], err);
	if (ret == 0)
		config->nr_disks++;
	return ret;
}

static int parse_net(struct config *config, const char *value, struct err *err)
{
	int ret;

	if (config->nr_nets == CONFIG_MAX_NETS)
		return err_set(err, -EINVAL, "--net %s: there are %u already; give at most %u",
			       value, config->nr_nets, CONFIG_MAX_NETS);
	ret = tap_parse_options(value, &config->net[config->nr_nets], err);
	if (ret == 0)
		config->nr_nets++;
	return ret;
}

static int parse_console(struct config *config, const char *value, struct err *err)
{
	return console_parse_options(value, &config->console, err);
}

static int parse_cpuid(struct config *config, const char *value, struct err *err)
{
	return cpuid_parse_options(value, &config->cpuid, err);
}

static int parse_rng(struct config *config, const char *value, struct err *err)
{
	if (value != NULL && strcmp(value, "off") != 0)
		return err_set(err, -EINVAL,
			       "--rng=%s: takes \"off\" or nothing; write --rng or --rng=off",
			       value);
	config->rng = value != NULL ? TRI_OFF : TRI_ON;
	return 0;
}

static int bad_choice(struct err *err, const char *option, const char *value, const char *choices)
{
	return err_set(err, -EINVAL, "%s %s: takes one of %s", option, value, choices);
}

static int parse_irqchip(struct config *config, const char *value, struct err *err)
{
	int choice = parse_choice(IRQCHIP_CHOICES, value);

	if (choice < 0)
		return bad_choice(err, "--irqchip", value, IRQCHIP_CHOICES);
	config->irqchip = choice == 0 ? TRI_ON : TRI_OFF;
	return 0;
}

static int parse_pit(struct config *config, const char *value, struct err *err)
{
	int choice = parse_choice(ON_OFF_CHOICES, value);

	if (choice < 0)
		return bad_choice(err, "--pit", value, ON_OFF_CHOICES);
	config->pit = choice == 0 ? TRI_ON : TRI_OFF;
	return 0;
}

static int parse_testdev(struct config *config, const char *value, struct err *err)
{
	(void)value;
	(void)err;
	config->testdev = true;
	return 0;
}

static int parse_stats(struct config *config, const char *value, struct err *err)
{
	config->stats = true;
	config->stats_path = NULL;
	if (value == NULL)
		return 0;
	if (value[0] == '\0')
		return err_set(err, -EINVAL,
			       "--stats=: the file name is empty; write --stats=FILE, or --stats "
			       "alone for a table on stderr");
	config->stats_path = value;
	return 0;
}

static int parse_on_reset(struct config *config, const char *value, struct err *err)
{
	int choice = parse_choice(ON_RESET_CHOICES, value);

	if (choice < 0)
		return bad_choice(err, "--on-reset", value, ON_RESET_CHOICES);
	config->restart_on_reset = choice == 1;
	return 0;
}

static int parse_grace(struct config *config, const char *value, struct err *err)
{
	int ret = parse_uint(value, 0, CONFIG_GRACE_MAX_S, &config->grace_s);

	if (ret < 0)
		return err_set(err, -EINVAL,
			       "--grace %s: not a number of seconds up to %d; write --grace 10, or "
			       "--grace 0 to end the guest at once",
			       value, CONFIG_GRACE_MAX_S);
	return 0;
}

static int parse_log(struct config *config, const char *value, struct err *err)
{
	if (log_parse_level(value, &config->log_level) != 0)
		return bad_choice(err, "--log", value, LOG_CHOICES);
	return 0;
}

static int parse_dry_run(struct config *config, const char *value, struct err *err)
{
	(void)value;
	(void)err;
	config->dry_run = true;
	return 0;
}

static int parse_help(struct config *config, const char *value, struct err *err)
{
	(void)value;
	(void)err;
	config->action = CONFIG_HELP;
	return 0;
}

static int parse_version(struct config *config, const char *value, struct err *err)
{
	(void)value;
	(void)err;
	config->action = CONFIG_VERSION;
	return 0;
}

/* ---- the table ---- */

struct option_row {
	const char *name;
	char letter;	 /* or 0 */
	const char *arg; /* as --help shows it; "[=...]" may be left out; NULL: takes none */
	const char *help;
	/* `value` is NULL where none was given. */
	int (*parse)(struct config *config, const char *value, struct err *err);
};

static const struct option_row rows[] = {
	{"kernel", 'k', "FILE",
	 "image to boot: Linux bzImage, ELF (Linux vmlinux, PVH, tinyvmm payload) or Multiboot 1, "
	 "each also gzip-compressed; told apart by content",
	 parse_kernel},
	{"initrd", 'i', "FILE", "initrd for Linux; first module for PVH and Multiboot",
	 parse_initrd},
	{"module", 0, MODULE_ARG, MODULE_HELP, parse_module},
	{"append", 'a', "STRING", "kernel command line (default for Linux: console=ttyS0)",
	 parse_append},
	{"cpus", 'c', CPUS_ARG, CPUS_HELP, parse_cpus},
	{"mem", 'm', MEM_ARG, MEM_HELP, parse_mem},
	{"pin", 'p', PIN_ARG, PIN_HELP, parse_pin},
	{"disk", 'd', DISK_ARG, DISK_HELP, parse_disk},
	{"net", 'n', TAP_ARG, TAP_HELP, parse_net},
	{"rng", 0, "[=off]", "virtio-rng from the host (default: on for Linux, else off)",
	 parse_rng},
	{"console", 0, CONSOLE_ARG, CONSOLE_HELP, parse_console},
	{"cpuid", 0, CPUID_ARG, CPUID_HELP, parse_cpuid},
	{"irqchip", 0, IRQCHIP_CHOICES,
	 "interrupt controllers in KVM (default: what the image needs)", parse_irqchip},
	{"pit", 0, ON_OFF_CHOICES, "i8254 timer in KVM (default off)", parse_pit},
	{"testdev", 0, NULL, "the device that kvm-unit-tests want: QEMU's pc-testdev",
	 parse_testdev},
	{"stats", 0, "[=FILE]",
	 "count and time exits, and report at the end: a table on stderr or in FILE, JSON if FILE "
	 "ends in .json",
	 parse_stats},
	{"on-reset", 0, ON_RESET_CHOICES, "what a reset by the guest does (default exit)",
	 parse_on_reset},
	{"grace", 0, "SECONDS",
	 "how long a guest may take to switch itself off after SIGTERM, SIGINT or SIGHUP, which "
	 "press "
	 "its power button (default 8; 0: end it at once)",
	 parse_grace},
	{"log", 0, LOG_CHOICES, "how much to say on stderr (default warn)", parse_log},
	{"dry-run", 0, NULL, "print the machine that would be built, and do not start it",
	 parse_dry_run},
	{"help", 'h', NULL, "print this text", parse_help},
	{"version", 0, NULL, "print the version", parse_version},
};

void config_for_each_option(void (*visit)(void *ctx, const char *name, char letter, const char *arg,
					  const char *help),
			    void *ctx)
{
	const struct option_row *row;

	for (row = rows; row < rows + NR_OF(rows); row++)
		visit(ctx, row->name, row->letter, row->arg, row->help);
}

/* getopt_long(3)'s words for it. An optional argument is attached: --pin=0, -p0. */
static int has_arg(const struct option_row *row)
{
	if (row->arg == NULL)
		return no_argument;
	return strncmp(row->arg, "[=", 2) == 0 ? optional_argument : required_argument;
}

/* ---- walking argv ---- */

/* getopt_long(3) returns this plus the row's index for a long option, else the letter. */
#define LONG_OPTION 256

struct getopt_tables {
	char letters[2 + 3 * NR_OF(rows) + 1];
	struct option longs[NR_OF(rows) + 1];
};

/* Fills tables that are all zero; both end in a zero. */
static void fill_getopt_tables(struct getopt_tables *tables)
{
	char *letter = tables->letters;
	size_t i;

	*letter++ = '-'; /* report a positional argument where it stands */
	*letter++ = ':'; /* tell a missing argument from an unknown option */
	for (i = 0; i < NR_OF(rows); i++) {
		tables->longs[i] = (struct option){.name = rows[i].name,
						   .has_arg = has_arg(&rows[i]),
						   .val = LONG_OPTION + (int)i};
		if (rows[i].letter == 0)
			continue;
		*letter++ = rows[i].letter;
		if (has_arg(&rows[i]) != no_argument)
			*letter++ = ':';
		if (has_arg(&rows[i]) == optional_argument)
			*letter++ = ':';
	}
}

static const struct option_row *row_of(int opt)
{
	size_t i;

	if (opt >= LONG_OPTION)
		return &rows[opt - LONG_OPTION];
	for (i = 0; i < NR_OF(rows); i++) {
		if (opt != 0 && rows[i].letter == opt)
			return &rows[i];
	}
	return NULL;
}

static const char *nearest_option(const char *name, size_t len)
{
	const char *nearest = NULL;
	unsigned int least = 0;
	size_t i;

	for (i = 0; i < NR_OF(rows); i++) {
		unsigned int distance = nearest_distance(name, len, rows[i].name);

		if (nearest == NULL || distance < least) {
			nearest = rows[i].name;
			least = distance;
		}
	}
	return nearest;
}

/* "--c": an abbreviation of several; "--kernle": of none. */
static int unknown_long_option(const char *arg, struct err *err)
{
	const char *name = arg + 2;
	int len = (int)strcspn(name, "=");
	char matches[160] = "";
	size_t used = 0;
	size_t i;

	for (i = 0; i < NR_OF(rows); i++) {
		if (len > 0 && used < sizeof(matches) &&
		    strncmp(rows[i].name, name, (size_t)len) == 0)
			used += (size_t)snprintf(matches + used, sizeof(matches) - used, "%s--%s",
						 used > 0 ? ", " : "", rows[i].name);
	}
	if (used > 0)
		return err_set(err, -EINVAL, "--%.*s: stands for each of %s; write one of them",
			       len, name, matches);
	return err_set(err, -EINVAL,
		       "--%.*s: unknown option; the nearest is --%s, and --help lists all", len,
		       name, nearest_option(name, (size_t)len));
}

/* What getopt_long(3) answered with '?'; `arg` is the word that it looked at. */
static int bad_option(const char *arg, struct err *err)
{
	if (optopt >= LONG_OPTION)
		return err_set(err, -EINVAL, "%s: takes no value; write --%s", arg,
			       row_of(optopt)->name);
	if (optopt == 0)
		return unknown_long_option(arg, err);
	return err_set(err, -EINVAL, "-%c: unknown option; --help lists all", optopt);
}

/* `previous` is the option before it, or NULL. */
static int positional(const char *arg, const struct option_row *previous, struct err *err)
{
	if (previous != NULL && has_arg(previous) == optional_argument)
		return err_set(
			err, -EINVAL,
			"%s: not an option; if it belongs to --%s write --%s=%s, if it is the "
			"image use --kernel FILE",
			arg, previous->name, previous->name, arg);
	return err_set(err, -EINVAL, "%s: not an option; for the image to boot use --kernel FILE",
		       arg);
}

static int parse_argv(struct config *config, int argc, char **argv, struct err *err)
{
	const struct option_row *previous = NULL;
	struct getopt_tables tables = {0};
	int opt;

	fill_getopt_tables(&tables);
	opterr = 0;
	optind = 0; /* glibc: start afresh */
	while ((opt = getopt_long(argc, argv, tables.letters, tables.longs, NULL)) != -1) {
		const struct option_row *row;
		int ret;

		if (opt == 1)
			return positional(optarg, previous, err);
		if (opt == '?')
			return bad_option(argv[optind - 1], err);
		row = row_of(opt != ':' ? opt : optopt);
		if (opt == ':')
			return err_set(err, -EINVAL, "--%s: needs a value; write --%s %s",
				       row->name, row->name, row->arg);
		ret = row->parse(config, optarg, err);
		if (ret != 0 || config->action != CONFIG_RUN)
			return ret;
		previous = row;
	}
	return optind < argc ? positional(argv[optind], NULL, err) : 0; /* behind "--" */
}

int config_parse(struct config *config, int argc, char **argv, struct err *err)
{
	int ret;

	*config = (struct config){
		.cpus = {.nr = 1},
		.mem = {.size_bytes = 512ull << 20, .node = -1},
		.grace_s = CONFIG_GRACE_DEFAULT_S,
		.log_level = LOG_WARN,
	};
	ret = parse_argv(config, argc, argv, err);
	if (ret != 0 || config->action != CONFIG_RUN)
		return ret;
	for (unsigned int i = 0; i < config->nr_disks; i++)
		config->disk[i].only_judge = config->dry_run;
	for (unsigned int i = 0; i < config->nr_nets; i++)
		config->net[i].only_judge = config->dry_run;
	return config_check_together(config, err);
}

void config_free(struct config *config)
{
	unsigned int i;

	pin_free_options(&config->pin);
	for (i = 0; i < config->nr_disks; i++)
		disk_free_options(&config->disk[i]);
	module_free_options(&config->modules);
	cpuid_free_options(&config->cpuid);
	*config = (struct config){0};
}
