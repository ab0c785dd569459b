/* SPDX-License-Identifier: MIT */
/* File descriptors that must not block us: see the header. */
#include "vmm/console/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether epoll takes `cfd`; it refuses what is always ready. */
static bool epoll_takes(const struct console_fd *cfd)
{
	struct epoll_event event = {0};
	bool taken;
	int epoll_fd;

	if (cfd->is_tty || cfd->is_pipe || cfd->is_socket)
		return true;
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0)
		return true; /* the event loop will say what is wrong */
	taken = epoll_ctl(epoll_fd, EPOLL_CTL_ADD, cfd->fd, &event) == 0 || errno != EPERM;
	close(epoll_fd);
	return taken;
}

static int set_wait_fd(struct console_fd *cfd)
{
	cfd->wait_fd = cfd->fd;
	if (epoll_takes(cfd))
		return 0;
	cfd->wait_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	return cfd->wait_fd < 0 ? -errno : 0;
}

int console_fd_adopt(struct console_fd *cfd, int inherited, int flags)
{
	char path[32];
	struct stat st;
	int ret;

	*cfd = CONSOLE_FD_NONE;
	if (fstat(inherited, &st) < 0)
		return -errno;
	cfd->fd = inherited;
	cfd->is_tty = isatty(inherited);
	cfd->is_pipe = S_ISFIFO(st.st_mode);
	cfd->is_socket = S_ISSOCK(st.st_mode);
	cfd->chunk = SIZE_MAX;
	if (cfd->is_tty || cfd->is_pipe) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", inherited);
		ret = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (ret >= 0) {
			cfd->fd = ret;
			cfd->owned = true;
		} else {
			/* A pipe that polls writable takes PIPE_BUF bytes, a terminal one. */
			cfd->chunk = cfd->is_tty ? 1 : PIPE_BUF;
		}
	}
	ret = set_wait_fd(cfd);
	if (ret < 0)
		console_fd_close(cfd);
	return ret;
}

int console_fd_own(struct console_fd *cfd, int fd)
{
	int ret;

	*cfd = CONSOLE_FD_NONE;
	cfd->fd = fd;
	cfd->owned = true;
	cfd->is_tty = isatty(fd);
	cfd->chunk = SIZE_MAX;
	ret = set_wait_fd(cfd);
	if (ret < 0)
		console_fd_close(cfd);
	return ret;
}

void console_fd_close(struct console_fd *cfd)
{
	if (cfd->wait_fd >= 0 && cfd->wait_fd != cfd->fd)
		close(cfd->wait_fd);
	if (cfd->owned)
		close(cfd->fd);
	*cfd = CONSOLE_FD_NONE;
}

/* Whether `events` may be done without blocking. */
static bool is_ready(const struct console_fd *cfd, short events)
{
	struct pollfd pollfd = {.fd = cfd->fd, .events = events};

	/* Ours is non-blocking, and what epoll refuses is always ready. */
	if (cfd->owned || cfd->is_socket || cfd->wait_fd != cfd->fd)
		return true;
	return poll(&pollfd, 1, 0) > 0;
}

ssize_t console_fd_read(const struct console_fd *cfd, void *bytes, size_t len)
{
	ssize_t n;

	if (!is_ready(cfd, POLLIN))
		return -EAGAIN;
	do
		n = cfd->is_socket ? recv(cfd->fd, bytes, len, MSG_DONTWAIT)
				   : read(cfd->fd, bytes, len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

ssize_t console_fd_write(const struct console_fd *cfd, const void *bytes, size_t len)
{
	ssize_t n;

	if (!is_ready(cfd, POLLOUT))
		return -EAGAIN;
	if (len > cfd->chunk)
		len = cfd->chunk;
	do
		n = cfd->is_socket ? send(cfd->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL)
				   : write(cfd->fd, bytes, len);
	while (n < 0 && errno == EINTR);
	if (n == 0 && len > 0) /* a terminal may say "not now" that way */
		return -EAGAIN;
	return n < 0 ? -errno : n;
}
