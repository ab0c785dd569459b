/* SPDX-License-Identifier: MIT */
/*
 * The console with the real serial port and a driver behind it: no byte is lost or changed while
 * both directions are full most of the time.
 */
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "devices/serial.h"
#include "devices/serial_regs.h"
#include "tests/unit/console_far_side.h"
#include "tests/unit/device_fixture.h"

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
	g.f.env.console = w->host;
	assert_int_equal(serial_create(&g.f.env, SERIAL_PORT, &g.serial), 0);
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

/*
 * Each volume is many times what there is to fill on the way: 4 KiB in a pipe, a few hundred bytes
 * in 16-byte packets in a socket, 20 KiB in a pseudo-terminal.
 */
static void use_tiny_pipes(struct world *w)
{
	use_pipes(w);
	assert_true(fcntl(w->far_in, F_SETPIPE_SZ, 4096) > 0);
	assert_true(fcntl(w->far_out, F_SETPIPE_SZ, 4096) > 0);
	open_console(w);
}

static void a_polling_driver_loses_nothing(void **state)
{
	struct world *w = *state;

	use_tiny_pipes(w);
	transfer(w, 32 << 10, guest_that_polls);
}

static void an_interrupt_driven_driver_loses_nothing_and_never_stalls(void **state)
{
	struct world *w = *state;

	use_tiny_pipes(w);
	transfer(w, 128 << 10, guest_with_interrupts);
}

static void nothing_is_lost_over_a_socket(void **state)
{
	struct world *w = *state;
	int size = 4096;

	use_socket(w);
	assert_int_equal(setsockopt(0, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	assert_int_equal(setsockopt(w->far_in, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	open_console(w);
	transfer(w, 32 << 10, guest_with_interrupts);
}

static void nothing_is_lost_over_a_pty(void **state)
{
	struct world *w = *state;
	char name[128];

	use_pty(w, name, sizeof(name));
	reach(w, name);
	transfer(w, 64 << 10, guest_with_interrupts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		console_test(a_polling_driver_loses_nothing),
		console_test(an_interrupt_driven_driver_loses_nothing_and_never_stalls),
		console_test(nothing_is_lost_over_a_socket),
		console_test(nothing_is_lost_over_a_pty),
	};

	return cmocka_run_group_tests(tests, prepare_process, NULL);
}
