/* SPDX-License-Identifier: MIT */
/* Frames on a non-blocking descriptor; see wire.h. */
#include "guest/venue/wire.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WIRE_BUF_BYTES (sizeof(struct wire_head) + WIRE_FRAME_MAX)

int wire_init(struct wire *wire, int fd)
{
	*wire = (struct wire){.fd = fd, .buf = malloc(WIRE_BUF_BYTES)};
	return wire->buf != NULL ? 0 : -ENOMEM;
}

bool wire_receive(struct wire *wire)
{
	ssize_t n;

	if (wire->used > 0) {
		memmove(wire->buf, wire->buf + wire->used, wire->fill - wire->used);
		wire->fill -= wire->used;
		wire->used = 0;
	}
	/* A full buffer without a whole frame in it: the head's length is wrong. */
	if (wire->fill == WIRE_BUF_BYTES)
		return false;
	n = read(wire->fd, wire->buf + wire->fill, WIRE_BUF_BYTES - wire->fill);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	wire->fill += (size_t)n;
	return n > 0;
}

const void *wire_next(struct wire *wire, struct wire_head *head)
{
	const unsigned char *at = wire->buf + wire->used;
	size_t left = wire->fill - wire->used;

	if (left < sizeof(*head))
		return NULL;
	memcpy(head, at, sizeof(*head));
	if (head->length > WIRE_FRAME_MAX) {
		wire->used = 0;
		wire->fill = WIRE_BUF_BYTES;
		return NULL;
	}
	if (left - sizeof(*head) < head->length)
		return NULL;
	wire->used += sizeof(*head) + head->length;
	return at + sizeof(*head);
}

bool write_all(int fd, const void *data, size_t length)
{
	const unsigned char *at = data;

	while (length > 0) {
		ssize_t n = write(fd, at, length);

		if (n >= 0) {
			at += n;
			length -= (size_t)n;
		} else if (errno == EAGAIN) {
			struct pollfd writable = {.fd = fd, .events = POLLOUT};

			poll(&writable, 1, -1);
		} else if (errno != EINTR) {
			return false;
		}
	}
	return true;
}

bool wire_send(struct wire *wire, enum wire_kind kind, const void *data, size_t length)
{
	struct {
		struct wire_head head;
		unsigned char data[WIRE_DATA_MAX];
	} frame = {.head = {.kind = kind, .length = (uint32_t)length}};

	if (length > WIRE_DATA_MAX)
		return length <= WIRE_FRAME_MAX &&
		       write_all(wire->fd, &frame.head, sizeof(frame.head)) &&
		       write_all(wire->fd, data, length);
	if (length > 0)
		memcpy(frame.data, data, length);
	return write_all(wire->fd, &frame, sizeof(frame.head) + length);
}

bool wire_can_send(const struct wire *wire)
{
	struct pollfd writable = {.fd = wire->fd, .events = POLLOUT};

	return poll(&writable, 1, 0) == 1 && (writable.revents & POLLOUT);
}
