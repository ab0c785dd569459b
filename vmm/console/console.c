/* SPDX-License-Identifier: MIT */
/*
 * The host side of the serial port.
 *
 * Output is written on the thread of the vCPU that made it, straight to its destination. What that
 * does not take stays in the port, which is told on the I/O thread when there is room again. The
 * console itself buffers no output, but for a pty without a reader (pty.c). Input: input.c.
 *
 * Lock order: the port calls us with its lock held, so its functions are called without ours.
 */
#include "vmm/console/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vmm/console/private.h"

/* At the end, how long the far side may take for the next byte of what the port still holds. */
#define FLUSH_TIMEOUT_MS 2000

/* --- output: any thread --- */

void console_lose_far_side(struct console *console, int error)
{
	struct guest_end end;

	pthread_mutex_lock(&console->lock);
	end = console->hooks.end;
	if (console->gone)
		end.report = NULL;
	console->gone = true;
	pthread_mutex_unlock(&console->lock);
	if (end.report == NULL)
		return;
	/* A reader that has read enough (head -1) is no reason to complain. */
	if (error == EPIPE || error == EIO)
		log_info(console->log, "--console: %s is closed: %s", console->name,
			 strerror(error));
	else
		log_error(console->log, "--console: cannot write to %s: %s", console->name,
			  strerror(error));
	guest_end_report(&end, GUEST_END_CONSOLE, (uint32_t)error);
}

/* With the lock held: wakes the I/O thread when the far side takes bytes again. */
static void wait_for_room(struct console *console)
{
	if (!console->blocked && console->loop != NULL)
		evloop_add(console->loop, &console->out_source, EPOLLOUT);
	console->blocked = true;
}

static size_t console_write(void *ctx, const uint8_t *bytes, size_t len)
{
	struct console *console = ctx;
	size_t taken = 0;
	ssize_t n = 0;

	pthread_mutex_lock(&console->lock);
	while (taken < len && !console->gone && console->out.fd >= 0) {
		n = console->pty != NULL
			    ? pty_write(console->pty, bytes + taken, len - taken)
			    : nonblock_write(&console->out, bytes + taken, len - taken);
		if (n < 0)
			break;
		if (console->tty.fd >= 0)
			tty_note_output(&console->tty, bytes + taken, (size_t)n);
		taken += (size_t)n;
	}
	if (n == -EAGAIN)
		wait_for_room(console);
	else
		taken = len;
	pthread_mutex_unlock(&console->lock);
	if (n < 0 && n != -EAGAIN)
		console_lose_far_side(console, (int)-n);
	return taken;
}

static void out_ready(void *ctx, uint32_t events)
{
	struct console *console = ctx;
	struct chario_port port;
	bool flushed;

	(void)events;
	pthread_mutex_lock(&console->lock);
	flushed = console->pty == NULL || pty_flush(console->pty);
	if (flushed && console->blocked) {
		evloop_remove(console->loop, &console->out_source);
		console->blocked = false;
	}
	port = console->port;
	pthread_mutex_unlock(&console->lock);
	if (flushed && port.writable != NULL)
		port.writable(port.ctx);
}

/* Lets the port get rid of what it holds, as long as the far side takes some of it now and then. */
static void flush_port(struct console *console)
{
	while (console->blocked && console->port.writable != NULL) {
		struct pollfd pollfd = {.fd = console->out.fd, .events = POLLOUT};

		if (poll(&pollfd, 1, FLUSH_TIMEOUT_MS) == 0) {
			log_warn(console->log,
				 "--console: %s takes no more; the last bytes of output are lost",
				 console->name);
			return;
		}
		if (console->loop != NULL)
			evloop_remove(console->loop, &console->out_source);
		console->blocked = false;
		console->port.writable(console->port.ctx);
	}
}

/* --- what wakes the I/O thread --- */

static void kick_ready(void *ctx, uint32_t events)
{
	struct console *console = ctx;
	eventfd_t value;

	(void)events;
	eventfd_read(console->kick_fd, &value);
	console_pump_input(console);
}

static void cont_ready(void *ctx, uint32_t events)
{
	struct console *console = ctx;

	(void)events;
	tty_continued(&console->tty);
	console_pump_input(console);
}

static void opened_ready(void *ctx, uint32_t events)
{
	struct console *console = ctx;

	(void)events;
	pthread_mutex_lock(&console->lock);
	pty_opened(console->pty);
	if (!pty_flush(console->pty))
		wait_for_room(console);
	pthread_mutex_unlock(&console->lock);
	console_pump_input(console);
}

/* --- what the port sees --- */

static void console_resume(void *ctx)
{
	struct console *console = ctx;

	eventfd_write(console->kick_fd, 1);
}

static void console_attach(void *ctx, const struct chario_port *port)
{
	struct console *console = ctx;

	if (port == NULL)
		flush_port(console);
	pthread_mutex_lock(&console->lock);
	console->port = port != NULL ? *port : (struct chario_port){0};
	pthread_mutex_unlock(&console->lock);
	console_resume(console);
}

const struct chario_host *console_chario(struct console *console)
{
	return &console->chario;
}

/* --- life --- */

static int open_stdio(struct console *console, struct err *err)
{
	int ret;

	console->name = "standard output";
	ret = nonblock_adopt(&console->out, STDOUT_FILENO, O_WRONLY);
	if (ret < 0)
		return err_set(
			err, ret,
			"--console stdio: standard output cannot be used: %s; open it or use "
			"--console file=PATH or none",
			strerror(-ret));
	ret = nonblock_adopt(&console->in, STDIN_FILENO, O_RDONLY);
	if (ret == 0 && console->in.is_tty)
		ret = tty_open(&console->tty, STDIN_FILENO);
	if (ret < 0)
		return err_set(err, ret,
			       "--console stdio: standard input cannot be used: %s; redirect it "
			       "from /dev/null",
			       strerror(-ret));
	return 0;
}

static int open_file(struct console *console, const char *path, int file, struct err *err)
{
	int fd = fcntl(file, F_DUPFD_CLOEXEC, 0);

	console->name = path;
	if (fd < 0)
		return err_set(err, -errno, "--console file=%s: %s", path, strerror(errno));
	nonblock_own(&console->out, fd);
	return 0;
}

static int open_pty(struct console *console, struct err *err)
{
	struct log log = *console->log;
	int ret = pty_open(&console->pty);

	if (ret == 0) {
		console->in = console->pty->master;
		console->in.owned = false; /* the pty closes it */
		ret = fcntl(console->in.fd, F_DUPFD_CLOEXEC, 0);
		if (ret >= 0)
			nonblock_own(&console->out, ret);
		else
			ret = -errno;
	}
	if (ret < 0)
		return err_set(err, ret,
			       "--console pty: cannot make a pseudo-terminal: %s; use --console "
			       "stdio or file=PATH",
			       strerror(-ret));
	console->name = console->pty->name;
	/* Without the name it is of no use, so it is told at the default level, too. */
	if (log.level == LOG_WARN)
		log.level = LOG_INFO;
	log_info(&log, "console: %s", console->name);
	return 0;
}

static int make_waitable(struct console *console, struct err *err)
{
	int ret = console->in.fd >= 0 ? nonblock_make_waitable(&console->in) : 0;

	if (ret == 0 && console->out.fd >= 0)
		ret = nonblock_make_waitable(&console->out);
	return ret < 0 ? err_set(err, ret, "--console: cannot make an eventfd: %s", strerror(-ret))
		       : 0;
}

int console_open(struct console **console, const struct console_options *options, int file,
		 const struct log *log, struct err *err)
{
	struct console *c = calloc(1, sizeof(*c));
	int ret = 0;

	if (c == NULL)
		return err_set(err, -ENOMEM, "--console: %s", strerror(ENOMEM));
	c->log = log;
	c->in = c->out = NONBLOCK_NONE;
	c->tty = TTY_NONE;
	pthread_mutex_init(&c->lock, NULL);
	c->chario = (struct chario_host){
		.write = console_write,
		.resume = console_resume,
		.attach = console_attach,
		.ctx = c,
	};
	c->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->kick_fd < 0)
		ret = err_set(err, -errno, "--console: cannot make an eventfd: %s",
			      strerror(errno));
	else if (options->kind == CONSOLE_STDIO)
		ret = open_stdio(c, err);
	else if (options->kind == CONSOLE_FILE)
		ret = open_file(c, options->path, file, err);
	else if (options->kind == CONSOLE_PTY)
		ret = open_pty(c, err);
	if (ret == 0)
		ret = make_waitable(c, err);
	if (ret < 0) {
		console_close(c);
		return ret;
	}
	*console = c;
	return 0;
}

void console_close(struct console *console)
{
	if (console == NULL)
		return;
	if (console->pty != NULL && console->pty->held_len > 0)
		log_warn(console->log,
			 "--console pty: the last %zu bytes of output were not read from %s",
			 console->pty->held_len, console->name);
	tty_close(&console->tty);
	nonblock_close(&console->in);
	nonblock_close(&console->out);
	pty_close(console->pty);
	if (console->kick_fd >= 0)
		close(console->kick_fd);
	pthread_mutex_destroy(&console->lock);
	free(console);
}

/* A source that the event loop serves from console_start() to console_stop(); none if fd is -1. */
static int add_source(struct console *console, struct ev_source *source, int fd,
		      void (*ready)(void *ctx, uint32_t events))
{
	*source = (struct ev_source){.fd = fd, .ready = ready, .ctx = console};
	return fd < 0 ? 0 : evloop_add(console->loop, source, EPOLLIN);
}

int console_start(struct console *console, struct evloop *loop, const struct console_hooks *hooks)
{
	int opened_fd = console->pty != NULL ? console->pty->opened_fd : -1;
	int ret;

	pthread_mutex_lock(&console->lock);
	console->loop = loop;
	console->hooks = *hooks;
	pthread_mutex_unlock(&console->lock);
	/* Urgent on a terminal, because Ctrl-A x must end a guest that keeps the loop busy. */
	console->in_source = (struct ev_source){.fd = console->in.wait_fd,
						.ready = console_input_ready,
						.ctx = console,
						.urgent = console->tty.fd >= 0};
	console->out_source =
		(struct ev_source){.fd = console->out.wait_fd, .ready = out_ready, .ctx = console};
	ret = add_source(console, &console->kick_source, console->kick_fd, kick_ready);
	if (ret == 0)
		ret = add_source(console, &console->cont_source, console->tty.signal_fd,
				 cont_ready);
	if (ret == 0)
		ret = add_source(console, &console->opened_source, opened_fd, opened_ready);
	if (ret < 0) {
		console_stop(console);
		return ret;
	}
	if (console->tty.fd >= 0)
		tty_enter_raw(&console->tty);
	console_resume(console); /* the first look at the input */
	return 0;
}

void console_stop(struct console *console)
{
	if (console->loop == NULL)
		return;
	flush_port(console);
	console_stop_input(console);
	evloop_remove(console->loop, &console->kick_source);
	if (console->tty.fd >= 0)
		evloop_remove(console->loop, &console->cont_source);
	if (console->pty != NULL)
		evloop_remove(console->loop, &console->opened_source);
	pthread_mutex_lock(&console->lock);
	if (console->blocked)
		evloop_remove(console->loop, &console->out_source);
	console->blocked = false;
	console->loop = NULL;
	console->hooks = (struct console_hooks){0};
	pthread_mutex_unlock(&console->lock);
}
