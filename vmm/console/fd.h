/* SPDX-License-Identifier: MIT */
/*
 * File descriptors that must not block us, though they may be shared with other processes.
 *
 * O_NONBLOCK belongs to the open file description, which whoever else inherited it would suffer
 * from. So pipes and terminals are opened anew through /proc/self/fd, which gives a description of
 * our own; where that is not allowed (a terminal after su, say), the descriptor is polled first,
 * and then no more is written than cannot block.
 */
#ifndef VMM_CONSOLE_FD_H
#define VMM_CONSOLE_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct console_fd {
	int fd;	    /* -1: there is none */
	bool owned; /* ours to close */
	bool is_tty;
	bool is_pipe;
	bool is_socket;
	size_t chunk; /* write no more at once */
	/*
	 * What epoll waits on: `fd`, or, where epoll refuses that because it is always ready (a
	 * regular file, /dev/null), an eventfd that is always ready, too.
	 */
	int wait_fd;
};

#define CONSOLE_FD_NONE ((struct console_fd){.fd = -1, .wait_fd = -1})

/* `flags` is O_RDONLY or O_WRONLY; `inherited` stays open and untouched. 0 or -errno. */
int console_fd_adopt(struct console_fd *cfd, int inherited, int flags);

/* A non-blocking descriptor of our own, which console_fd_close() closes. 0 or -errno. */
int console_fd_own(struct console_fd *cfd, int fd);

void console_fd_close(struct console_fd *cfd);

/* As read(2) and write(2), but never blocking: -EAGAIN instead. EINTR is not returned. */
ssize_t console_fd_read(const struct console_fd *cfd, void *bytes, size_t len);
ssize_t console_fd_write(const struct console_fd *cfd, const void *bytes, size_t len);

#endif
