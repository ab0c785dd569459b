/* SPDX-License-Identifier: MIT */
/*
 * Words on Linux's command line that take away what the machine has: users copy them from other
 * hypervisors and from bug reports, and the kernel obeys without a message.
 */
#ifndef VMM_LINUX_WORDS_H
#define VMM_LINUX_WORDS_H

#include "vmm/core/log.h"
#include "vmm/x86/board.h"

/* A warning for each such word in board->cmdline that costs this machine something. */
void linux_words_warn(const struct board *board, const struct log *log);

#endif
