/* SPDX-License-Identifier: MIT */
/*
 * The user's terminal: raw while the guest runs, as it was before and afterwards.
 *
 * Job control is respected: a terminal is left alone while tinyvmm is in the background, and made
 * raw again when it comes to the foreground (SIGCONT, which tty_open() makes readable).
 */
#ifndef VMM_CONSOLE_TTY_H
#define VMM_CONSOLE_TTY_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

/* Where output is in an escape sequence (ECMA-48, 5.4). */
enum tty_sequence { TTY_PLAIN, TTY_ESCAPE, TTY_CONTROL };

struct tty {
	int fd;	       /* the terminal, borrowed; -1: not open */
	int signal_fd; /* readable after a SIGCONT; for the event loop */
	bool raw;
	struct termios saved;
	sigset_t saved_mask;
	enum tty_sequence sequence;
	atomic_bool asked; /* a question went out, and nothing like an answer has come in */
};

#define TTY_NONE ((struct tty){.fd = -1, .signal_fd = -1})

/*
 * Blocks SIGCONT in the calling thread and those that it will create (a blocked SIGCONT continues a
 * process all the same). 0 or -errno.
 */
int tty_open(struct tty *tty, int fd);

/*
 * Restores the terminal and the signal mask. Input that has not been read is thrown away: it was
 * meant for the guest.
 */
void tty_close(struct tty *tty);

/*
 * Take note of what passes, for tty_close(): a terminal answers some output (where is the cursor?
 * what are you?), and what it says after the end would be typed into the user's shell.
 */
void tty_note_output(struct tty *tty, const uint8_t *bytes, size_t len);
void tty_note_input(struct tty *tty, const uint8_t *bytes, size_t len);

/* Makes the terminal raw, if it is ours to change now. Output processing stays on. */
void tty_enter_raw(struct tty *tty);

/*
 * For the handler of a signal that kills, which has no struct tty at hand: if the terminal is raw,
 * puts back what cfmakeraw(3) took of a terminal's usual modes. Async-signal-safe.
 */
void tty_make_usable(int fd);

/* Whether reading would stop us (SIGTTIN). */
bool tty_is_foreground(const struct tty *tty);

/* Takes note of a SIGCONT: makes the terminal raw again. */
void tty_continued(struct tty *tty);

#endif
