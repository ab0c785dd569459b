/* SPDX-License-Identifier: MIT */
/*
 * The console: every kind of far side, end of file and hang-up, escapes, and back-pressure in both
 * directions, with a port that is a fake and with the real serial port behind a driver.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "devices/serial.h"
#include "devices/serial_regs.h"
#include "tests/unit/device_fixture.h"
#include "vmm/console.h"

#define NR_OF(array) (sizeof(array) / sizeof((array)[0]))
#define PATIENCE_MS  10000 /* until a test fails instead of hanging */

/* --- the world around a console --- */

/* A port that takes `room` bytes more. */
struct port {
	pthread_mutex_t lock;
	size_t room;
	uint8_t in[65536];
	size_t nr_in;
	atomic_uint writables;
};

struct world {
	int saved[2]; /* our own standard input and output */
	int far_in;   /* what we write here is the console's input; -1: none */
	int far_out;  /* what the console writes is read here */
	struct log log;
	FILE *said; /* what it logged */
	struct config config;
	struct console *console;
	const struct chario_host *host;
	struct evloop *loop;
	pthread_t thread;
	bool running;
	struct port port;
	atomic_uint ends, shown;
	atomic_uint end_value;
};

static void count_end(void *ctx, enum guest_end_reason reason, uint32_t value)
{
	struct world *w = ctx;

	assert_int_equal(reason, GUEST_END_CONSOLE);
	atomic_store(&w->end_value, value);
	atomic_fetch_add(&w->ends, 1);
}

static void count_shown(void *ctx)
{
	struct world *w = ctx;

	atomic_fetch_add(&w->shown, 1);
}

static size_t port_room(void *ctx)
{
	struct port *port = ctx;
	size_t room;

	pthread_mutex_lock(&port->lock);
	room = port->room;
	pthread_mutex_unlock(&port->lock);
	return room;
}

static void port_receive(void *ctx, const uint8_t *bytes, size_t len)
{
	struct port *port = ctx;

	pthread_mutex_lock(&port->lock);
	assert_true(len <= port->room);
	port->room -= len;
	memcpy(&port->in[port->nr_in], bytes, len);
	port->nr_in += len;
	pthread_mutex_unlock(&port->lock);
}

static void port_writable(void *ctx)
{
	struct port *port = ctx;

	atomic_fetch_add(&port->writables, 1);
}

static void port_make_room(struct world *w, size_t room)
{
	pthread_mutex_lock(&w->port.lock);
	w->port.room = room;
	pthread_mutex_unlock(&w->port.lock);
	w->host->resume(w->host->ctx);
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->far_in = w->far_out = w->saved[0] = w->saved[1] = -1;
	pthread_mutex_init(&w->port.lock, NULL);
	w->said = tmpfile();
	w->log = (struct log){.level = LOG_WARN, .fd = fileno(w->said)};
	*state = w;
	return 0;
}

/* Puts `fd` in the place of our standard input (0) or output (1). */
static void redirect(struct world *w, int which, int fd)
{
	if (w->saved[which] < 0) {
		fflush(stdout);
		w->saved[which] = dup(which);
		assert_true(w->saved[which] >= 0);
	}
	assert_int_equal(dup2(fd, which), which);
}

static void use_pipe_in(struct world *w)
{
	int fd[2];

	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	redirect(w, 0, fd[0]);
	close(fd[0]);
	w->far_in = fd[1];
}

static void use_pipe_out(struct world *w)
{
	int fd[2];

	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	redirect(w, 1, fd[1]);
	close(fd[1]);
	w->far_out = fd[0];
}

static void *run_loop(void *arg)
{
	struct world *w = arg;

	return (void *)(intptr_t)evloop_run(w->loop);
}

static void open_console(struct world *w)
{
	struct err err;

	if (console_open(&w->console, &w->config, &w->log, &err) != 0)
		fail_msg("%s", err.text);
	w->host = console_chario(w->console);
}

/* With the fake port. */
static void start(struct world *w)
{
	const struct console_hooks hooks = {
		.end = {.report = count_end, .ctx = w},
		.show_counters = count_shown,
		.ctx = w,
	};

	assert_int_equal(evloop_create(&w->loop), 0);
	assert_int_equal(console_start(w->console, w->loop, &hooks), 0);
	assert_int_equal(pthread_create(&w->thread, NULL, run_loop, w), 0);
	w->running = true;
}

static void attach_fake(struct world *w, size_t room)
{
	w->port.room = room;
	w->host->attach(w->host->ctx, &(struct chario_port){
					      .room = port_room,
					      .receive = port_receive,
					      .writable = port_writable,
					      .ctx = &w->port,
				      });
}

static void stop(struct world *w)
{
	if (!w->running)
		return;
	evloop_stop(w->loop);
	pthread_join(w->thread, NULL);
	w->running = false;
	console_stop(w->console);
	evloop_destroy(w->loop);
	w->loop = NULL;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	stop(w);
	console_close(w->console);
	for (int i = 0; i < 2; i++)
		if (w->saved[i] >= 0) {
			dup2(w->saved[i], i);
			close(w->saved[i]);
		}
	if (w->far_in >= 0)
		close(w->far_in);
	if (w->far_out >= 0 && w->far_out != w->far_in)
		close(w->far_out);
	pthread_mutex_destroy(&w->port.lock);
	fclose(w->said);
	free(w);
	return 0;
}

static void guest_writes(struct world *w, const char *text)
{
	assert_int_equal(w->host->write(w->host->ctx, (const uint8_t *)text, strlen(text)),
			 strlen(text));
}

static void expect_output(struct world *w, const char *text)
{
	char buffer[256];
	size_t len = 0, want = strlen(text);

	while (len < want) {
		struct pollfd pollfd = {.fd = w->far_out, .events = POLLIN};
		ssize_t n;

		assert_int_equal(poll(&pollfd, 1, PATIENCE_MS), 1);
		n = read(w->far_out, buffer + len, want - len);
		assert_true(n > 0);
		len += (size_t)n;
	}
	assert_memory_equal(buffer, text, want);
}

static void type(struct world *w, const char *bytes)
{
	assert_int_equal(write(w->far_in, bytes, strlen(bytes)), strlen(bytes));
}

static size_t received(struct world *w)
{
	size_t n;

	pthread_mutex_lock(&w->port.lock);
	n = w->port.nr_in;
	pthread_mutex_unlock(&w->port.lock);
	return n;
}

/* What the console has logged. */
static ssize_t said(struct world *w, char *text, size_t size)
{
	ssize_t len = pread(fileno(w->said), text, size - 1, 0);

	assert_true(len >= 0);
	text[len] = '\0';
	return len;
}

#define wait_until(condition)                                     \
	do {                                                      \
		int waited_ms = 0;                                \
		while (!(condition) && waited_ms++ < PATIENCE_MS) \
			usleep(1000);                             \
		assert_true(condition);                           \
	} while (0)

static void expect_input(struct world *w, const char *text)
{
	wait_until(received(w) >= strlen(text));
	assert_int_equal(received(w), strlen(text));
	assert_memory_equal(w->port.in, text, strlen(text));
}

/* Lets the I/O thread do whatever it is about to do, and tells how busy it was, in percent. */
static unsigned int io_thread_load(struct world *w)
{
	struct timespec before, after;
	clockid_t clock;

	assert_int_equal(pthread_getcpuclockid(w->thread, &clock), 0);
	clock_gettime(clock, &before);
	usleep(100000);
	clock_gettime(clock, &after);
	return (unsigned int)(((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec -
			       before.tv_nsec) /
			      1000000);
}

/* --- pipes, files, sockets --- */

static void pipes_carry_bytes_both_ways(void **state)
{
	struct world *w = *state;

	use_pipe_in(w);
	use_pipe_out(w);
	open_console(w);
	attach_fake(w, 100);
	start(w);
	guest_writes(w, "hello");
	expect_output(w, "hello");
	type(w, "hi there");
	expect_input(w, "hi there");
}

/* Nothing that is not typed at a terminal is an escape. */
static void binary_data_passes_through_pipes(void **state)
{
	struct world *w = *state;

	use_pipe_in(w);
	use_pipe_out(w);
	open_console(w);
	attach_fake(w, 100);
	start(w);
	type(w, "\x01x\x01\x01\x03\x04\x1a\xff\r\n");
	expect_input(w, "\x01x\x01\x01\x03\x04\x1a\xff\r\n");
	assert_int_equal(w->ends, 0);
}

static void no_more_is_read_than_the_port_has_room_for(void **state)
{
	struct world *w = *state;
	char rest[16];

	use_pipe_in(w);
	use_pipe_out(w);
	open_console(w);
	attach_fake(w, 3);
	start(w);
	type(w, "abcdefgh");
	expect_input(w, "abc");
	assert_true(io_thread_load(w) < 50);
	expect_input(w, "abc");
	port_make_room(w, 2);
	expect_input(w, "abcde");
	/* What the guest did not want is there for whoever reads next. */
	assert_int_equal(read(STDIN_FILENO, rest, sizeof(rest)), 3);
	assert_memory_equal(rest, "fgh", 3);
}

static void the_end_of_input_does_not_end_the_guest(void **state)
{
	struct world *w = *state;

	use_pipe_in(w);
	use_pipe_out(w);
	open_console(w);
	attach_fake(w, 100);
	start(w);
	type(w, "last");
	close(w->far_in);
	w->far_in = -1;
	expect_input(w, "last");
	assert_true(io_thread_load(w) < 50);
	guest_writes(w, "still here");
	expect_output(w, "still here");
	assert_int_equal(w->ends, 0);
}

static void input_may_be_a_regular_file(void **state)
{
	struct world *w = *state;
	FILE *file = tmpfile();

	fputs("from a file", file);
	rewind(file);
	redirect(w, 0, fileno(file));
	fclose(file);
	use_pipe_out(w);
	open_console(w);
	attach_fake(w, 5);
	start(w);
	expect_input(w, "from ");
	assert_true(io_thread_load(w) < 50);
	port_make_room(w, 100);
	expect_input(w, "from a file");
	assert_true(io_thread_load(w) < 50);
	assert_int_equal(w->ends, 0);
}

static void input_may_be_nothing(void **state)
{
	struct world *w = *state;
	int null = open("/dev/null", O_RDONLY);

	redirect(w, 0, null);
	close(null);
	use_pipe_out(w);
	open_console(w);
	attach_fake(w, 100);
	start(w);
	assert_true(io_thread_load(w) < 50);
	guest_writes(w, "ok");
	expect_output(w, "ok");
	assert_int_equal(w->ends, 0);
}

static void output_may_be_a_regular_file(void **state)
{
	struct world *w = *state;
	FILE *file = tmpfile();

	use_pipe_in(w);
	redirect(w, 1, fileno(file));
	fputs("before ", file);
	fflush(file);
	open_console(w);
	attach_fake(w, 100);
	start(w);
	guest_writes(w, "after");
	w->far_out = dup(fileno(file));
	fclose(file);
	lseek(w->far_out, 0, SEEK_SET);
	expect_output(w, "before after"); /* the position is shared with whoever opened it */
}

static void sockets_carry_bytes_both_ways(void **state)
{
	struct world *w = *state;
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	redirect(w, 0, fd[0]);
	redirect(w, 1, fd[0]);
	close(fd[0]);
	w->far_in = w->far_out = fd[1];
	open_console(w);
	attach_fake(w, 100);
	start(w);
	guest_writes(w, "hello");
	expect_output(w, "hello");
	type(w, "hi");
	expect_input(w, "hi");
}

/* Whoever shares a descriptor with us must not find it changed. */
static void inherited_descriptors_stay_blocking(void **state)
{
	struct world *w = *state;

	use_pipe_in(w);
	use_pipe_out(w);
	open_console(w);
	attach_fake(w, 100);
	start(w);
	guest_writes(w, "x");
	type(w, "x");
	expect_input(w, "x");
	assert_int_equal(fcntl(0, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fcntl(1, F_GETFL) & O_NONBLOCK, 0);
	stop(w);
	assert_int_equal(fcntl(0, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fcntl(1, F_GETFL) & O_NONBLOCK, 0);
}

/* --- back-pressure and hang-up --- */

/* Fills standard output; returns how much it took. */
static size_t fill_output(struct world *w)
{
	static const uint8_t zeroes[1024];
	size_t taken = 0, n;

	do {
		n = w->host->write(w->host->ctx, zeroes, sizeof(zeroes));
		taken += n;
	} while (n == sizeof(zeroes));
	return taken;
}

static void drain_output(struct world *w, size_t len)
{
	uint8_t buffer[4096];

	while (len > 0) {
		ssize_t n = read(w->far_out, buffer, len < sizeof(buffer) ? len : sizeof(buffer));

		assert_true(n > 0);
		len -= (size_t)n;
	}
}

static void a_full_pipe_takes_nothing_and_tells_when_it_does(void **state)
{
	struct world *w = *state;
	size_t len;

	use_pipe_in(w);
	use_pipe_out(w);
	open_console(w);
	attach_fake(w, 0);
	start(w);
	for (int round = 0; round < 3; round++) {
		unsigned int before = w->port.writables;

		len = fill_output(w);
		assert_true(io_thread_load(w) < 50);
		assert_int_equal(w->port.writables, before);
		drain_output(w, len);
		wait_until(w->port.writables > before);
		assert_true(io_thread_load(w) < 50);
	}
}

static void a_full_socket_takes_nothing_and_tells_when_it_does(void **state)
{
	struct world *w = *state;
	size_t len;
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	use_pipe_in(w);
	redirect(w, 1, fd[0]);
	close(fd[0]);
	w->far_out = fd[1];
	open_console(w);
	attach_fake(w, 0);
	start(w);
	len = fill_output(w);
	assert_int_equal(w->port.writables, 0);
	drain_output(w, len);
	wait_until(w->port.writables > 0);
}

static void a_closed_output_ends_the_guest_once(void **state)
{
	struct world *w = *state;
	char text[256];

	use_pipe_in(w);
	use_pipe_out(w);
	open_console(w);
	attach_fake(w, 100);
	start(w);
	close(w->far_out);
	w->far_out = -1;
	assert_int_equal(w->ends, 0);
	guest_writes(w, "x"); /* all of it is taken: nothing must wait for a console that is gone */
	assert_int_equal(w->ends, 1);
	assert_int_equal(w->end_value, EPIPE);
	guest_writes(w, "y");
	assert_int_equal(w->ends, 1);
	assert_int_equal(said(w, text, sizeof(text)), 0); /* "tinyvmm | head -1": no complaints */
}

static void an_output_that_closes_while_full_ends_the_guest(void **state)
{
	struct world *w = *state;

	use_pipe_in(w);
	use_pipe_out(w);
	open_console(w);
	attach_fake(w, 100);
	start(w);
	fill_output(w);
	close(w->far_out);
	w->far_out = -1;
	wait_until(w->port.writables > 0); /* the port comes back with what it still has ... */
	guest_writes(w, "x");
	assert_int_equal(w->ends, 1);
}

static void *read_late(void *arg)
{
	struct world *w = arg;

	usleep(50000);
	drain_output(w, 4096);
	return NULL;
}

/* A port that has one line left, and writes it when it can. */
static void write_last_line(void *ctx)
{
	struct world *w = ctx;

	if (atomic_fetch_add(&w->port.writables, 1) == 0)
		guest_writes(w, "Power down");
}

static void the_last_bytes_are_waited_for(void **state)
{
	struct world *w = *state;
	pthread_t reader;
	size_t len;

	use_pipe_in(w);
	use_pipe_out(w);
	open_console(w);
	w->host->attach(w->host->ctx, &(struct chario_port){.writable = write_last_line, .ctx = w});
	start(w);
	len = fill_output(w);
	evloop_stop(w->loop);
	assert_int_equal(pthread_create(&reader, NULL, read_late, w), 0);
	stop(w);
	pthread_join(reader, NULL);
	drain_output(w, len - 4096);
	expect_output(w, "Power down");
}

static void a_reader_that_never_reads_is_not_waited_for_forever(void **state)
{
	struct world *w = *state;
	struct timespec before, after;

	use_pipe_in(w);
	use_pipe_out(w);
	open_console(w);
	attach_fake(w, 0);
	start(w);
	fill_output(w);
	clock_gettime(CLOCK_MONOTONIC, &before);
	stop(w);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_in_range(after.tv_sec - before.tv_sec, 1, 30);
}

/* --- the kinds that are not stdio --- */

static void none_swallows_output_and_has_no_input(void **state)
{
	struct world *w = *state;

	use_pipe_in(w);
	use_pipe_out(w);
	w->config.console = CONSOLE_NONE;
	open_console(w);
	attach_fake(w, 100);
	start(w);
	guest_writes(w, "x");
	type(w, "x");
	io_thread_load(w);
	assert_int_equal(received(w), 0);
	guest_writes(w, "y");
	assert_int_equal(poll(&(struct pollfd){.fd = w->far_out, .events = POLLIN}, 1, 0), 0);
}

static void file_gets_the_output_and_nothing_else(void **state)
{
	struct world *w = *state;
	char path[] = "/tmp/test_console.XXXXXX";
	int fd = mkstemp(path);

	assert_int_equal(write(fd, "what was there before", 21), 21);
	use_pipe_in(w);
	w->config.console = CONSOLE_FILE;
	w->config.console_path = path;
	open_console(w);
	attach_fake(w, 100);
	start(w);
	guest_writes(w, "hello");
	w->far_out = fd;
	lseek(fd, 0, SEEK_SET);
	expect_output(w, "hello");
	assert_int_equal(read(fd, path, 1), 0); /* no more than that */
	type(w, "x");
	io_thread_load(w);
	assert_int_equal(received(w), 0);
	unlink(w->config.console_path);
}

static void a_file_that_cannot_be_written_is_an_error_with_a_remedy(void **state)
{
	struct world *w = *state;
	struct err err;

	w->config.console = CONSOLE_FILE;
	w->config.console_path = "/nonexistent/log";
	assert_int_equal(console_open(&w->console, &w->config, &w->log, &err), -ENOENT);
	assert_string_equal(err.text,
			    "--console file=/nonexistent/log: cannot open: No such file or "
			    "directory; name a file that can be written");
	assert_null(w->console);
}

static void a_full_disk_ends_the_guest_and_says_so(void **state)
{
	struct world *w = *state;
	char text[256];

	w->config.console = CONSOLE_FILE;
	w->config.console_path = "/dev/full";
	open_console(w);
	attach_fake(w, 100);
	start(w);
	guest_writes(w, "x");
	assert_int_equal(w->ends, 1);
	assert_int_equal(w->end_value, ENOSPC);
	assert_true(said(w, text, sizeof(text)) > 0);
	assert_string_equal(text, "tinyvmm: --console: cannot write to /dev/full: No space left on "
				  "device\n");
}

static void nothing_to_close_is_fine(void **state)
{
	(void)state;
	console_close(NULL);
}

/* --- a terminal --- */

/* A terminal as our standard input and output; the user sits at the master. */
static void use_terminal(struct world *w)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	char name[64];
	int slave;

	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	assert_int_equal(ptsname_r(master, name, sizeof(name)), 0);
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(slave >= 0);
	redirect(w, 0, slave);
	redirect(w, 1, slave);
	close(slave);
	w->far_in = w->far_out = master;
}

static void a_terminal_is_raw_while_the_guest_runs_and_restored(void **state)
{
	struct world *w = *state;
	struct termios before, during, after;

	use_terminal(w);
	assert_int_equal(tcgetattr(0, &before), 0);
	assert_true(before.c_lflag & ICANON);
	open_console(w);
	attach_fake(w, 100);
	start(w);
	assert_int_equal(tcgetattr(0, &during), 0);
	assert_int_equal(during.c_lflag & (ICANON | ECHO | ISIG | IEXTEN), 0);
	assert_int_equal(during.c_iflag & (ICRNL | IXON | INLCR), 0);
	assert_int_equal(during.c_oflag, before.c_oflag);
	type(w, "\x03\x1a\r"); /* Ctrl-C and Ctrl-Z are the guest's */
	expect_input(w, "\x03\x1a\r");
	stop(w);
	console_close(w->console);
	w->console = NULL;
	assert_int_equal(tcgetattr(0, &after), 0);
	assert_int_equal(after.c_lflag, before.c_lflag);
	assert_int_equal(after.c_iflag, before.c_iflag);
	assert_int_equal(after.c_oflag, before.c_oflag);
}

static void ctrl_a_is_the_escape_on_a_terminal(void **state)
{
	static const struct {
		const char *typed, *received;
		unsigned int ends, shown;
	} cases[] = {
		{"abc", "abc", 0, 0},
		{"\x01x", "", 1, 0},
		{"\x01"
		 "c",
		 "", 0, 1},
		{"\x01\x01", "\x01", 0, 0},
		{"\x01z", "\x01z", 0, 0}, /* not for us after all */
		{"a\x01\x01"
		 "b\x01"
		 "cc\x01xd",
		 "a\x01"
		 "bcd",
		 1, 1},
		{"\x01\x01\x01\x01", "\x01\x01", 0, 0},
	};
	struct world *w = *state;

	use_terminal(w);
	open_console(w);
	attach_fake(w, 100);
	start(w);
	for (size_t i = 0; i < NR_OF(cases); i++) {
		w->ends = w->shown = 0;
		pthread_mutex_lock(&w->port.lock);
		w->port.nr_in = 0;
		pthread_mutex_unlock(&w->port.lock);
		for (const char *c = cases[i].typed; *c != '\0'; c++) {
			/* One at a time: a sequence may come in pieces. */
			assert_int_equal(write(w->far_in, c, 1), 1);
			usleep(500);
		}
		expect_input(w, cases[i].received);
		wait_until(w->ends == cases[i].ends && w->shown == cases[i].shown);
		assert_int_equal(w->end_value, 0);
	}
}

/* The one case in which the user needs it most. */
static void ctrl_a_x_works_though_the_guest_reads_nothing(void **state)
{
	struct world *w = *state;
	char text[2000];

	use_terminal(w);
	open_console(w);
	attach_fake(w, 0);
	start(w);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	type(w, text);
	type(w, "\x01x");
	wait_until(w->ends == 1);
	assert_int_equal(received(w), 0);
	port_make_room(w, sizeof(text)); /* and what was typed before is not lost */
	expect_input(w, text);
}

static void a_terminal_that_hangs_up_ends_the_guest(void **state)
{
	struct world *w = *state;

	use_terminal(w);
	open_console(w);
	attach_fake(w, 100);
	start(w);
	close(w->far_in);
	w->far_in = w->far_out = -1;
	wait_until(w->ends == 1);
	assert_true(io_thread_load(w) < 50);
	guest_writes(w, "x");
	assert_int_equal(w->ends, 1);
}

/* A stop and a continue: the shell has had the terminal meanwhile. */
static void a_continued_process_makes_its_terminal_raw_again(void **state)
{
	struct world *w = *state;
	struct termios cooked, now;

	use_terminal(w);
	assert_int_equal(tcgetattr(0, &cooked), 0);
	open_console(w);
	attach_fake(w, 100);
	start(w);
	assert_int_equal(tcsetattr(0, TCSANOW, &cooked), 0);
	assert_int_equal(kill(getpid(), SIGCONT), 0);
	wait_until(tcgetattr(0, &now) == 0 && !(now.c_lflag & ICANON));
	type(w, "a");
	expect_input(w, "a");
}

/* A machine reset: the loop is new, the console goes on. */
static void a_console_survives_a_restart(void **state)
{
	struct world *w = *state;

	use_terminal(w);
	open_console(w);
	for (int life = 0; life < 3; life++) {
		w->port.nr_in = 0;
		attach_fake(w, 100);
		start(w);
		guest_writes(w, "boot");
		expect_output(w, "boot");
		type(w, "abc");
		expect_input(w, "abc");
		stop(w);
		w->host->attach(w->host->ctx, NULL);
	}
}

/* --- a pseudo-terminal --- */

static void use_pty(struct world *w, char *name, size_t size)
{
	ssize_t len;

	w->config.console = CONSOLE_PTY;
	open_console(w);
	len = said(w, name, size);
	assert_true(len > 0);
	name[len - 1] = '\0';
	assert_int_equal(strncmp(name, "tinyvmm: console: /dev/pts/", 27), 0);
	memmove(name, name + 18, strlen(name + 18) + 1);
}

static void reach(struct world *w, const char *name)
{
	w->far_in = w->far_out = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(w->far_in >= 0);
}

static void leave(struct world *w)
{
	close(w->far_in);
	w->far_in = w->far_out = -1;
}

static void a_pty_may_be_left_and_reached_again(void **state)
{
	struct world *w = *state;
	char name[128];

	use_pty(w, name, sizeof(name));
	attach_fake(w, 100);
	start(w);
	assert_true(io_thread_load(w) < 50); /* nobody there yet */
	for (int i = 0; i < 3; i++) {
		reach(w, name);
		guest_writes(w, "hello\n");
		expect_output(w, "hello\n"); /* raw: neither echo nor translation */
		w->port.nr_in = 0;
		type(w, "\x01x\r");
		expect_input(w, "\x01x\r"); /* no escapes here */
		leave(w);
		assert_true(io_thread_load(w) < 50);
	}
	assert_int_equal(w->ends, 0);
}

static void a_pty_holds_output_while_nobody_is_there(void **state)
{
	struct world *w = *state;
	char name[128];

	use_pty(w, name, sizeof(name));
	attach_fake(w, 100);
	start(w);
	guest_writes(w, "early ");
	reach(w, name);
	expect_output(w, "early ");
	leave(w);
	guest_writes(w, "late");
	reach(w, name);
	expect_output(w, "late");
}

static void a_guest_does_not_wait_for_a_pty_that_nobody_reads(void **state)
{
	struct world *w = *state;
	char name[128], line[16];

	use_pty(w, name, sizeof(name));
	attach_fake(w, 100);
	start(w);
	for (unsigned int i = 0; i < 10000; i++) {
		snprintf(line, sizeof(line), "line %8u\n", i);
		guest_writes(w, line);
	}
	reach(w, name);
	/* 65,536 bytes are 4,681 lines of 14 and the last 2 bytes of the one before. */
	expect_output(w, "8\n");
	for (unsigned int i = 10000 - 4681; i < 10000; i++) {
		snprintf(line, sizeof(line), "line %8u\n", i);
		expect_output(w, line);
	}
}

static void a_slow_reader_of_a_pty_is_waited_for(void **state)
{
	struct world *w = *state;
	unsigned int before;
	char name[128];
	size_t len;

	use_pty(w, name, sizeof(name));
	attach_fake(w, 100);
	start(w);
	reach(w, name);
	len = fill_output(w);
	assert_true(io_thread_load(w) < 50);
	before = w->port.writables;
	drain_output(w, len);
	wait_until(w->port.writables > before);
	/* One that leaves instead of reading is not. */
	fill_output(w);
	before = w->port.writables;
	leave(w);
	wait_until(w->port.writables > before);
	guest_writes(w, "x");
	assert_int_equal(w->ends, 0);
}

/* --- with the serial port --- */

#define SERIAL_PORT 0x3f8

/* A guest with a driver that keeps to the rules: sends after THRE, receives after DR. */
struct guest {
	struct world *w;
	size_t total; /* to send and to receive */
	struct fixture f;
	struct device *serial;
	pthread_mutex_t lock;
	pthread_cond_t interrupt;
	bool pending;
	size_t sent, got;
	uint32_t out_state, in_state; /* of the generators of what is sent and expected */
	bool wrong;
};

/* Numerical Recipes' generator: both ends make the same bytes. */
static uint8_t next_byte(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return (uint8_t)(*state >> 24);
}

static unsigned int in(struct guest *g, unsigned int reg)
{
	return in8(&g->f, (uint16_t)(SERIAL_PORT + reg));
}

static void out(struct guest *g, unsigned int reg, unsigned int value)
{
	out8(&g->f, (uint16_t)(SERIAL_PORT + reg), value);
}

static void guest_receives(struct guest *g)
{
	while (in(g, REG_LSR) & LSR_DATA) {
		g->wrong |= in(g, REG_DATA) != next_byte(&g->in_state);
		g->got++;
	}
}

static void guest_sends(struct guest *g)
{
	for (int i = 0; i < FIFO_BYTES && g->sent < g->total; i++, g->sent++)
		out(g, REG_DATA, next_byte(&g->out_state));
}

static void *guest_that_polls(void *arg)
{
	struct guest *g = arg;

	out(g, REG_FCR, FCR_ENABLE);
	out(g, REG_MCR, MCR_DTR | MCR_RTS);
	while (g->sent < g->total || g->got < g->total) {
		guest_receives(g);
		if (in(g, REG_LSR) & LSR_THRE)
			guest_sends(g);
	}
	return NULL;
}

static void guest_interrupt(void *ctx)
{
	struct guest *g = ctx;

	pthread_mutex_lock(&g->lock);
	g->pending = true;
	pthread_cond_signal(&g->interrupt);
	pthread_mutex_unlock(&g->lock);
}

/* As Linux does it: the handler works until IIR has nothing more to say. */
static void *guest_with_interrupts(void *arg)
{
	struct guest *g = arg;

	out(g, REG_FCR, FCR_ENABLE | 0x80);
	out(g, REG_MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
	out(g, REG_IER, IER_RX | IER_LINE | IER_THRE);
	while (g->sent < g->total || g->got < g->total) {
		pthread_mutex_lock(&g->lock);
		while (!g->pending)
			pthread_cond_wait(&g->interrupt, &g->lock);
		g->pending = false; /* an edge: it is gone once it is taken */
		pthread_mutex_unlock(&g->lock);
		while (!((in(g, REG_FCR)) & IIR_NONE)) {
			guest_receives(g);
			if (in(g, REG_LSR) & LSR_THRE)
				guest_sends(g);
		}
	}
	return NULL;
}

/* The world outside: writes in odd pieces, reads slowly, checks. */
static void *far_side_writes(void *arg)
{
	struct guest *g = arg;
	uint32_t generator = 1;
	uint8_t bytes[777];

	for (size_t sent = 0; sent < g->total;) {
		size_t n = g->total - sent < sizeof(bytes) ? g->total - sent : sizeof(bytes);

		for (size_t i = 0; i < n; i++)
			bytes[i] = next_byte(&generator);
		for (size_t done = 0; done < n;) {
			ssize_t now = write(g->w->far_in, bytes + done, n - done);

			if (now < 0)
				return (void *)1;
			done += (size_t)now;
		}
		sent += n;
	}
	return NULL;
}

static void *far_side_reads(void *arg)
{
	struct guest *g = arg;
	uint32_t generator = 2;
	uint8_t bytes[1000];

	for (size_t got = 0; got < g->total;) {
		ssize_t n = read(g->w->far_out, bytes, sizeof(bytes));

		if (n <= 0)
			return (void *)1;
		for (ssize_t i = 0; i < n; i++)
			if (bytes[i] != next_byte(&generator))
				return (void *)2;
		got += (size_t)n;
		if (got % 64 == 0)
			usleep(100);
	}
	return NULL;
}

/* `total` bytes each way at the same time. */
static void transfer(struct world *w, size_t total, void *(*run_guest)(void *arg))
{
	struct guest g = {.w = w, .total = total, .in_state = 1, .out_state = 2};
	pthread_t guest, reader, writer;
	void *read_result, *write_result;

	fixture_init(&g.f);
	pthread_mutex_init(&g.lock, NULL);
	pthread_cond_init(&g.interrupt, NULL);
	g.f.env.irq = (struct irq){.raise = guest_interrupt, .ctx = &g};
	assert_int_equal(serial_create(&g.f.env, SERIAL_PORT, w->host, &g.serial), 0);
	start(w);
	assert_int_equal(pthread_create(&guest, NULL, run_guest, &g), 0);
	assert_int_equal(pthread_create(&reader, NULL, far_side_reads, &g), 0);
	assert_int_equal(pthread_create(&writer, NULL, far_side_writes, &g), 0);
	pthread_join(writer, &write_result);
	pthread_join(reader, &read_result);
	pthread_join(guest, NULL);
	stop(w);
	device_destroy(g.serial);
	pthread_cond_destroy(&g.interrupt);
	pthread_mutex_destroy(&g.lock);
	assert_null(write_result);
	assert_null(read_result);
	assert_int_equal(g.got, total);
	assert_false(g.wrong);
}

static void use_tiny_pipes(struct world *w)
{
	use_pipe_in(w);
	use_pipe_out(w);
	assert_true(fcntl(w->far_in, F_SETPIPE_SZ, 4096) > 0);
	assert_true(fcntl(w->far_out, F_SETPIPE_SZ, 4096) > 0);
	open_console(w);
}

static void a_polling_driver_loses_nothing(void **state)
{
	struct world *w = *state;

	use_tiny_pipes(w);
	transfer(w, 256 << 10, guest_that_polls);
}

static void an_interrupt_driven_driver_loses_nothing_and_never_stalls(void **state)
{
	struct world *w = *state;

	use_tiny_pipes(w);
	transfer(w, 1 << 20, guest_with_interrupts);
}

static void nothing_is_lost_over_a_socket(void **state)
{
	struct world *w = *state;
	int fd[2], size = 4096;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	for (int i = 0; i < 2; i++)
		setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	redirect(w, 0, fd[0]);
	redirect(w, 1, fd[0]);
	close(fd[0]);
	w->far_in = w->far_out = fd[1];
	open_console(w);
	transfer(w, 128 << 10, guest_with_interrupts);
}

static void nothing_is_lost_over_a_pty(void **state)
{
	struct world *w = *state;
	char name[128];

	use_pty(w, name, sizeof(name));
	reach(w, name);
	transfer(w, 128 << 10, guest_with_interrupts);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(pipes_carry_bytes_both_ways),
		TEST(binary_data_passes_through_pipes),
		TEST(no_more_is_read_than_the_port_has_room_for),
		TEST(the_end_of_input_does_not_end_the_guest),
		TEST(input_may_be_a_regular_file),
		TEST(input_may_be_nothing),
		TEST(output_may_be_a_regular_file),
		TEST(sockets_carry_bytes_both_ways),
		TEST(inherited_descriptors_stay_blocking),
		TEST(a_full_pipe_takes_nothing_and_tells_when_it_does),
		TEST(a_full_socket_takes_nothing_and_tells_when_it_does),
		TEST(a_closed_output_ends_the_guest_once),
		TEST(an_output_that_closes_while_full_ends_the_guest),
		TEST(the_last_bytes_are_waited_for),
		TEST(a_reader_that_never_reads_is_not_waited_for_forever),
		TEST(none_swallows_output_and_has_no_input),
		TEST(file_gets_the_output_and_nothing_else),
		TEST(a_file_that_cannot_be_written_is_an_error_with_a_remedy),
		TEST(a_full_disk_ends_the_guest_and_says_so),
		TEST(nothing_to_close_is_fine),
		TEST(a_terminal_is_raw_while_the_guest_runs_and_restored),
		TEST(ctrl_a_is_the_escape_on_a_terminal),
		TEST(ctrl_a_x_works_though_the_guest_reads_nothing),
		TEST(a_terminal_that_hangs_up_ends_the_guest),
		TEST(a_continued_process_makes_its_terminal_raw_again),
		TEST(a_console_survives_a_restart),
		TEST(a_pty_may_be_left_and_reached_again),
		TEST(a_pty_holds_output_while_nobody_is_there),
		TEST(a_guest_does_not_wait_for_a_pty_that_nobody_reads),
		TEST(a_slow_reader_of_a_pty_is_waited_for),
		TEST(a_polling_driver_loses_nothing),
		TEST(an_interrupt_driven_driver_loses_nothing_and_never_stalls),
		TEST(nothing_is_lost_over_a_socket),
		TEST(nothing_is_lost_over_a_pty),
	};

	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	alarm(120); /* a hang is a failure, too */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
