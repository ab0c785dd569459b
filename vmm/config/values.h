/* SPDX-License-Identifier: MIT */
/*
 * The parsers of those options whose values have parts. Each takes the value as the user typed it,
 * stores what it means, and returns 0, or -EINVAL or -ENOMEM with a message.
 */
#ifndef VMM_CONFIG_VALUES_H
#define VMM_CONFIG_VALUES_H

#include "vmm/config/config.h"

/* The choices, as --help shows them. */
#define CONFIG_PAGES_CHOICES   "4k|thp|2m|1g"
#define CONFIG_CONSOLE_CHOICES "stdio|none|file=PATH|pty"

#define CONFIG_MEM_MIN_BYTES (2ull << 20)
#define CONFIG_MEM_MAX_BYTES (64ull << 40) /* half of the VMM's own address space */

int config_parse_cpus(struct config *config, const char *value, struct err *err);
int config_parse_mem(struct config *config, const char *value, struct err *err);
int config_parse_pin(struct config *config, const char *value, struct err *err);
int config_parse_console(struct config *config, const char *value, struct err *err);
int config_parse_cpuid(struct config *config, const char *value, struct err *err);

/* Which of "a|b|c" is `value`? Its index, or -1. */
int config_choice(const char *choices, const char *value);

/* 4096 -> "4k", 3 GiB -> "3G": the shortest exact text that parse_size() takes. */
#define CONFIG_SIZE_TEXT 24
void config_format_size(char text[CONFIG_SIZE_TEXT], uint64_t bytes);

#endif
