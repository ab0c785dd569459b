/* SPDX-License-Identifier: MIT */
/* --pin: which host CPU each vCPU runs on. */
#ifndef VMM_HOST_PIN_OPTIONS_H
#define VMM_HOST_PIN_OPTIONS_H

#include <stdbool.h>

#include "vmm/core/err.h"

#define PIN_MAX_CPUS 4096

#define PIN_ARG "[=LIST]"
#define PIN_HELP                                                                              \
	"run vCPU i on host CPU LIST[i], as in --pin=0,2-5; without LIST on one allowed CPU " \
	"each, "                                                                              \
	"spread over cores before threads"

struct pin_options {
	bool enabled;
	unsigned int nr;    /* 0: choose */
	unsigned int *cpus; /* the list as given; owned */
};

/*
 * `value` is NULL without LIST. Takes the place of what *options holds. 0, or -EINVAL or -ENOMEM
 * with a message that begins with "--pin"; *options is kept then.
 */
int pin_parse_options(const char *value, struct pin_options *options, struct err *err);
void pin_free_options(struct pin_options *options);

#endif
