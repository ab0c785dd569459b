/* SPDX-License-Identifier: MIT */
/* What the two halves of the console share: console.c (output and life) and input.c. */
#ifndef VMM_CONSOLE_PRIVATE_H
#define VMM_CONSOLE_PRIVATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/console/console.h"
#include "vmm/core/nonblock.h"
#include "vmm/console/pty.h"
#include "vmm/console/tty.h"

#define CONSOLE_INPUT_BYTES 65536

struct console {
	const struct log *log;
	const char *name; /* of the far side, for messages */
	struct chario_host chario;
	struct nonblock in, out; /* of a pty: its master, and a duplicate of that */
	struct tty tty;
	struct pty *pty; /* or NULL */

	pthread_mutex_t lock; /* around all that follows, up to the input */
	struct evloop *loop;  /* between console_start() and console_stop() */
	struct console_hooks hooks;
	struct chario_port port;
	bool blocked; /* the port has bytes that we did not take */
	bool gone;    /* the far side is; output is swallowed */
	struct ev_source out_source;

	/* Of the I/O thread alone. */
	int kick_fd; /* an eventfd: look at the input again */
	struct ev_source kick_source, in_source, cont_source, opened_source;
	bool in_armed;
	bool in_ended; /* end of file */
	bool escaped;  /* the last byte was the escape character */
	size_t input_head, input_len;
	uint8_t input[CONSOLE_INPUT_BYTES]; /* read, but not yet received by the port */
};

/* The far side is gone: ends the guest, once, and swallows all further output. */
void console_lose_far_side(struct console *console, int error);

/*
 * Reads what there is and hands the port what it has room for; waits for more of either. On the I/O
 * thread; an ev_source's `ready`.
 */
void console_pump_input(struct console *console);
void console_input_ready(void *ctx, uint32_t events);

/* Stops waiting for input. The event loop has stopped. */
void console_stop_input(struct console *console);

#endif
