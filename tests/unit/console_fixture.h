/* SPDX-License-Identifier: MIT */
/*
 * For tests of the console: the world around it, with a fake port behind it. The far sides in front
 * of it: console_far_side.h.
 *
 * epoll_wait(2) and poll(2) are wrapped. The one counts what keeps the I/O thread busy; the other
 * can be told not to wait, so that no test sits out the console's own time-outs.
 */
#ifndef TESTS_UNIT_CONSOLE_FIXTURE_H
#define TESTS_UNIT_CONSOLE_FIXTURE_H

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
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
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/console/console.h"
#include "vmm/core/array.h"

#define PATIENCE_MS 10000 /* until a test fails instead of hanging */

/* ---- the kernel, wrapped: the console calls it by name, so this cannot hang on an argument ----
 */

/* Events that the loop has been woken for, in all. */
static atomic_uint events_served;

int epoll_wait(int epfd, struct epoll_event *events, int max, int timeout_ms)
{
	int n = (int)syscall(SYS_epoll_wait, epfd, events, max, timeout_ms);

	if (n > 0)
		atomic_fetch_add(&events_served, (unsigned int)n);
	return n;
}

/*
 * While `skip` is set, no poll() waits, and `skipped_ms` adds up for how long they would have.
 * While `patient` is set, one that waits for standard input waits as long as it takes, and is
 * counted.
 */
static struct {
	atomic_bool skip, patient;
	atomic_int skipped_ms, waits;
} polls;

int poll(struct pollfd *fds, nfds_t nr, int timeout_ms)
{
	if (atomic_load(&polls.skip)) {
		atomic_fetch_add(&polls.skipped_ms, timeout_ms);
		timeout_ms = 0;
	}
	if (atomic_load(&polls.patient) && timeout_ms > 0) {
		atomic_fetch_add(&polls.waits, 1);
		timeout_ms = PATIENCE_MS;
	}
	return (int)syscall(SYS_poll, fds, nr, timeout_ms);
}

/* ---- the world around a console ---- */

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
	struct log_output output;
	FILE *said; /* what it logged */
	struct console_options options;
	int file; /* of CONSOLE_FILE */
	struct console *console;
	const struct chario_host *host;
	struct evloop *loop;
	struct ev_source marker; /* in the loop: says that its turn has come */
	sem_t turn;
	pthread_t thread;
	bool running;
	struct port port;
	atomic_uint ends, shown;
	atomic_uint end_value;
};

static inline void count_end(void *ctx, enum guest_end_reason reason, uint32_t value)
{
	struct world *w = ctx;

	assert_int_equal(reason, GUEST_END_CONSOLE);
	atomic_store(&w->end_value, value);
	atomic_fetch_add(&w->ends, 1);
}

static inline void count_shown(void *ctx)
{
	struct world *w = ctx;

	atomic_fetch_add(&w->shown, 1);
}

static inline void marker_ready(void *ctx, uint32_t events)
{
	struct world *w = ctx;
	eventfd_t value;

	(void)events;
	eventfd_read(w->marker.fd, &value);
	sem_post(&w->turn);
}

static inline int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->file = w->far_in = w->far_out = w->saved[0] = w->saved[1] = -1;
	w->marker = (struct ev_source){
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .ready = marker_ready, .ctx = w};
	sem_init(&w->turn, 0, 0);
	pthread_mutex_init(&w->port.lock, NULL);
	w->said = tmpfile();
	log_output_open(&w->output, fileno(w->said));
	w->log = (struct log){.level = LOG_WARN, .output = &w->output};
	*state = w;
	return 0;
}

static inline void *run_loop(void *arg)
{
	struct world *w = arg;

	return (void *)(intptr_t)evloop_run(w->loop);
}

static inline void open_console(struct world *w)
{
	struct err err;

	if (console_open(&w->console, &w->options, w->file, &w->log, &err) != 0)
		fail_msg("%s", err.text);
	w->host = console_chario(w->console);
}

/* The I/O thread, for an open console with a port. */
static inline void start(struct world *w)
{
	const struct console_hooks hooks = {
		.end = {.report = count_end, .ctx = w},
		.show_counters = count_shown,
		.ctx = w,
	};

	assert_int_equal(evloop_create(&w->loop), 0);
	assert_int_equal(evloop_add(w->loop, &w->marker, EPOLLIN), 0);
	assert_int_equal(console_start(w->console, w->loop, &hooks), 0);
	assert_int_equal(pthread_create(&w->thread, NULL, run_loop, w), 0);
	w->running = true;
}

static inline void stop(struct world *w)
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

static inline int tear_down(void **state)
{
	struct world *w = *state;

	stop(w);
	console_close(w->console);
	atomic_store(&polls.skip, false);
	atomic_store(&polls.patient, false);
	for (int i = 0; i < 2; i++)
		if (w->saved[i] >= 0) {
			dup2(w->saved[i], i);
			close(w->saved[i]);
		}
	if (w->far_in >= 0)
		close(w->far_in);
	if (w->far_out >= 0 && w->far_out != w->far_in)
		close(w->far_out);
	close(w->marker.fd);
	sem_destroy(&w->turn);
	pthread_mutex_destroy(&w->port.lock);
	log_output_close(&w->output);
	fclose(w->said);
	free(w);
	return 0;
}

/* What the console has logged. */
static inline ssize_t said(struct world *w, char *text, size_t size)
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

/*
 * The loop serves what is ready in turn, so all that was ready before the marker has been served.
 */
static inline void await_turn(struct world *w)
{
	struct timespec until;

	assert_int_equal(eventfd_write(w->marker.fd, 1), 0);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_MS / 1000;
	assert_int_equal(sem_timedwait(&w->turn, &until), 0);
}

/*
 * Lets the I/O thread do whatever it is about to do; then nothing may keep it busy. A source that
 * is ready and not served comes with every marker, and so would double the count at least.
 */
static inline void assert_rests(struct world *w)
{
	const unsigned int turns = 8;
	unsigned int before;

	await_turn(w);
	await_turn(w);
	before = atomic_load(&events_served);
	for (unsigned int i = 0; i < turns; i++)
		await_turn(w);
	assert_in_range(atomic_load(&events_served) - before, turns, 2 * turns - 1);
}

/* ---- the fake port ---- */

static inline size_t port_room(void *ctx)
{
	struct port *port = ctx;
	size_t room;

	pthread_mutex_lock(&port->lock);
	room = port->room;
	pthread_mutex_unlock(&port->lock);
	return room;
}

static inline void port_receive(void *ctx, const uint8_t *bytes, size_t len)
{
	struct port *port = ctx;

	pthread_mutex_lock(&port->lock);
	assert_true(len <= port->room);
	port->room -= len;
	memcpy(&port->in[port->nr_in], bytes, len);
	port->nr_in += len;
	pthread_mutex_unlock(&port->lock);
}

static inline void port_writable(void *ctx)
{
	struct port *port = ctx;

	atomic_fetch_add(&port->writables, 1);
}

static inline void attach_fake(struct world *w, size_t room)
{
	w->port.room = room;
	w->host->attach(w->host->ctx, &(struct chario_port){
					      .room = port_room,
					      .receive = port_receive,
					      .writable = port_writable,
					      .ctx = &w->port,
				      });
}

static inline void port_make_room(struct world *w, size_t room)
{
	pthread_mutex_lock(&w->port.lock);
	w->port.room = room;
	pthread_mutex_unlock(&w->port.lock);
	w->host->resume(w->host->ctx);
}

static inline size_t received(struct world *w)
{
	size_t n;

	pthread_mutex_lock(&w->port.lock);
	n = w->port.nr_in;
	pthread_mutex_unlock(&w->port.lock);
	return n;
}

static inline void forget_received(struct world *w)
{
	pthread_mutex_lock(&w->port.lock);
	w->port.nr_in = 0;
	pthread_mutex_unlock(&w->port.lock);
}

static inline void expect_input(struct world *w, const char *text)
{
	wait_until(received(w) >= strlen(text));
	assert_int_equal(received(w), strlen(text));
	assert_memory_equal(w->port.in, text, strlen(text));
}

/* Opens the console of `options`, with a fake port that takes `room` bytes, and runs it. */
static inline void run_console(struct world *w, size_t room)
{
	open_console(w);
	attach_fake(w, room);
	start(w);
}

#define console_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* For the group of tests. A hang is a failure, too. */
static inline int prepare_process(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	alarm(120);
	return 0;
}

#endif
