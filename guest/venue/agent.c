/* SPDX-License-Identifier: MIT */
/*
 * The first process of level 1, once its init has set up the machine: runs the one command that the
 * relay names (wire.h), with its input, outputs, terminal and signals at the other end of a virtio
 * serial port, and says how it ended. What it has to say of itself goes to level 1's console.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/venue/wire.h"

/* As shells and env(1) have it. */
#define STATUS_NO_VENUE	    125
#define STATUS_NOT_EXECUTED 126
#define STATUS_NOT_FOUND    127
#define STATUS_SIGNAL	    128
#define DRAIN_BYTES_MAX	    (1u << 20)
#define PORTS		    "/sys/class/virtio-ports"

struct agent {
	struct wire wire;
	int signals; /* signalfd for SIGCHLD */
	int timer;   /* when to say ALIVE */
	bool has_terminal;
	pid_t child;
	int in;	    /* our ends; -1 once closed */
	int out[2]; /* stdout, stderr */
	unsigned char stdin_buf[WIRE_STDIN_MAX];
	size_t stdin_fill;
	bool stdin_ended;
	uint32_t taken; /* bytes of stdin that the relay does not know of yet */
};

static _Noreturn void broken(const char *what)
{
	fprintf(stderr, "venue's agent: %s: %s\n", what, strerror(errno));
	_exit(STATUS_NO_VENUE); /* the kernel panics, which ends QEMU */
}

/* ---- the port ---------------------------------------------------------------------------------
 */

static int open_port(void)
{
	DIR *dir = opendir(PORTS);
	struct dirent *entry;
	int fd = -1;

	while (dir != NULL && fd < 0 && (entry = readdir(dir)) != NULL) {
		char path[512];
		char name[64] = "";
		FILE *file;

		snprintf(path, sizeof(path), PORTS "/%s/name", entry->d_name);
		file = fopen(path, "r");
		if (file == NULL)
			continue;
		if (fgets(name, sizeof(name), file) && !strcmp(name, WIRE_PORT_NAME "\n")) {
			snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
			fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		}
		fclose(file);
	}
	if (dir != NULL)
		closedir(dir);
	return fd;
}

/* The driver learns of its ports from the device after it was loaded. */
static int await_port(void)
{
	int fd = -1;

	for (int i = 0; i < 3000 && (fd = open_port()) < 0; i++)
		usleep(10000);
	if (fd < 0)
		broken("no virtio serial port \"" WIRE_PORT_NAME "\" (CONFIG_VIRTIO_CONSOLE)");
	return fd;
}

/* Waits for the first frame of this kind; its bytes stay until the next wire_receive(). */
static const void *await_frame(struct wire *wire, enum wire_kind kind, struct wire_head *head)
{
	for (;;) {
		const void *data = wire_next(wire, head);
		struct pollfd readable = {.fd = wire->fd, .events = POLLIN};

		if (data != NULL && head->kind == kind)
			return data;
		if (data != NULL)
			continue;
		poll(&readable, 1, -1);
		if (!wire_receive(wire))
			broken("the relay is gone");
	}
}

/* ---- starting the command -----------------------------------------------------------------------
 */

struct command {
	const char *directory;
	char **argv;
	char **env;
};

static char **take_strings(char **at, const char *end, uint32_t nr)
{
	char **list = calloc((size_t)nr + 1, sizeof(*list));

	if (list == NULL)
		broken("memory");
	for (uint32_t i = 0; i < nr && *at < end; i++) {
		list[i] = *at;
		*at += strlen(*at) + 1;
	}
	return list;
}

/* The strings are copied; they stay for as long as the agent lives. */
static struct command read_command(const struct wire_run *run, const void *strings, size_t length)
{
	struct command command;
	char *at = malloc(length + 1);
	const char *end = at + length;

	if (at == NULL)
		broken("memory");
	memcpy(at, strings, length);
	at[length] = '\0';
	command.directory = at;
	at += strlen(at) + 1;
	command.argv = take_strings(&at, end, run->nr_args);
	command.env = take_strings(&at, end, run->nr_env);
	return command;
}

/* In the child. What it writes to the pipe is the errno that stopped it, negative for the
 * directory. */
static _Noreturn void become(const struct command *command, const int stdio[3], bool has_terminal,
			     int failed)
{
	sigset_t none;
	int why;

	setsid();
	if (has_terminal)
		ioctl(stdio[0], TIOCSCTTY, 0);
	for (int i = 0; i < 3; i++)
		dup2(stdio[i], i);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	environ = command->env;
	if (chdir(command->directory) < 0) {
		why = -errno;
	} else {
		execvp(command->argv[0], command->argv);
		why = errno;
	}
	if (write(failed, &why, sizeof(why)) < 0)
		_exit(STATUS_NO_VENUE);
	_exit(why == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTED);
}

static void make_pipe(int *ours, int *theirs, bool we_write)
{
	int end[2];

	if (pipe2(end, O_CLOEXEC) < 0)
		broken("pipe");
	*ours = end[we_write ? 1 : 0];
	*theirs = end[we_write ? 0 : 1];
	fcntl(*ours, F_SETFL, O_NONBLOCK);
}

static int open_terminal(const struct wire_size *size, int *theirs)
{
	struct winsize winsize = {.ws_row = size->rows, .ws_col = size->columns};
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || grantpt(fd) < 0 || unlockpt(fd) < 0)
		broken("a terminal");
	*theirs = open(ptsname(fd), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*theirs < 0)
		broken("a terminal's far side");
	ioctl(fd, TIOCSWINSZ, &winsize);
	return fd;
}

static void say_on_stderr(struct agent *agent, const char *name, int why)
{
	char text[512];

	snprintf(text, sizeof(text), "venue: %s: %s\n", name,
		 why == ENOENT ? "not found in level 1; --file or --share brings it there"
			       : strerror(why));
	wire_send(&agent->wire, WIRE_STDERR, text, strlen(text));
}

static void start_child(struct agent *agent, const struct wire_run *run,
			const struct command *command)
{
	int theirs[3] = {-1, -1, -1};
	int failed[2];
	int why;

	agent->out[1] = -1;
	if (run->has_terminal) {
		agent->in = open_terminal(&run->size, &theirs[0]);
		agent->out[0] = dup(agent->in);
		theirs[1] = theirs[2] = theirs[0];
	} else {
		make_pipe(&agent->in, &theirs[0], true);
		make_pipe(&agent->out[0], &theirs[1], false);
	}
	if (run->stderr_is_apart)
		make_pipe(&agent->out[1], &theirs[2], false);
	if (pipe2(failed, O_CLOEXEC) < 0)
		broken("pipe");
	agent->child = fork();
	if (agent->child < 0)
		broken("fork");
	if (agent->child == 0)
		become(command, theirs, run->has_terminal, failed[1]);
	close(failed[1]);
	for (int i = 0; i < 3; i++)
		if (i == 0 || theirs[i] != theirs[0])
			close(theirs[i]);
	if (read(failed[0], &why, sizeof(why)) == sizeof(why))
		say_on_stderr(agent, why < 0 ? command->directory : command->argv[0], abs(why));
	close(failed[0]);
}

/* ---- while it runs ------------------------------------------------------------------------------
 */

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void pass_stdin(struct agent *agent)
{
	ssize_t n = write(agent->in, agent->stdin_buf, agent->stdin_fill);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* With no reader any more, the rest is taken and dropped. */
	if (n < 0)
		n = (ssize_t)agent->stdin_fill;
	agent->stdin_fill -= (size_t)n;
	memmove(agent->stdin_buf, agent->stdin_buf + n, agent->stdin_fill);
	agent->taken += (uint32_t)n;
}

/* One piece of an output. False if there is none now. */
static bool pass_output(struct agent *agent, int i)
{
	unsigned char buf[WIRE_DATA_MAX];
	ssize_t n;

	if (agent->out[i] < 0)
		return false;
	n = read(agent->out[i], buf, sizeof(buf));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	/* EIO: a terminal whose far side is closed. */
	if (n <= 0) {
		close_end(&agent->out[i]);
		return false;
	}
	if (!wire_send(&agent->wire, i == 0 ? WIRE_STDOUT : WIRE_STDERR, buf, (size_t)n))
		broken("the relay is gone");
	return true;
}

static void take_stdin(struct agent *agent, const void *data, size_t length)
{
	if (length == 0)
		agent->stdin_ended = true;
	else if (length <= sizeof(agent->stdin_buf) - agent->stdin_fill) {
		memcpy(agent->stdin_buf + agent->stdin_fill, data, length);
		agent->stdin_fill += length;
	}
}

static void obey(struct agent *agent, const struct wire_head *head, const void *data)
{
	const struct wire_size *size = data;
	struct winsize winsize;
	uint32_t number;

	switch (head->kind) {
	case WIRE_STDIN:
		take_stdin(agent, data, head->length);
		break;
	case WIRE_SIZE:
		winsize = (struct winsize){.ws_row = size->rows, .ws_col = size->columns};
		if (agent->has_terminal)
			ioctl(agent->in, TIOCSWINSZ, &winsize);
		break;
	case WIRE_SIGNAL:
		memcpy(&number, data, sizeof(number));
		kill(-agent->child, (int)number);
		break;
	case WIRE_CLOSED:
		memcpy(&number, data, sizeof(number));
		close_end(&agent->out[number == WIRE_STDOUT ? 0 : 1]);
		break;
	default:
		break;
	}
}

/* Reaps all that have ended. True if the command is among them; *status is then as a shell sees it.
 */
static bool reap(struct agent *agent, uint32_t *status)
{
	struct signalfd_siginfo info;
	bool ended = false;
	int how;
	pid_t pid;

	if (read(agent->signals, &info, sizeof(info)) < 0 && errno != EAGAIN)
		broken("signalfd");
	while ((pid = waitpid(-1, &how, WNOHANG)) > 0) {
		if (pid != agent->child)
			continue;
		ended = true;
		*status = (uint32_t)(WIFSIGNALED(how) ? STATUS_SIGNAL + WTERMSIG(how)
						      : WEXITSTATUS(how));
	}
	return ended;
}

static void send_what_is_due(struct agent *agent)
{
	uint64_t times;

	if (!wire_can_send(&agent->wire))
		return;
	if (agent->taken > 0 &&
	    wire_send(&agent->wire, WIRE_TAKEN, &agent->taken, sizeof(agent->taken)))
		agent->taken = 0;
	if (read(agent->timer, &times, sizeof(times)) == sizeof(times))
		wire_send(&agent->wire, WIRE_ALIVE, NULL, 0);
}

enum { WIRE, SIGNALS, TIMER, STDIN, STDOUT, STDERR, NR_POLLED };

/* Outputs wait while the wire is full; everything else does not. */
static void wait_for_something(struct agent *agent, struct pollfd set[NR_POLLED])
{
	bool full = !wire_can_send(&agent->wire);

	for (int i = 0; i < NR_POLLED; i++)
		set[i] = (struct pollfd){.fd = -1, .events = POLLIN};
	set[WIRE].fd = agent->wire.fd;
	set[WIRE].events = full ? POLLIN | POLLOUT : POLLIN;
	set[SIGNALS].fd = agent->signals;
	if (agent->stdin_fill > 0 && agent->in >= 0)
		set[STDIN] = (struct pollfd){.fd = agent->in, .events = POLLOUT};
	if (!full) {
		set[TIMER].fd = agent->timer;
		set[STDOUT].fd = agent->out[0];
		set[STDERR].fd = agent->out[1];
	}
	if (poll(set, NR_POLLED, -1) < 0)
		for (int i = 0; i < NR_POLLED; i++)
			set[i].revents = 0;
}

static uint32_t follow_child(struct agent *agent)
{
	struct pollfd set[NR_POLLED];
	struct wire_head head;
	const void *data;
	uint32_t status;

	for (;;) {
		/* Some may have come with RUN. */
		while ((data = wire_next(&agent->wire, &head)) != NULL)
			obey(agent, &head, data);
		if (agent->stdin_ended && agent->stdin_fill == 0 && !agent->has_terminal)
			close_end(&agent->in);
		wait_for_something(agent, set);
		if ((set[WIRE].revents & ~POLLOUT) && !wire_receive(&agent->wire))
			broken("the relay is gone");
		if (set[STDIN].revents)
			pass_stdin(agent);
		for (int i = 0; i < 2; i++)
			if (set[STDOUT + i].revents)
				pass_output(agent, i);
		send_what_is_due(agent);
		if (set[SIGNALS].revents && reap(agent, &status))
			return status;
	}
}

/* What the command wrote before it ended; what it left behind may write for ever. */
static void drain(struct agent *agent)
{
	for (int i = 0; i < 2; i++)
		for (size_t n = 0; n < DRAIN_BYTES_MAX / WIRE_DATA_MAX && pass_output(agent, i);
		     n++)
			;
}

static void prepare(struct agent *agent)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	agent->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	agent->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (agent->signals < 0 || agent->timer < 0)
		broken("signalfd or timerfd");
	if (wire_init(&agent->wire, await_port()) < 0)
		broken("memory");
}

int main(void)
{
	static struct agent agent;
	struct itimerspec alive = {0};
	struct wire_head head;
	struct command command;
	struct wire_run run;
	const void *data;
	uint32_t status;

	prepare(&agent);
	wire_send(&agent.wire, WIRE_HELLO, NULL, 0);
	data = await_frame(&agent.wire, WIRE_RUN, &head);
	memcpy(&run, data, sizeof(run));
	command = read_command(&run, (const char *)data + sizeof(run), head.length - sizeof(run));
	alive.it_value.tv_sec = alive.it_interval.tv_sec = run.alive_s;
	timerfd_settime(agent.timer, 0, &alive, NULL);
	agent.has_terminal = run.has_terminal;
	start_child(&agent, &run, &command);
	status = follow_child(&agent);
	drain(&agent);
	sync();
	wire_send(&agent.wire, WIRE_EXIT, &status, sizeof(status));
	reboot(RB_POWER_OFF);
	broken("power off");
}
