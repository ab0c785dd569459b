/* SPDX-License-Identifier: MIT */
/*
 * What the user asked for, parsed and checked as far as that needs neither the image nor KVM.
 *
 * One table in config.c holds every option: letter, name, argument, help, and its parser. --help is
 * generated from it.
 */
#ifndef VMM_CONFIG_CONFIG_H
#define VMM_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "vmm/core/err.h"
#include "vmm/core/log.h"
#include "virtio/disk.h"
#include "virtio/tap.h"

#define CONFIG_MAX_CPUS	 4096
#define CONFIG_MAX_DISKS 12
#define CONFIG_MAX_NETS	 12
#define CONFIG_MAX_CPUID 64

enum tristate { TRI_AUTO, TRI_OFF, TRI_ON };

enum mem_pages { MEM_PAGES_DEFAULT, MEM_PAGES_4K, MEM_PAGES_THP, MEM_PAGES_2M, MEM_PAGES_1G };

enum console_kind { CONSOLE_STDIO, CONSOLE_NONE, CONSOLE_FILE, CONSOLE_PTY };

enum config_action { CONFIG_RUN, CONFIG_HELP, CONFIG_VERSION };

struct config_cpus {
	unsigned int nr;
	bool topology_given; /* sockets, cores and threads are the user's, and nr fits into them */
	unsigned int sockets, cores, threads;
};

struct config_mem {
	uint64_t size_bytes; /* a multiple of the page size that backs it */
	enum mem_pages pages;
	bool prealloc;
	int node; /* host NUMA node to bind to, or -1 */
};

struct config_pin {
	bool enabled;
	unsigned int nr;    /* 0: choose */
	unsigned int *cpus; /* the list as given */
};

/* One +NAME or -NAME of --cpuid. */
struct config_cpuid {
	char *name; /* owned; no NAME is checked here, x86/cpu.c knows them */
	bool force; /* + */
};

struct config {
	enum config_action action;
	const char *kernel;
	const char *initrd; /* or NULL */
	const char *append; /* or NULL */
	struct config_cpus cpus;
	struct config_mem mem;
	struct config_pin pin;
	unsigned int nr_disks;
	struct disk_options disk[CONFIG_MAX_DISKS];
	unsigned int nr_nets;
	struct tap_options net[CONFIG_MAX_NETS];
	enum tristate rng;
	enum console_kind console;
	const char *console_path; /* CONSOLE_FILE */
	unsigned int nr_cpuid;
	struct config_cpuid cpuid[CONFIG_MAX_CPUID];
	enum tristate irqchip;
	enum tristate pit;
	bool stats;
	const char *stats_path; /* or NULL: a table on stderr */
	bool restart_on_reset;
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
