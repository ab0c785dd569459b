/* SPDX-License-Identifier: MIT */
/*
 * For tests of the console: pipes, sockets and pseudo-terminals as its far side, and the bytes that
 * pass through them.
 */
#ifndef TESTS_UNIT_CONSOLE_FAR_SIDE_H
#define TESTS_UNIT_CONSOLE_FAR_SIDE_H

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/console_fixture.h"

/* Puts `fd` in the place of our standard input (0) or output (1). */
static inline void redirect(struct world *w, int which, int fd)
{
	if (w->saved[which] < 0) {
		fflush(stdout);
		w->saved[which] = dup(which);
		assert_true(w->saved[which] >= 0);
	}
	assert_int_equal(dup2(fd, which), which);
}

static inline void use_pipe_in(struct world *w)
{
	int fd[2];

	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	redirect(w, 0, fd[0]);
	close(fd[0]);
	w->far_in = fd[1];
}

static inline void use_pipe_out(struct world *w)
{
	int fd[2];

	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	redirect(w, 1, fd[1]);
	close(fd[1]);
	w->far_out = fd[0];
}

static inline void use_pipes(struct world *w)
{
	use_pipe_in(w);
	use_pipe_out(w);
}

static inline void start_on_pipes(struct world *w, size_t room)
{
	use_pipes(w);
	run_console(w, room);
}

/* Our end of a new socket, whose far side is returned, takes the place of `which`. */
static inline int redirect_to_socket(struct world *w, int which)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	redirect(w, which, fd[0]);
	close(fd[0]);
	return fd[1];
}

/* Both directions over one socket. */
static inline void use_socket(struct world *w)
{
	w->far_in = w->far_out = redirect_to_socket(w, 0);
	redirect(w, 1, 0);
}

/* Opens a console on a pseudo-terminal, and finds the name of its far side in the log. */
static inline void use_pty(struct world *w, char *name, size_t size)
{
	ssize_t len;

	w->options.kind = CONSOLE_PTY;
	open_console(w);
	len = said(w, name, size);
	assert_true(len > 0);
	name[len - 1] = '\0';
	assert_int_equal(strncmp(name, "tinyvmm: console: /dev/pts/", 27), 0);
	memmove(name, name + 18, strlen(name + 18) + 1);
}

static inline void start_on_pty(struct world *w, char *name, size_t size)
{
	use_pty(w, name, size);
	attach_fake(w, 100);
	start(w);
}

/* Attaches to the pseudo-terminal. */
static inline void reach(struct world *w, const char *name)
{
	w->far_in = w->far_out = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(w->far_in >= 0);
}

/* The far side of both directions goes away. */
static inline void leave(struct world *w)
{
	close(w->far_in);
	w->far_in = w->far_out = -1;
}

/* The reader of the output goes away. */
static inline void leave_output(struct world *w)
{
	close(w->far_out);
	w->far_out = -1;
}

/* ---- bytes ---- */

static inline void guest_writes(struct world *w, const char *text)
{
	assert_int_equal(w->host->write(w->host->ctx, (const uint8_t *)text, strlen(text)),
			 strlen(text));
}

static inline void expect_output(struct world *w, const char *text)
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

static inline void type(struct world *w, const char *bytes)
{
	assert_int_equal(write(w->far_in, bytes, strlen(bytes)), strlen(bytes));
}

/* Fills the output; returns how much it took. */
static inline size_t fill_output(struct world *w)
{
	static const uint8_t zeroes[1024];
	size_t taken = 0, n;

	do {
		n = w->host->write(w->host->ctx, zeroes, sizeof(zeroes));
		taken += n;
	} while (n == sizeof(zeroes));
	return taken;
}

static inline void drain_output(struct world *w, size_t len)
{
	uint8_t buffer[4096];

	while (len > 0) {
		ssize_t n = read(w->far_out, buffer, len < sizeof(buffer) ? len : sizeof(buffer));

		assert_true(n > 0);
		len -= (size_t)n;
	}
}

#endif
