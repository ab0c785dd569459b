/* SPDX-License-Identifier: MIT */
/* Option values that have parts: --cpus, --mem, --pin, --console and --cpuid. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/config/values.h"
#include "vmm/core/parse.h"

#define KIB (1ull << 10)
#define MIB (1ull << 20)
#define GIB (1ull << 30)

int config_choice(const char *choices, const char *value)
{
	size_t len = strlen(value);
	int index = 0;

	if (len == 0 || strchr(value, '|') != NULL)
		return -1;
	for (;; index++) {
		const char *end = strchrnul(choices, '|');

		if ((size_t)(end - choices) == len && memcmp(choices, value, len) == 0)
			return index;
		if (*end == '\0')
			return -1;
		choices = end + 1;
	}
}

void config_format_size(char text[CONFIG_SIZE_TEXT], uint64_t bytes)
{
	static const char suffix[] = {'k', 'M', 'G', 'T'};
	int steps = 0;

	while (steps < 4 && bytes != 0 && bytes % 1024 == 0) {
		bytes /= 1024;
		steps++;
	}
	if (steps == 0)
		snprintf(text, CONFIG_SIZE_TEXT, "%" PRIu64, bytes);
	else
		snprintf(text, CONFIG_SIZE_TEXT, "%" PRIu64 "%c", bytes, suffix[steps - 1]);
}

static int no_memory(struct err *err, const char *option)
{
	return err_set(err, -ENOMEM, "%s: out of memory", option);
}

/* ---- --cpus N[,sockets=S][,cores=C][,threads=T] ---- */

static unsigned int divide_up(uint64_t dividend, uint64_t divisor)
{
	return (unsigned int)((dividend + divisor - 1) / divisor);
}

/*
 * What is left out follows from the rest: threads are one each and cores fill up the sockets,
 * unless only they are missing.
 */
static void derive_topology(struct config_cpus *cpus)
{
	if (cpus->threads == 0)
		cpus->threads = cpus->sockets != 0 && cpus->cores != 0
					? divide_up(cpus->nr, (uint64_t)cpus->sockets * cpus->cores)
					: 1;
	if (cpus->sockets == 0)
		cpus->sockets = cpus->cores != 0
					? divide_up(cpus->nr, (uint64_t)cpus->cores * cpus->threads)
					: 1;
	if (cpus->cores == 0)
		cpus->cores = divide_up(cpus->nr, (uint64_t)cpus->sockets * cpus->threads);
}

/* The last socket may be partly filled, but no socket may be empty. */
static int check_topology(const struct config_cpus *cpus, const char *value, struct err *err)
{
	uint64_t per_socket = (uint64_t)cpus->cores * cpus->threads;
	uint64_t room = cpus->sockets * per_socket;

	if (room >= cpus->nr && room - cpus->nr < per_socket)
		return 0;
	return err_set(err, -EINVAL,
		       "--cpus %s: sockets=%u,cores=%u,threads=%u %s %u vCPUs; give %" PRIu64
		       ", or leave one of the three out to have it derived",
		       value, cpus->sockets, cpus->cores, cpus->threads,
		       room < cpus->nr ? "has no room for" : "leaves a socket empty with", cpus->nr,
		       room);
}

static int parse_cpus_part(struct config_cpus *cpus, const char *value, const char *key,
			   const char *number, struct err *err)
{
	unsigned int *field;

	if (strcmp(key, "sockets") == 0)
		field = &cpus->sockets;
	else if (strcmp(key, "cores") == 0)
		field = &cpus->cores;
	else if (strcmp(key, "threads") == 0)
		field = &cpus->threads;
	else
		return err_set(err, -EINVAL,
			       "--cpus %s: unknown part \"%s\"; known are sockets=S, cores=C and "
			       "threads=T",
			       value, key);
	if (number == NULL || parse_uint(number, 1, CONFIG_MAX_CPUS, field) != 0)
		return err_set(err, -EINVAL, "--cpus %s: %s is not a number from 1 to %u", value,
			       key, CONFIG_MAX_CPUS);
	cpus->topology_given = true;
	return 0;
}

int config_parse_cpus(struct config *config, const char *value, struct err *err)
{
	struct config_cpus cpus = {0};
	char *copy = strdup(value);
	char *cursor = copy;
	char *key, *number;
	int ret = 0;

	if (copy == NULL)
		return no_memory(err, "--cpus");
	parse_suboption(&cursor, &key, &number);
	if (number != NULL || parse_uint(key, 1, CONFIG_MAX_CPUS, &cpus.nr) != 0)
		ret = err_set(err, -EINVAL,
			      "--cpus %s: the number of vCPUs comes first and is from 1 to %u; for "
			      "example --cpus 4,sockets=2",
			      value, CONFIG_MAX_CPUS);
	while (ret == 0 && parse_suboption(&cursor, &key, &number))
		ret = parse_cpus_part(&cpus, value, key, number, err);
	if (ret == 0 && cpus.topology_given) {
		derive_topology(&cpus);
		ret = check_topology(&cpus, value, err);
	}
	if (ret == 0)
		config->cpus = cpus;
	free(copy);
	return ret;
}

/* ---- --mem SIZE[,pages=4k|thp|2m|1g][,prealloc][,node=N] ---- */

/* MAX_NUMNODES of the largest x86-64 kernels. */
#define MAX_NODE 1023

static int parse_mem_part(struct config_mem *mem, const char *value, const char *key,
			  const char *part_value, struct err *err)
{
	static const enum mem_pages pages[] = {MEM_PAGES_4K, MEM_PAGES_THP, MEM_PAGES_2M,
					       MEM_PAGES_1G};
	unsigned int node;
	int choice;

	if (strcmp(key, "prealloc") == 0 && part_value == NULL) {
		mem->prealloc = true;
		return 0;
	}
	if (strcmp(key, "pages") == 0) {
		choice = part_value != NULL ? config_choice(CONFIG_PAGES_CHOICES, part_value) : -1;
		if (choice < 0)
			return err_set(err, -EINVAL, "--mem %s: pages= takes one of %s", value,
				       CONFIG_PAGES_CHOICES);
		mem->pages = pages[choice];
		return 0;
	}
	if (strcmp(key, "node") == 0) {
		if (part_value == NULL || parse_uint(part_value, 0, MAX_NODE, &node) != 0)
			return err_set(err, -EINVAL,
				       "--mem %s: node= takes the number of a NUMA node of the "
				       "host; /sys/devices/system/node/online lists them",
				       value);
		mem->node = (int)node;
		return 0;
	}
	return err_set(err, -EINVAL,
		       "--mem %s: unknown part \"%s\"; known are pages=%s, prealloc and node=N",
		       value, key, CONFIG_PAGES_CHOICES);
}

static uint64_t backing_page_bytes(enum mem_pages pages)
{
	switch (pages) {
	case MEM_PAGES_2M:
		return 2 * MIB;
	case MEM_PAGES_1G:
		return GIB;
	case MEM_PAGES_DEFAULT:
	case MEM_PAGES_4K:
	case MEM_PAGES_THP:
		break;
	}
	return 4 * KIB;
}

static int check_mem_size(const struct config_mem *mem, const char *value, struct err *err)
{
	uint64_t page_bytes = backing_page_bytes(mem->pages);
	char nearest[CONFIG_SIZE_TEXT], page[CONFIG_SIZE_TEXT];
	uint64_t pages;

	if (mem->size_bytes < CONFIG_MEM_MIN_BYTES)
		return err_set(err, -EINVAL,
			       "--mem %s: too little, images start at 1 MiB; give at least 2M",
			       value);
	if (mem->size_bytes > CONFIG_MEM_MAX_BYTES)
		return err_set(err, -EINVAL,
			       "--mem %s: more than tinyvmm can map; give at most 64T", value);
	if (mem->size_bytes % page_bytes == 0)
		return 0;
	pages = (mem->size_bytes + page_bytes / 2) / page_bytes;
	config_format_size(page, page_bytes);
	config_format_size(nearest, page_bytes * (pages > 0 ? pages : 1));
	return err_set(err, -EINVAL,
		       "--mem %s: not a multiple of the %s pages that back it; the nearest size "
		       "is %s",
		       value, page, nearest);
}

int config_parse_mem(struct config *config, const char *value, struct err *err)
{
	struct config_mem mem = {.node = -1};
	char *copy = strdup(value);
	char *cursor = copy;
	char *key, *part_value;
	int ret = 0;

	if (copy == NULL)
		return no_memory(err, "--mem");
	parse_suboption(&cursor, &key, &part_value);
	switch (part_value != NULL ? -EINVAL : parse_size(key, &mem.size_bytes)) {
	case 0:
		break;
	case -ERANGE:
		mem.size_bytes = UINT64_MAX; /* refused below, in the same words */
		break;
	default:
		ret = err_set(err, -EINVAL,
			      "--mem %s: the size comes first, in bytes or with k, M, G or T; for "
			      "example --mem 512M",
			      value);
	}
	while (ret == 0 && parse_suboption(&cursor, &key, &part_value))
		ret = parse_mem_part(&mem, value, key, part_value, err);
	if (ret == 0)
		ret = check_mem_size(&mem, value, err);
	if (ret == 0)
		config->mem = mem;
	free(copy);
	return ret;
}

/* ---- --pin[=LIST] ---- */

int config_parse_pin(struct config *config, const char *value, struct err *err)
{
	unsigned int *cpus = NULL;
	unsigned int nr = 0;
	int ret;

	if (value != NULL) {
		cpus = calloc(CONFIG_MAX_CPUS, sizeof(*cpus));
		if (cpus == NULL)
			return no_memory(err, "--pin");
		ret = parse_cpu_list(value, cpus, CONFIG_MAX_CPUS, &nr);
		if (ret != 0) {
			free(cpus);
			return ret == -E2BIG
				       ? err_set(err, -EINVAL,
						 "--pin=%s: more than %u CPUs; list one for each "
						 "vCPU",
						 value, CONFIG_MAX_CPUS)
				       : err_set(err, -EINVAL,
						 "--pin=%s: not a list of CPUs, each named once; "
						 "write it like --pin=0,2-5",
						 value);
		}
	}
	free(config->pin.cpus);
	config->pin = (struct config_pin){.enabled = true, .nr = nr, .cpus = cpus};
	return 0;
}

/* ---- --console ---- */

int config_parse_console(struct config *config, const char *value, struct err *err)
{
	static const enum console_kind kinds[] = {CONSOLE_STDIO, CONSOLE_NONE, CONSOLE_FILE,
						  CONSOLE_PTY};
	static const char file[] = "file=";
	int choice;

	config->console_path = NULL;
	if (strncmp(value, file, strlen(file)) == 0) {
		if (value[strlen(file)] == '\0')
			return err_set(err, -EINVAL,
				       "--console %s: the path is empty; write --console file=PATH",
				       value);
		config->console = CONSOLE_FILE;
		config->console_path = value + strlen(file);
		return 0;
	}
	choice = config_choice(CONFIG_CONSOLE_CHOICES, value);
	if (choice < 0)
		return err_set(err, -EINVAL, "--console %s: takes one of %s", value,
			       CONFIG_CONSOLE_CHOICES);
	config->console = kinds[choice];
	return 0;
}

/* ---- --cpuid +NAME,-NAME,... ---- */

static int add_cpuid(struct config *config, const char *value, const char *part, struct err *err)
{
	char *name;

	if ((part[0] != '+' && part[0] != '-') || part[1] == '\0')
		return err_set(err, -EINVAL,
			       "--cpuid %s: \"%s\" is not +NAME or -NAME; write it like --cpuid "
			       "+x2apic,-avx",
			       value, part);
	if (config->nr_cpuid == CONFIG_MAX_CPUID)
		return err_set(err, -EINVAL, "--cpuid %s: more than %u names; give fewer", value,
			       CONFIG_MAX_CPUID);
	name = strdup(part + 1);
	if (name == NULL)
		return no_memory(err, "--cpuid");
	config->cpuid[config->nr_cpuid++] =
		(struct config_cpuid){.name = name, .force = part[0] == '+'};
	return 0;
}

int config_parse_cpuid(struct config *config, const char *value, struct err *err)
{
	char *copy = strdup(value);
	char *cursor = copy;
	char *part, *equals;
	int ret = 0;

	if (copy == NULL)
		return no_memory(err, "--cpuid");
	while (ret == 0 && parse_suboption(&cursor, &part, &equals)) {
		if (equals != NULL)
			equals[-1] = '='; /* no part of the syntax: the name is wrong as a whole */
		ret = add_cpuid(config, value, part, err);
	}
	free(copy);
	return ret;
}
