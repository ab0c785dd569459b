/* SPDX-License-Identifier: MIT */
/*
 * The way of what is typed: descriptor, escape sequences, port. All of it on the I/O thread.
 *
 * No more is read than the port has room for, so that what the guest does not want stays where it
 * is; except from a terminal, which is read ahead for the sake of the escape character.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "vmm/console/private.h"

#define ESCAPE 0x01 /* Ctrl-A */

static struct chario_port current_port(struct console *console)
{
	struct chario_port port;

	pthread_mutex_lock(&console->lock);
	port = console->port;
	pthread_mutex_unlock(&console->lock);
	return port;
}

static size_t port_room(struct console *console)
{
	struct chario_port port = current_port(console);

	return port.room != NULL ? port.room(port.ctx) : 0;
}

static void arm_input(struct console *console, bool arm)
{
	if (arm && !console->in_armed)
		evloop_add(console->loop, &console->in_source, EPOLLIN);
	else if (!arm && console->in_armed)
		evloop_remove(console->loop, &console->in_source);
	console->in_armed = arm;
}

static void push_input(struct console *console, uint8_t byte)
{
	size_t at = (console->input_head + console->input_len++) % CONSOLE_INPUT_BYTES;

	console->input[at] = byte;
}

/* What the user typed after Ctrl-A. */
static void run_escape(struct console *console, uint8_t byte)
{
	switch (byte) {
	case 'x':
		guest_end_report(&console->hooks.end, GUEST_END_CONSOLE, 0);
		break;
	case 'c':
		if (console->hooks.show_counters != NULL)
			console->hooks.show_counters(console->hooks.ctx);
		break;
	case ESCAPE:
		push_input(console, ESCAPE);
		break;
	default: /* not for us after all */
		push_input(console, ESCAPE);
		push_input(console, byte);
		break;
	}
}

static void take_input(struct console *console, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (console->escaped) {
			console->escaped = false;
			run_escape(console, bytes[i]);
		} else if (console->tty.fd >= 0 && bytes[i] == ESCAPE) {
			console->escaped = true;
		} else {
			push_input(console, bytes[i]);
		}
	}
}

/* Hands the port as much of what has been read as it has room for. */
static void deliver(struct console *console)
{
	struct chario_port port = current_port(console);

	while (console->input_len > 0) {
		size_t n = CONSOLE_INPUT_BYTES - console->input_head;
		size_t room = port.room != NULL ? port.room(port.ctx) : 0;

		if (room == 0)
			return;
		if (n > console->input_len)
			n = console->input_len;
		if (n > room)
			n = room;
		port.receive(port.ctx, &console->input[console->input_head], n);
		console->input_head = (console->input_head + n) % CONSOLE_INPUT_BYTES;
		console->input_len -= n;
	}
}

/* How much may be read now. An escape sequence gives back up to one byte more than was read. */
static size_t input_limit(struct console *console)
{
	size_t space = CONSOLE_INPUT_BYTES - 1 - console->input_len;
	size_t room;

	if (console->tty.fd >= 0)
		return tty_is_foreground(&console->tty) ? space : 0;
	room = port_room(console);
	return room < space ? room : space;
}

/* The end of input. Only a terminal that hangs up ends the guest. */
static void end_input(struct console *console, int error)
{
	arm_input(console, false);
	if (console->pty != NULL) /* without a reader; opened_ready() arms it again */
		return;
	console->in_ended = true;
	if (console->tty.fd >= 0)
		console_lose_far_side(console, error != 0 ? error : EIO);
	else if (error != 0)
		log_warn(console->log, "--console: cannot read standard input: %s",
			 strerror(error));
}

/* Reads once and delivers; waits for more unless the port is full, and then the port will tell. */
void console_pump_input(struct console *console)
{
	uint8_t bytes[4096];
	size_t limit;
	ssize_t n;

	deliver(console);
	if (console->in.fd < 0 || console->in_ended)
		return;
	limit = input_limit(console);
	if (limit == 0) {
		arm_input(console, false);
		return;
	}
	n = nonblock_read(&console->in, bytes, limit < sizeof(bytes) ? limit : sizeof(bytes));
	if (n == 0 || (n < 0 && n != -EAGAIN)) {
		end_input(console, (int)-n);
		return;
	}
	if (n > 0) {
		if (console->tty.fd >= 0)
			tty_note_input(&console->tty, bytes, (size_t)n);
		take_input(console, bytes, (size_t)n);
		deliver(console);
	}
	arm_input(console, input_limit(console) > 0);
}

void console_input_ready(void *ctx, uint32_t events)
{
	(void)events;
	console_pump_input(ctx);
}

void console_stop_input(struct console *console)
{
	arm_input(console, false);
}
