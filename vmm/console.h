/* SPDX-License-Identifier: MIT */
/*
 * The host side of the serial port: this terminal, a file, a pseudo-terminal, or nothing.
 *
 * On a terminal the console is raw while the guest runs, and restored by console_close(), whatever
 * happened. Ctrl-A is the escape: Ctrl-A x ends the guest, Ctrl-A c shows the exit counters, Ctrl-A
 * Ctrl-A sends one Ctrl-A. Descriptors that tinyvmm inherited are never made non-blocking (other
 * processes share them); they are polled before each access instead. A console outlives machine resets.
 */
#ifndef VMM_CONSOLE_H
#define VMM_CONSOLE_H

#include "config.h"
#include "core/chario.h"
#include "core/evloop.h"
#include "core/guest_end.h"
#include "core/log.h"

struct console;

struct console_hooks {
	struct guest_end end;		   /* Ctrl-A x; the far side is gone (EPIPE, EIO, SIGHUP) */
	void (*show_counters)(void *ctx);  /* Ctrl-A c; on the I/O thread; may be NULL */
	void *ctx;
};

/*
 * Opens the host side. For a pty, prints the name of its far side with log_print at LOG_INFO
 * ("console: /dev/pts/3") — and, since a user needs it, also when --log is at its default.
 * 0 or -errno with a message naming --console.
 */
int console_open(struct console **console, const struct config *config, const struct log *log,
		 struct err *err);

/* Starts to serve: adds its sources to the loop of this machine. console_stop() removes them. */
int console_start(struct console *console, struct evloop *loop, const struct console_hooks *hooks);
void console_stop(struct console *console);

/* Restores the terminal and closes what console_open() opened; NULL is fine. */
void console_close(struct console *console);

/* What the serial port talks to. */
const struct chario_host *console_chario(struct console *console);

#endif
