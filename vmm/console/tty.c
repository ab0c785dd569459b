/* SPDX-License-Identifier: MIT */
/* The user's terminal: see the header. */
#include "vmm/console/tty.h"

#include <errno.h>
#include <sys/signalfd.h>
#include <unistd.h>

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

void tty_close(struct tty *tty)
{
	if (tty->fd < 0)
		return;
	/* In the background it belongs to another, and touching it would stop us (SIGTTOU). */
	if (tty->raw && tty_is_foreground(tty))
		tcsetattr(tty->fd, TCSANOW, &tty->saved);
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
	tcsetattr(fd, TCSANOW, &now);
}

void tty_continued(struct tty *tty)
{
	struct signalfd_siginfo info;

	while (read(tty->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		continue;
	tty_enter_raw(tty);
}
