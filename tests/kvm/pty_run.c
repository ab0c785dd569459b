/* SPDX-License-Identifier: MIT */
/*
 * Runs a command on a pseudo-terminal of its own, as a user at a terminal would, and looks at what
 * it does to that terminal.
 *
 *	pty_run [-w TEXT] [-k KEYS] [-s SIGNAL] [-H] [-r] [-z SIZE] COMMAND...
 *
 *	-w TEXT    wait until the command has printed this
 *	-k KEYS    then type these (each ^X is a control character)
 *	-s SIGNAL  then send it this signal number
 *	-H         then hang up: close our side of the terminal
 *	-r         the terminal's input must be raw at that time
 *	-z SIZE    the terminal has this size, as 24x80
 *
 * Copies the command's output to stdout. The exit status is the command's, 128 + N if signal N
 * killed it; 99 with a message if the terminal was not as expected or time ran out.
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <utmp.h>

#define FAILED	   99
#define LIMIT_S	   300
#define OUTPUT_MAX 65536

struct pty_run {
	const char *wait_for, *keys;
	int signal;
	bool hang_up, raw;
	struct winsize size;
	int master, slave;
	struct termios before; /* the terminal, before the command could touch it */
	pid_t child;
	char output[OUTPUT_MAX + 1];
	size_t len;
};

/* Typing ^ and a letter makes a control character. */
static void type_keys(int fd, const char *keys)
{
	for (; *keys != '\0'; keys++) {
		char c = *keys;

		if (c == '^' && keys[1] != '\0')
			c = (char)(*++keys & 0x1f);
		if (write(fd, &c, 1) != 1)
			err(FAILED, "typing");
	}
}

/* Reads what there is, for at most `ms`. False when the other side is closed. */
static bool drain(struct pty_run *run, int ms)
{
	struct pollfd poll_fd = {.fd = run->master, .events = POLLIN};
	ssize_t n;

	if (poll(&poll_fd, 1, ms) <= 0)
		return true;
	n = read(run->master, run->output + run->len, OUTPUT_MAX - run->len);
	if (n <= 0)
		return false;
	if (write(STDOUT_FILENO, run->output + run->len, (size_t)n) != n)
		err(FAILED, "stdout");
	run->len += (size_t)n;
	run->output[run->len] = '\0';
	return true;
}

static bool is_raw(int fd)
{
	struct termios termios;

	if (tcgetattr(fd, &termios) < 0)
		err(FAILED, "tcgetattr");
	return !(termios.c_lflag & (ICANON | ECHO | ISIG)) && !(termios.c_iflag & (ICRNL | IXON));
}

static bool same_modes(const struct termios *a, const struct termios *b)
{
	return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_cflag == b->c_cflag &&
	       a->c_lflag == b->c_lflag && memcmp(a->c_cc, b->c_cc, sizeof(a->c_cc)) == 0;
}

static void start(struct pty_run *run, char **command)
{
	if (openpty(&run->master, &run->slave, NULL, NULL, &run->size) < 0)
		err(FAILED, "openpty");
	if (tcgetattr(run->slave, &run->before) < 0)
		err(FAILED, "tcgetattr");
	run->child = fork();
	if (run->child < 0)
		err(FAILED, "fork");
	if (run->child == 0) {
		int slave = run->slave;

		close(run->master);
		login_tty(slave);
		execv(command[0], command);
		err(FAILED, "%s", command[0]);
	}
}

static void act(struct pty_run *run)
{
	if (run->raw && !is_raw(run->slave))
		errx(FAILED, "the terminal's input is not raw while the command runs");
	if (run->keys != NULL)
		type_keys(run->master, run->keys);
	if (run->signal != 0)
		kill(run->child, run->signal);
	if (run->hang_up) {
		close(run->slave);
		close(run->master);
	}
}

static void parse(struct pty_run *run, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "+w:k:s:Hrz:")) != -1) {
		switch (c) {
		case 'w':
			run->wait_for = optarg;
			break;
		case 'k':
			run->keys = optarg;
			break;
		case 's':
			run->signal = atoi(optarg);
			break;
		case 'H':
			run->hang_up = true;
			break;
		case 'r':
			run->raw = true;
			break;
		case 'z':
			if (sscanf(optarg, "%hux%hu", &run->size.ws_row, &run->size.ws_col) != 2)
				errx(FAILED, "-z %s: a size is written as 24x80", optarg);
			break;
		default:
			optind = argc;
		}
	}
	if (optind >= argc)
		errx(FAILED, "usage: pty_run [-w TEXT] [-k KEYS] [-s SIGNAL] [-H] [-r] [-z SIZE] "
			     "COMMAND...");
}

int main(int argc, char **argv)
{
	static struct pty_run run;
	struct termios after;
	bool acted = false;
	int status;

	parse(&run, argc, argv);
	start(&run, argv + optind);
	for (time_t end = time(NULL) + LIMIT_S; waitpid(run.child, &status, WNOHANG) == 0;) {
		if (time(NULL) > end) {
			kill(run.child, SIGKILL);
			waitpid(run.child, &status, 0);
			errx(FAILED, "the command is still running after %d s%s", LIMIT_S,
			     acted ? "" : ", and has not printed what was waited for");
		}
		if (acted && run.hang_up)
			usleep(10000);
		else
			drain(&run, 10);
		if (!acted && (run.wait_for == NULL || strstr(run.output, run.wait_for) != NULL)) {
			act(&run);
			acted = true;
		}
	}
	if (!run.hang_up) {
		drain(&run, 0);
		if (tcgetattr(run.slave, &after) < 0)
			err(FAILED, "tcgetattr");
		if (!same_modes(&run.before, &after))
			errx(FAILED, "the terminal was not restored");
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
