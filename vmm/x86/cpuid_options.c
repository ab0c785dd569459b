/* SPDX-License-Identifier: MIT */
/* --cpuid +NAME,-NAME,... */
#include "vmm/x86/cpuid_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/core/parse.h"

static int add_edit(struct cpuid_options *options, const char *value, const char *part,
		    struct err *err)
{
	char *name;

	if ((part[0] != '+' && part[0] != '-') || part[1] == '\0')
		return err_set(err, -EINVAL,
			       "--cpuid %s: \"%s\" is not +NAME or -NAME; write it like --cpuid "
			       "+x2apic,-avx",
			       value, part);
	if (options->nr == CPUID_MAX_EDITS)
		return err_set(err, -EINVAL, "--cpuid %s: more than %u names; give fewer", value,
			       CPUID_MAX_EDITS);
	name = strdup(part + 1);
	if (name == NULL)
		return err_set(err, -ENOMEM, "--cpuid: out of memory");
	options->edit[options->nr++] = (struct cpuid_edit){.name = name, .force = part[0] == '+'};
	return 0;
}

int cpuid_parse_options(const char *value, struct cpuid_options *options, struct err *err)
{
	char *copy = strdup(value);
	char *cursor = copy;
	char *part, *equals;
	int ret = 0;

	if (copy == NULL)
		return err_set(err, -ENOMEM, "--cpuid: out of memory");
	while (ret == 0 && parse_suboption(&cursor, &part, &equals)) {
		if (equals != NULL)
			equals[-1] = '='; /* no part of the syntax: the name is wrong as a whole */
		ret = add_edit(options, value, part, err);
	}
	free(copy);
	return ret;
}

void cpuid_free_options(struct cpuid_options *options)
{
	for (unsigned int i = 0; i < options->nr; i++)
		free(options->edit[i].name);
	*options = (struct cpuid_options){0};
}
