/* SPDX-License-Identifier: MIT */
/*
 * What the user asked for, parsed and checked as far as that needs neither the image nor KVM.
 *
 * One table in config.c holds every option: letter, name, argument, help, and its parser. --help is
 * generated from it. An option that belongs to one part of the program is that part's: its header
 * declares the value, the parser and the words, and knows nothing of this one.
 */
#ifndef VMM_CONFIG_CONFIG_H
#define VMM_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "vmm/console/options.h"
#include "vmm/core/err.h"
#include "vmm/core/log.h"
#include "vmm/host/memory_options.h"
#include "vmm/host/pin_options.h"
#include "vmm/x86/boot/module_options.h"
#include "vmm/x86/cpuid_options.h"
#include "vmm/x86/cpus_options.h"
#include "virtio/disk.h"
#include "virtio/tap.h"

#define CONFIG_MAX_DISKS 12
#define CONFIG_MAX_NETS	 12

/*
 * --grace: by default less than the ten seconds after which container engines follow a SIGTERM by
 * SIGKILL, so that the disks are still flushed.
 */
#define CONFIG_GRACE_DEFAULT_S 8
#define CONFIG_GRACE_MAX_S     86400

enum tristate { TRI_AUTO, TRI_OFF, TRI_ON };

enum config_action { CONFIG_RUN, CONFIG_HELP, CONFIG_VERSION };

struct config {
	enum config_action action;
	const char *kernel;
	const char *initrd; /* or NULL */
	struct module_options modules;
	const char *append; /* or NULL */
	struct cpus_options cpus;
	struct mem_options mem;
	struct pin_options pin;
	unsigned int nr_disks;
	struct disk_options disk[CONFIG_MAX_DISKS];
	unsigned int nr_nets;
	struct tap_options net[CONFIG_MAX_NETS];
	enum tristate rng;
	struct console_options console;
	struct cpuid_options cpuid;
	enum tristate irqchip;
	enum tristate pit;
	bool testdev;
	bool stats;
	const char *stats_path; /* or NULL: a table on stderr */
	bool restart_on_reset;
	unsigned int grace_s; /* 0: none */
	enum log_level log_level;
	bool dry_run;
};

/*
 * Parses the command line. Strings point into argv or are owned by the config; config_free() in
 * either case. 0, or -EINVAL with a message that names option, value and remedy.
 */
int config_parse(struct config *config, int argc, char **argv, struct err *err);
void config_free(struct config *config);

/* The text of --help, made from the option table. */
void config_print_help(FILE *to);

/*
 * Calls `visit` with the long name of every option, its letter or 0, its argument as --help shows
 * it ("FILE"; "[=LIST]" if it may be left out; NULL if there is none) and its help text; for --help
 * and for the test that the man page has them all.
 */
void config_for_each_option(void (*visit)(void *ctx, const char *name, char letter, const char *arg,
					  const char *help),
			    void *ctx);

#endif
