/* SPDX-License-Identifier: MIT */
/* Whether the options go together. */
#ifndef VMM_CONFIG_TOGETHER_H
#define VMM_CONFIG_TOGETHER_H

#include "vmm/config/config.h"
#include "vmm/core/err.h"

/* For a command line that has been read whole. 0, or -EINVAL with a message. */
int config_check_together(const struct config *config, struct err *err);

#endif
