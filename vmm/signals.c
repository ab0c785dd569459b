/* SPDX-License-Identifier: MIT */
/* The signals that end a run: see the header. */
#include "vmm/signals.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "vmm/console/tty.h"
#include "vmm/core/array.h"

static bool is_ignored(int signal_number)
{
	struct sigaction action;

	return sigaction(signal_number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

/* The second signal, which waits for the end of this handler, kills. */
static void on_crash(int signal_number)
{
	tty_make_usable(STDIN_FILENO);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

/* What ends us without a word, a bug of ours or a kill(1), must not leave the terminal raw. */
static void catch_crashes(void)
{
	static const int signals[] = {SIGQUIT, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV};
	const struct sigaction action = {.sa_handler = on_crash};

	for (size_t i = 0; i < NR_OF(signals); i++)
		if (!is_ignored(signals[i]))
			sigaction(signals[i], &action, NULL);
}

int signals_open(bool on_terminal)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	/* nohup(1). Not so SIGINT, which a shell makes all that it starts with "&" ignore. */
	if (!is_ignored(SIGHUP))
		sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* A console whose reader is gone answers EPIPE, and the machine ends in order. */
	signal(SIGPIPE, SIG_IGN);
	/* A file of "ulimit -f" size answers EFBIG: an error on a disk, and no end of the guest. */
	signal(SIGXFSZ, SIG_IGN);
	if (on_terminal)
		catch_crashes();
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

int signals_take(int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return 0;
	return (int)info.ssi_signo;
}
