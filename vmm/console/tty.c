/* SPDX-License-Identifier: MIT */
/* The user's terminal: see the header. */
#include "vmm/console/tty.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define ESC		 0x1b
#define FIRST_FINAL_BYTE 0x40 /* of a control sequence; before it come its parameters */

/* Across the world and back over ssh. */
#define ANSWER_TIMEOUT_MS 300

int tty_open(struct tty *tty, int fd)
{
	sigset_t set;
	int ret;

	*tty = TTY_NONE;
	if (tcgetattr(fd, &tty->saved) < 0)
		return -errno;
	sigemptyset(&set);
	sigaddset(&set, SIGCONT);
	ret = pthread_sigmask(SIG_BLOCK, &set, &tty->saved_mask);
	if (ret != 0)
		return -ret;
	tty->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (tty->signal_fd < 0) {
		ret = -errno;
		pthread_sigmask(SIG_SETMASK, &tty->saved_mask, NULL);
		return ret;
	}
	tty->fd = fd;
	return 0;
}

/*
 * xterm's control sequences that are answered: device attributes (c), status and cursor position
 * (n), the state of the window (t).
 */
void tty_note_output(struct tty *tty, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = bytes[i];

		if (byte == ESC)
			tty->sequence = TTY_ESCAPE;
		else if (tty->sequence == TTY_ESCAPE)
			tty->sequence = byte == '[' ? TTY_CONTROL : TTY_PLAIN;
		else if (tty->sequence == TTY_CONTROL && byte >= FIRST_FINAL_BYTE) {
			if (byte == 'c' || byte == 'n' || byte == 't')
				atomic_store(&tty->asked, true);
			tty->sequence = TTY_PLAIN;
		}
	}
}

void tty_note_input(struct tty *tty, const uint8_t *bytes, size_t len)
{
	if (memchr(bytes, ESC, len) != NULL)
		atomic_store(&tty->asked, false);
}

/*
 * What a terminal answers to a question that the guest asked at its end would be typed into the
 * shell that gets the terminal back. So an answer that is on its way is waited for, a little, and
 * input is thrown away, before the change and, for what came during it, behind it. That is what
 * TCSAFLUSH does, but that one waits for output too, without end where the user has stopped it
 * (Ctrl-S).
 */
static void restore(const struct tty *tty)
{
	struct pollfd pollfd = {.fd = tty->fd, .events = POLLIN};

	if (atomic_load(&tty->asked))
		poll(&pollfd, 1, ANSWER_TIMEOUT_MS);
	tcflush(tty->fd, TCIFLUSH);
	tcsetattr(tty->fd, TCSANOW, &tty->saved);
	tcflush(tty->fd, TCIFLUSH);
}

void tty_close(struct tty *tty)
{
	if (tty->fd < 0)
		return;
	/* In the background it belongs to another job, and touching it would stop us (SIGTTOU). */
	if (tty->raw && tty_is_foreground(tty))
		restore(tty);
	close(tty->signal_fd);
	pthread_sigmask(SIG_SETMASK, &tty->saved_mask, NULL);
	*tty = TTY_NONE;
}

bool tty_is_foreground(const struct tty *tty)
{
	pid_t foreground = tcgetpgrp(tty->fd);

	/* Not our controlling terminal: job control does not apply. */
	return foreground < 0 || foreground == getpgrp();
}

void tty_enter_raw(struct tty *tty)
{
	struct termios raw = tty->saved;

	if (!tty_is_foreground(tty))
		return;
	cfmakeraw(&raw);
	/* Lines that tinyvmm itself prints, on stderr, should begin at the left. */
	raw.c_oflag = tty->saved.c_oflag;
	tty->raw = tcsetattr(tty->fd, TCSANOW, &raw) == 0;
}

void tty_make_usable(int fd)
{
	const struct tty tty = {.fd = fd};
	struct termios now;

	if (tcgetattr(fd, &now) < 0 || now.c_lflag & ICANON || !tty_is_foreground(&tty))
		return;
	now.c_iflag |= ICRNL | IXON;
	now.c_lflag |= ECHO | ICANON | ISIG | IEXTEN;
	tcflush(fd, TCIFLUSH);
	tcsetattr(fd, TCSANOW, &now);
}

void tty_continued(struct tty *tty)
{
	struct signalfd_siginfo info;

	while (read(tty->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		continue;
	tty_enter_raw(tty);
}
