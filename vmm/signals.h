/* SPDX-License-Identifier: MIT */
/*
 * The signals that end a run, SIGINT, SIGTERM and SIGHUP, as something to read; and those that must
 * not end it.
 */
#ifndef VMM_SIGNALS_H
#define VMM_SIGNALS_H

#include <stdbool.h>

/*
 * A descriptor that is readable once such a signal has come, or -errno; the caller closes it. They
 * are blocked from here on, in this thread and those that it will create, so this comes before
 * there are threads. With `on_terminal`, other signals that kill make standard input usable again
 * first.
 */
int signals_open(bool on_terminal);

/* The signal that came first, or 0. Does not wait. */
int signals_take(int fd);

#endif
