/* SPDX-License-Identifier: MIT */
/*
 * A pseudo-terminal. A reader (screen /dev/pts/3) may attach to it, leave, and attach again.
 *
 * Without a reader the guest does not wait: its last PTY_HELD_BYTES of output are held for the next
 * one, and older ones are dropped. For a reader that is attached but slow the guest waits.
 */
#ifndef VMM_CONSOLE_PTY_H
#define VMM_CONSOLE_PTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "vmm/core/nonblock.h"

#define PTY_HELD_BYTES 65536
#define PTY_NAME_MAX   64

struct pty {
	struct nonblock master;
	int opened_fd;		 /* readable after the far side was opened; for the event loop */
	char name[PTY_NAME_MAX]; /* of the far side */
	size_t held_head, held_len;
	uint8_t held[PTY_HELD_BYTES];
};

/* 0 or -errno. The caller frees it with pty_close(). */
int pty_open(struct pty **pty);

/* Gives a reader a moment to read what is on the way; NULL is fine. */
void pty_close(struct pty *pty);

/* Whether a reader is attached. */
bool pty_is_attached(const struct pty *pty);

/* Bytes taken, which are held without a reader; -EAGAIN if the reader is slow. */
ssize_t pty_write(struct pty *pty, const uint8_t *bytes, size_t len);

/* Passes on what is held. True if nothing is left that could be passed on. */
bool pty_flush(struct pty *pty);

/* Takes note of opened_fd being readable. */
void pty_opened(struct pty *pty);

#endif
