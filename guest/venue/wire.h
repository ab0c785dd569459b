/* SPDX-License-Identifier: MIT */
/*
 * What the venue's two ends say to each other: the relay on the caller's machine, and the agent,
 *which is the first process of level 1. One stream of bytes, a virtio serial port, carries frames
 *in both directions: a head, then as many bytes as it says. Both ends run on x86, so numbers are as
 *they are in memory.
 *
 *	agent				relay
 *	HELLO			->
 *				<-	RUN		what to run
 *	STDOUT, STDERR		->
 *				<-	STDIN		an empty one is its end
 *	TAKEN			->			so many bytes of STDIN more may come
 *				<-	SIZE, SIGNAL, CLOSED
 *	ALIVE			->			now and then
 *	EXIT			->			the last one
 *
 * Neither end is a guest under test: the agent trusts the relay, and the relay only bounds lengths.
 */
#ifndef GUEST_VENUE_WIRE_H
#define GUEST_VENUE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_PORT_NAME "venue" /* of the virtio serial port */

/* One write to the port is one buffer of its ring if it is no longer than this, head included. */
#define WIRE_DATA_MAX 16384
/* RUN alone may be longer: it has the environment in it. */
#define WIRE_FRAME_MAX (1u << 20)
/* As much of STDIN may be under way. It is less than a socket holds, so the relay never waits. */
#define WIRE_STDIN_MAX 65536

enum wire_kind {
	WIRE_HELLO = 1,
	WIRE_RUN,    /* struct wire_run */
	WIRE_STDIN,  /* bytes */
	WIRE_SIZE,   /* struct wire_size */
	WIRE_SIGNAL, /* uint32_t: for the command's process group */
	WIRE_CLOSED, /* uint32_t: STDOUT or STDERR has no reader any more */
	WIRE_STDOUT, /* bytes */
	WIRE_STDERR, /* bytes */
	WIRE_TAKEN,  /* uint32_t */
	WIRE_ALIVE,
	WIRE_EXIT, /* uint32_t: an exit status, as a shell sees it */
};

struct wire_head {
	uint32_t kind;
	uint32_t length;
};

struct wire_size {
	uint16_t rows;
	uint16_t columns;
};

/* Before strings, each with its NUL: the directory, the arguments, the environment. */
struct wire_run {
	struct wire_size size;
	uint16_t has_terminal;	  /* stdin and stdout are one */
	uint16_t stderr_is_apart; /* and stderr is none */
	uint32_t alive_s;	  /* how often to say ALIVE; 0: never */
	uint32_t nr_args;
	uint32_t nr_env;
};

struct wire {
	int fd;
	size_t fill;
	size_t used;	    /* bytes of the frame that wire_next() gave last */
	unsigned char *buf; /* sizeof(struct wire_head) + WIRE_FRAME_MAX */
};

/* Takes over the descriptor, which has to be non-blocking. 0 or -ENOMEM. */
int wire_init(struct wire *wire, int fd);

/* Reads what is there. False at the end of the stream, or after an error of it. */
bool wire_receive(struct wire *wire);

/*
 * The next whole frame, or NULL. Its bytes, behind *head, stay until the next call. A head with a
 * wrong length gives NULL as well, and wire_receive() is false from then on.
 */
const void *wire_next(struct wire *wire, struct wire_head *head);

/* Writes a frame whole, waiting where it must. False if the stream is broken. */
bool wire_send(struct wire *wire, enum wire_kind kind, const void *data, size_t length);

/* True if a frame of at most WIRE_DATA_MAX bytes can be written without waiting. */
bool wire_can_send(const struct wire *wire);

/* Writes to any descriptor, waiting where it must. False if that fails. */
bool write_all(int fd, const void *data, size_t length);

#endif
