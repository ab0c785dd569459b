/* SPDX-License-Identifier: MIT */
/* --pin[=LIST] */
#include "vmm/host/pin_options.h"

#include <errno.h>
#include <stdlib.h>

#include "vmm/core/parse.h"

int pin_parse_options(const char *value, struct pin_options *options, struct err *err)
{
	unsigned int *cpus = NULL;
	unsigned int nr = 0;
	int ret;

	if (value != NULL) {
		cpus = calloc(PIN_MAX_CPUS, sizeof(*cpus));
		if (cpus == NULL)
			return err_set(err, -ENOMEM, "--pin: out of memory");
		ret = parse_cpu_list(value, cpus, PIN_MAX_CPUS, &nr);
		if (ret != 0) {
			free(cpus);
			return ret == -E2BIG
				       ? err_set(err, -EINVAL,
						 "--pin=%s: more than %u CPUs; list one for each "
						 "vCPU",
						 value, PIN_MAX_CPUS)
				       : err_set(err, -EINVAL,
						 "--pin=%s: not a list of CPUs, each named once; "
						 "write it like --pin=0,2-5",
						 value);
		}
	}
	free(options->cpus);
	*options = (struct pin_options){.enabled = true, .nr = nr, .cpus = cpus};
	return 0;
}

void pin_free_options(struct pin_options *options)
{
	free(options->cpus);
	*options = (struct pin_options){0};
}
