/* SPDX-License-Identifier: MIT */
/* The caller's terminal and its other two streams, as the relay uses them. */
#ifndef GUEST_VENUE_TERMINAL_H
#define GUEST_VENUE_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

#include "guest/venue/wire.h"

struct terminal {
	struct termios before;
	bool is_raw;
	bool escaped; /* the last key was Ctrl-] */
};

/* True if the command gets a terminal: stdin and stdout are one. */
bool terminal_is_there(void);

/* Zeros where there is none. */
struct wire_size terminal_size(void);

/* After this call each key goes to the command, also Ctrl-C. */
void terminal_make_raw(struct terminal *terminal);

/* Also drops what was typed, or answered by the terminal, and not read by the command. */
void terminal_restore(struct terminal *terminal);

/*
 * Takes the keys Ctrl-] x out of what was typed: true if they are in it. Ctrl-] twice stands for
 * one of them. *length becomes that of what is left for the command.
 */
bool terminal_wants_end(struct terminal *terminal, unsigned char *keys, size_t *length);

/*
 * A descriptor for the caller's stdout or stderr that does not block, without changing what the
 * caller shares with it; where that cannot be had, the one that there is.
 */
int output_without_waiting(int fd);

#endif
