/* SPDX-License-Identifier: MIT */
/*
 * The host side of the serial port: this terminal, a file, a pseudo-terminal, or nothing.
 *
 * stdio: a terminal is raw while the guest runs (output processing stays on, for our own lines),
 * and restored by console_close(), whatever happened. On it, Ctrl-A is the escape: Ctrl-A x ends
 * the guest, Ctrl-A c shows the exit counters, Ctrl-A Ctrl-A sends one Ctrl-A, and Ctrl-A before
 * anything else is sent on with it. Where standard input is not a terminal nothing is special, so
 * binary data passes; its end does not end the guest. When standard output is closed (EPIPE, EIO),
 * the guest ends. Descriptors that tinyvmm inherited are never made non-blocking, since other
 * processes share them: core/nonblock.h says what is done instead.
 *
 * file: output only, into a file that outputs.h created or emptied.
 *
 * pty: nothing is special either; its reader may leave and come back: pty.h.
 *
 * No byte is lost under back-pressure, in either direction. A console outlives machine resets.
 * The process must ignore SIGPIPE, and have something open as standard input and output.
 */
#ifndef VMM_CONSOLE_CONSOLE_H
#define VMM_CONSOLE_CONSOLE_H

#include "vmm/console/options.h"
#include "vmm/core/chario.h"
#include "vmm/core/evloop.h"
#include "vmm/core/guest_end.h"
#include "vmm/core/log.h"

struct console;

struct console_hooks {
	/* With the value 0 for Ctrl-A x, with an errno if the far side is gone. */
	struct guest_end end;
	void (*show_counters)(void *ctx); /* Ctrl-A c; on the I/O thread; may be NULL */
	void *ctx;
};

/*
 * Opens the host side. For a pty, prints the name of its far side with log_print at LOG_INFO
 * ("console: /dev/pts/3"), and, since a user needs it, also when --log is at its default.
 * `file` is that of CONSOLE_FILE, open, non-blocking and empty; borrowed.
 * 0 or -errno with a message naming --console.
 */
int console_open(struct console **console, const struct console_options *options, int file,
		 const struct log *log, struct err *err);

/*
 * Starts to serve: adds its sources to the loop of this machine. console_stop() removes them, once
 * the vCPUs and the loop have stopped, and waits a little for a slow far side to take the last
 * bytes that the port holds.
 */
int console_start(struct console *console, struct evloop *loop, const struct console_hooks *hooks);
void console_stop(struct console *console);

/* Restores the terminal and closes what console_open() opened; NULL is fine. */
void console_close(struct console *console);

/* What the serial port talks to. */
const struct chario_host *console_chario(struct console *console);

#endif
