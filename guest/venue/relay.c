/* SPDX-License-Identifier: MIT */
/*
 * The caller's end of the venue: starts QEMU, hands the command to the agent in level 1 (wire.h),
 *passes input, outputs, window sizes and signals on, and ends with the command's status.
 *
 *	relay PATIENCE_S ALIVE_S CONSOLE_FILE NR QEMU_ARG... COMMAND_ARG...
 *
 * NR counts the arguments that are QEMU's, its program's path first. Whatever way this process
 *ends, QEMU ends with it, and nothing is left in any directory: the two sockets have no names.
 *CONSOLE_FILE, if it is not empty, takes what level 1's kernel prints.
 *
 * Level 1 is given up if it has shown no sign of life for PATIENCE_S seconds: no frame and no byte
 *of its console. It says ALIVE every ALIVE_S; with 0 (an exact run, where that would be in the
 *counts) only the time until the command starts is watched.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest/venue/terminal.h"
#include "guest/venue/wire.h"

#define STATUS_FROZEN	124
#define STATUS_NO_VENUE 125
#define STATUS_SIGNAL	128
#define STATUS_KEYS	130   /* Ctrl-] x ends it as Ctrl-C would */
#define GRACE_MS	10000 /* for the command to obey a signal */
#define QEMU_END_MS	5000  /* for level 1's power off, and what QEMU has to write */
#define TAIL_BYTES	3000
#define QEMU_WIRE_FD	8
#define QEMU_CONSOLE_FD 9
/* A pipe that polls as writable takes as much without waiting (PIPE_BUF). */
#define OUTPUT_MAX 4096

struct relay {
	struct wire wire;
	struct terminal terminal;
	int console;
	int console_file; /* -1: none */
	int signals;
	pid_t qemu;
	int alive_s;
	int64_t patience_ms;
	int64_t last_sign_ms;
	int64_t give_up_ms; /* after a signal; 0: none has come */
	int end_status;	    /* and what the status is then */
	bool has_started;   /* the command */
	bool stdin_open;
	uint32_t credit; /* bytes of stdin that the agent has room for */
	int out[2];
	const unsigned char *pending; /* of an output, in the wire's buffer */
	size_t pending_length;
	int pending_out;
	char tail[TAIL_BYTES]; /* the end of the console */
	size_t tail_length;
	char **command;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ll + ts.tv_nsec / 1000000;
}

/* ---- QEMU ---------------------------------------------------------------------------------------
 */

/* In the child: QEMU with the three devices that lead here. */
static _Noreturn void become_qemu(char **args, int nr, int wire, int console, pid_t parent)
{
	static char *const more[] = {
		"-chardev", "socket,id=venue.wire,fd=8",
		"-device",  "virtio-serial-pci",
		"-device",  "virtserialport,chardev=venue.wire,name=" WIRE_PORT_NAME,
		"-chardev", "socket,id=venue.console,fd=9",
		"-serial",  "chardev:venue.console",
	};
	size_t nr_more = sizeof(more) / sizeof(more[0]);
	char **argv = calloc((size_t)nr + nr_more + 1, sizeof(*argv));
	int null = open("/dev/null", O_RDWR);
	sigset_t none;

	/* Keys of the caller's terminal are not for QEMU. */
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (argv == NULL || getppid() != parent)
		_exit(STATUS_NO_VENUE);
	memcpy(argv, args, (size_t)nr * sizeof(*argv));
	memcpy(argv + nr, more, sizeof(more));
	dup2(null, STDIN_FILENO);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	/* The two may have each other's numbers. */
	wire = fcntl(wire, F_DUPFD_CLOEXEC, QEMU_CONSOLE_FD + 1);
	console = fcntl(console, F_DUPFD_CLOEXEC, QEMU_CONSOLE_FD + 1);
	dup2(wire, QEMU_WIRE_FD);
	dup2(console, QEMU_CONSOLE_FD);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	execv(argv[0], argv);
	fprintf(stderr, "venue: %s: %s\n", argv[0], strerror(errno));
	_exit(STATUS_NO_VENUE);
}

static bool start_qemu(struct relay *relay, char **args, int nr)
{
	pid_t parent = getpid();
	int wire[2];
	int console[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, wire) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, console) < 0)
		return false;
	fcntl(wire[0], F_SETFL, O_NONBLOCK);
	fcntl(console[0], F_SETFL, O_NONBLOCK);
	if (wire_init(&relay->wire, wire[0]) < 0)
		return false;
	relay->qemu = fork();
	if (relay->qemu < 0)
		return false;
	if (relay->qemu == 0)
		become_qemu(args, nr, wire[1], console[1], parent);
	relay->console = console[0];
	close(wire[1]);
	close(console[1]);
	return true;
}

/* QEMU ends by itself where level 1 has said EXIT and powers itself off. */
static void end_qemu(struct relay *relay, bool has_exited)
{
	int64_t until = now_ms() + (has_exited ? QEMU_END_MS : 0);

	while (waitpid(relay->qemu, NULL, WNOHANG) == 0) {
		struct timespec pause = {.tv_nsec = 5000000};

		if (now_ms() >= until)
			kill(relay->qemu, SIGKILL);
		nanosleep(&pause, NULL);
	}
}

/* ---- level 1's console --------------------------------------------------------------------------
 */

static void take_console(struct relay *relay)
{
	char buf[1024];
	ssize_t n = read(relay->console, buf, sizeof(buf));
	size_t length = n > 0 ? (size_t)n : 0;
	size_t over;

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		close(relay->console);
		relay->console = -1;
	}
	if (relay->console_file >= 0)
		write_all(relay->console_file, buf, length);
	over = relay->tail_length + length > TAIL_BYTES ? relay->tail_length + length - TAIL_BYTES
							: 0;
	memmove(relay->tail, relay->tail + over, relay->tail_length - over);
	relay->tail_length -= over;
	memcpy(relay->tail + relay->tail_length, buf, length);
	relay->tail_length += length;
}

/* Level 1 failed: says why, and what it said last. Gives the status. */
static int fail(struct relay *relay, int status, const char *why)
{
	terminal_restore(&relay->terminal);
	while (relay->console >= 0 &&
	       poll(&(struct pollfd){.fd = relay->console, .events = POLLIN}, 1, 0) > 0)
		take_console(relay);
	fprintf(stderr, "venue: %s\n", why);
	if (relay->tail_length > 0)
		fprintf(stderr, "venue: level 1's console ended with:\n%.*s\n",
			(int)relay->tail_length, relay->tail);
	return status;
}

/* ---- the command --------------------------------------------------------------------------------
 */

static bool append_string(unsigned char *buf, size_t *length, const char *text)
{
	size_t size = strlen(text) + 1;

	if (size > WIRE_FRAME_MAX - *length)
		return false;
	memcpy(buf + *length, text, size);
	*length += size;
	return true;
}

static bool send_command(struct relay *relay)
{
	struct wire_run run = {
		.size = terminal_size(),
		.has_terminal = terminal_is_there(),
		.stderr_is_apart = !terminal_is_there() || !isatty(STDERR_FILENO),
		.alive_s = (uint32_t)relay->alive_s,
	};
	unsigned char *buf = malloc(WIRE_FRAME_MAX);
	char *directory = getcwd(NULL, 0);
	size_t length = sizeof(run);
	bool ok = buf != NULL;

	ok = ok && append_string(buf, &length, directory != NULL ? directory : "/");
	for (char **at = relay->command; ok && *at != NULL; at++, run.nr_args++)
		ok = append_string(buf, &length, *at);
	for (char **at = environ; ok && *at != NULL; at++, run.nr_env++)
		ok = append_string(buf, &length, *at);
	if (ok)
		memcpy(buf, &run, sizeof(run));
	else
		fprintf(stderr, "venue: the command and its environment are longer than 1 MiB\n");
	ok = ok && wire_send(&relay->wire, WIRE_RUN, buf, length);
	free(directory);
	free(buf);
	if (!ok)
		return false;
	relay->has_started = true;
	relay->credit = WIRE_STDIN_MAX;
	if (run.has_terminal)
		terminal_make_raw(&relay->terminal);
	return true;
}

/* False if the keys that end the venue were among it. */
static bool pass_stdin(struct relay *relay)
{
	unsigned char buf[WIRE_DATA_MAX];
	size_t length = sizeof(buf) < relay->credit ? sizeof(buf) : relay->credit;
	ssize_t n = read(STDIN_FILENO, buf, length);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0) {
		relay->stdin_open = false;
		wire_send(&relay->wire, WIRE_STDIN, NULL, 0);
		return true;
	}
	length = (size_t)n;
	if (terminal_wants_end(&relay->terminal, buf, &length))
		return false;
	if (length > 0)
		wire_send(&relay->wire, WIRE_STDIN, buf, length);
	relay->credit -= (uint32_t)length;
	return true;
}

/* Writes what it can of the pending output. */
static void pass_output(struct relay *relay)
{
	size_t length = relay->pending_length < OUTPUT_MAX ? relay->pending_length : OUTPUT_MAX;
	ssize_t n = write(relay->out[relay->pending_out], relay->pending, length);
	uint32_t kind = relay->pending_out == 0 ? WIRE_STDOUT : WIRE_STDERR;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		/* The reader has gone; the command is to find its output closed. */
		wire_send(&relay->wire, WIRE_CLOSED, &kind, sizeof(kind));
		n = (ssize_t)relay->pending_length;
	}
	relay->pending += n;
	relay->pending_length -= (size_t)n;
}

/* Frames until one of them is output that has to be written first. *status is set by EXIT. */
static bool take_frames(struct relay *relay, int *status)
{
	struct wire_head head;
	const void *data;
	uint32_t number = 0;

	while (relay->pending_length == 0 && (data = wire_next(&relay->wire, &head)) != NULL) {
		if (head.length >= sizeof(number))
			memcpy(&number, data, sizeof(number));
		switch (head.kind) {
		case WIRE_HELLO:
			if (!relay->has_started && !send_command(relay))
				return false;
			break;
		case WIRE_STDOUT:
		case WIRE_STDERR:
			relay->pending = data;
			relay->pending_length = head.length;
			relay->pending_out = head.kind == WIRE_STDOUT ? 0 : 1;
			break;
		case WIRE_TAKEN:
			relay->credit += number;
			break;
		case WIRE_EXIT:
			*status = (int)(number & 0xff);
			break;
		default:
			break;
		}
	}
	return true;
}

/* ---- signals and time ---------------------------------------------------------------------------
 */

/* A negative number, or the status to end with now. */
static int take_signal(struct relay *relay)
{
	struct signalfd_siginfo info;
	struct wire_size size = terminal_size();
	uint32_t number;

	if (read(relay->signals, &info, sizeof(info)) != sizeof(info))
		return -1;
	number = info.ssi_signo;
	if (number == SIGWINCH) {
		if (relay->has_started)
			wire_send(&relay->wire, WIRE_SIZE, &size, sizeof(size));
		return -1;
	}
	relay->end_status = (int)(STATUS_SIGNAL + number);
	if (!relay->has_started || relay->give_up_ms != 0)
		return relay->end_status;
	wire_send(&relay->wire, WIRE_SIGNAL, &number, sizeof(number));
	relay->give_up_ms = now_ms() + GRACE_MS;
	return -1;
}

static int watch_signals(void)
{
	static const int wanted[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH};
	struct sigaction before;
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		/* nohup(1) and shells without job control have some of them ignored. */
		if (sigaction(wanted[i], NULL, &before) == 0 && before.sa_handler == SIG_IGN)
			continue;
		sigaddset(&set, wanted[i]);
	}
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* How long to poll: until the next moment at which something may be over. */
static int time_left(const struct relay *relay)
{
	int64_t now = now_ms();
	int64_t left = 60000;

	if (relay->give_up_ms != 0 && relay->give_up_ms - now < left)
		left = relay->give_up_ms - now;
	if (relay->last_sign_ms + relay->patience_ms - now < left)
		left = relay->last_sign_ms + relay->patience_ms - now;
	return left > 0 ? (int)left : 0;
}

/* A negative number, or the status to end with. Only where poll() had nothing. */
static int judge_time(struct relay *relay)
{
	char why[128];

	if (relay->give_up_ms != 0 && now_ms() >= relay->give_up_ms)
		return relay->end_status;
	if (relay->has_started && relay->alive_s == 0)
		relay->last_sign_ms = now_ms();
	/* What is not read cannot be a sign. */
	if (relay->pending_length > 0)
		relay->last_sign_ms = now_ms();
	if (now_ms() < relay->last_sign_ms + relay->patience_ms)
		return -1;
	snprintf(why, sizeof(why), "level 1 showed no sign of life for %d s%s",
		 (int)(relay->patience_ms / 1000),
		 relay->has_started ? "" : " while it booted; --patience SECONDS waits longer");
	return fail(relay, STATUS_FROZEN, why);
}

/* ---- all of it ----------------------------------------------------------------------------------
 */

enum { WIRE, CONSOLE, SIGNALS, STDIN, OUTPUT, NR_POLLED };

static int wait_for_something(struct relay *relay, struct pollfd set[NR_POLLED])
{
	int ret;

	for (int i = 0; i < NR_POLLED; i++)
		set[i] = (struct pollfd){.fd = -1, .events = POLLIN};
	set[CONSOLE].fd = relay->console;
	set[SIGNALS].fd = relay->signals;
	if (relay->pending_length > 0) {
		set[OUTPUT] =
			(struct pollfd){.fd = relay->out[relay->pending_out], .events = POLLOUT};
	} else {
		set[WIRE].fd = relay->wire.fd;
	}
	if (relay->has_started && relay->stdin_open && relay->credit > 0)
		set[STDIN].fd = STDIN_FILENO;
	ret = poll(set, NR_POLLED, time_left(relay));
	if (ret <= 0)
		for (int i = 0; i < NR_POLLED; i++)
			set[i].revents = 0;
	if (set[WIRE].revents || set[CONSOLE].revents)
		relay->last_sign_ms = now_ms();
	return ret;
}

/* The status to end with; *has_exited says that it is the command's. */
static int follow(struct relay *relay, bool *has_exited)
{
	struct pollfd set[NR_POLLED];
	int status = -1;
	int end;

	while (status < 0) {
		if (wait_for_something(relay, set) == 0 && (end = judge_time(relay)) >= 0)
			return end;
		if (set[SIGNALS].revents && (end = take_signal(relay)) >= 0)
			return end;
		if (set[CONSOLE].revents)
			take_console(relay);
		if (set[STDIN].revents && !pass_stdin(relay))
			return STATUS_KEYS;
		if (set[OUTPUT].revents)
			pass_output(relay);
		if (set[WIRE].revents && !wire_receive(&relay->wire))
			return fail(relay, STATUS_NO_VENUE,
				    relay->has_started ? "level 1 ended before the command did"
						       : "level 1 did not start");
		if (relay->wire.fill > 0 && !take_frames(relay, &status))
			return STATUS_NO_VENUE;
	}
	*has_exited = true;
	return status;
}

int main(int argc, char **argv)
{
	static struct relay relay = {.console_file = -1, .stdin_open = true};
	int nr = argc > 4 ? atoi(argv[4]) : 0;
	bool has_exited = false;
	int status;

	if (nr < 1 || nr >= argc - 5) {
		fprintf(stderr, "relay: the venue's own helper; use build/venue\n");
		return STATUS_NO_VENUE;
	}
	relay.patience_ms = atoi(argv[1]) * 1000ll;
	relay.alive_s = atoi(argv[2]);
	relay.command = argv + 5 + nr;
	if (*argv[3] != '\0')
		relay.console_file = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (*argv[3] != '\0' && relay.console_file < 0) {
		fprintf(stderr, "venue: --console %s: %s\n", argv[3], strerror(errno));
		return STATUS_NO_VENUE;
	}
	relay.signals = watch_signals();
	for (int i = 0; i < 2; i++)
		relay.out[i] = output_without_waiting(i + 1);
	relay.last_sign_ms = now_ms();
	if (relay.signals < 0 || !start_qemu(&relay, argv + 5, nr)) {
		perror("venue: cannot start QEMU");
		return STATUS_NO_VENUE;
	}
	status = follow(&relay, &has_exited);
	terminal_restore(&relay.terminal);
	end_qemu(&relay, has_exited);
	return status;
}
