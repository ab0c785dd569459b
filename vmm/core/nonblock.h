/* SPDX-License-Identifier: MIT */
/*
 * File descriptors that must not block us, though they may be shared with other processes.
 *
 * O_NONBLOCK belongs to the open file description, so each process that inherited it would suffer
 * from it. So pipes and terminals are opened anew through /proc/self/fd, which gives a description
 * of our own; where that is not allowed (a terminal after su, say), the descriptor is polled first,
 * and then no more is written than cannot block.
 */
#ifndef CORE_NONBLOCK_H
#define CORE_NONBLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct nonblock {
	int fd;	    /* -1: there is none */
	bool owned; /* ours to close */
	bool is_tty;
	bool is_pipe;
	bool is_socket;
	size_t chunk; /* write no more at once */
	/*
	 * What epoll waits on: `fd`, or, where epoll refuses that because it is always ready (a
	 * regular file, /dev/null), an eventfd that is always ready, too. -1 without
	 * nonblock_make_waitable().
	 */
	int wait_fd;
};

#define NONBLOCK_NONE ((struct nonblock){.fd = -1, .wait_fd = -1})

/* `flags` is O_RDONLY or O_WRONLY; `inherited` stays open and untouched. 0 or -errno. */
int nonblock_adopt(struct nonblock *nb, int inherited, int flags);

/* Of a non-blocking descriptor of our own, which nonblock_close() closes. */
void nonblock_own(struct nonblock *nb, int fd);

/* Provides wait_fd, for an event loop. 0 or -errno. */
int nonblock_make_waitable(struct nonblock *nb);

void nonblock_close(struct nonblock *nb);

/* As read(2) and write(2), but never blocking: -EAGAIN instead. EINTR is not returned. */
ssize_t nonblock_read(const struct nonblock *nb, void *bytes, size_t len);
ssize_t nonblock_write(const struct nonblock *nb, const void *bytes, size_t len);

/* Writes until all is taken or it would block. The number of bytes taken, or -errno if not one was.
 */
ssize_t nonblock_write_some(const struct nonblock *nb, const void *bytes, size_t len);

/*
 * Writes everything and waits for that, but no longer than until `stop_fd` (-1: none) is readable:
 * for the end of a run. 0, -EINTR for that reason, or another -errno.
 */
int nonblock_write_whole(const struct nonblock *nb, const void *bytes, size_t len, int stop_fd);

/*
 * Waits until a write can be tried, or `stop_fd` (-1: none) is readable, at most `timeout_ms` (-1:
 * no limit). True if the write can be tried.
 */
bool nonblock_wait_writable(const struct nonblock *nb, int stop_fd, int timeout_ms);

#endif
