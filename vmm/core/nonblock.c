/* SPDX-License-Identifier: MIT */
/* File descriptors that must not block us: see the header. */
#include "vmm/core/nonblock.h"

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

#include "vmm/core/array.h"

/* Whether epoll takes `nb`; it refuses what is always ready. */
static bool epoll_takes(const struct nonblock *nb)
{
	struct epoll_event event = {0};
	bool taken;
	int epoll_fd;

	if (nb->is_tty || nb->is_pipe || nb->is_socket)
		return true;
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0)
		return true; /* the event loop will say what is wrong */
	taken = epoll_ctl(epoll_fd, EPOLL_CTL_ADD, nb->fd, &event) == 0 || errno != EPERM;
	close(epoll_fd);
	return taken;
}

int nonblock_make_waitable(struct nonblock *nb)
{
	nb->wait_fd = nb->fd;
	if (epoll_takes(nb))
		return 0;
	nb->wait_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	return nb->wait_fd < 0 ? -errno : 0;
}

int nonblock_adopt(struct nonblock *nb, int inherited, int flags)
{
	char path[32];
	struct stat st;
	int ret;

	*nb = NONBLOCK_NONE;
	if (fstat(inherited, &st) < 0)
		return -errno;
	nb->fd = inherited;
	nb->is_tty = isatty(inherited);
	nb->is_pipe = S_ISFIFO(st.st_mode);
	nb->is_socket = S_ISSOCK(st.st_mode);
	nb->chunk = SIZE_MAX;
	if (nb->is_tty || nb->is_pipe) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", inherited);
		ret = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (ret >= 0) {
			nb->fd = ret;
			nb->owned = true;
		} else {
			/* A pipe that polls writable takes PIPE_BUF bytes, a terminal one. */
			nb->chunk = nb->is_tty ? 1 : PIPE_BUF;
		}
	}
	return 0;
}

void nonblock_own(struct nonblock *nb, int fd)
{
	*nb = NONBLOCK_NONE;
	nb->fd = fd;
	nb->owned = true;
	nb->is_tty = isatty(fd);
	nb->chunk = SIZE_MAX;
}

void nonblock_close(struct nonblock *nb)
{
	if (nb->wait_fd >= 0 && nb->wait_fd != nb->fd)
		close(nb->wait_fd);
	if (nb->owned)
		close(nb->fd);
	*nb = NONBLOCK_NONE;
}

/* Whether `events` may be done without blocking. */
static bool is_ready(const struct nonblock *nb, short events)
{
	struct pollfd pollfd = {.fd = nb->fd, .events = events};

	/* Ours is non-blocking, and what epoll refuses is always ready. */
	if (nb->owned || nb->is_socket || (nb->wait_fd >= 0 && nb->wait_fd != nb->fd))
		return true;
	return poll(&pollfd, 1, 0) > 0;
}

ssize_t nonblock_read(const struct nonblock *nb, void *bytes, size_t len)
{
	ssize_t n;

	if (!is_ready(nb, POLLIN))
		return -EAGAIN;
	do
		n = nb->is_socket ? recv(nb->fd, bytes, len, MSG_DONTWAIT)
				  : read(nb->fd, bytes, len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

ssize_t nonblock_write(const struct nonblock *nb, const void *bytes, size_t len)
{
	ssize_t n;

	if (!is_ready(nb, POLLOUT))
		return -EAGAIN;
	if (len > nb->chunk)
		len = nb->chunk;
	do
		n = nb->is_socket ? send(nb->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL)
				  : write(nb->fd, bytes, len);
	while (n < 0 && errno == EINTR);
	if (n == 0 && len > 0) /* a terminal may say "not now" that way */
		return -EAGAIN;
	return n < 0 ? -errno : n;
}

ssize_t nonblock_write_some(const struct nonblock *nb, const void *bytes, size_t len)
{
	size_t taken = 0;

	while (taken < len) {
		ssize_t n = nonblock_write(nb, (const char *)bytes + taken, len - taken);

		if (n < 0)
			return taken > 0 ? (ssize_t)taken : n;
		taken += (size_t)n;
	}
	return (ssize_t)taken;
}

bool nonblock_wait_writable(const struct nonblock *nb, int stop_fd, int timeout_ms)
{
	struct pollfd pollfd[] = {{.fd = nb->fd, .events = POLLOUT},
				  {.fd = stop_fd, .events = POLLIN}};

	while (poll(pollfd, NR_OF(pollfd), timeout_ms) < 0)
		if (errno != EINTR)
			return false;
	return pollfd[1].revents == 0 && pollfd[0].revents != 0;
}

int nonblock_write_whole(const struct nonblock *nb, const void *bytes, size_t len, int stop_fd)
{
	while (len > 0) {
		ssize_t n = nonblock_write_some(nb, bytes, len);

		if (n > 0) {
			bytes = (const char *)bytes + n;
			len -= (size_t)n;
		} else if (n != -EAGAIN) {
			return (int)n;
		} else if (!nonblock_wait_writable(nb, stop_fd, -1)) {
			return -EINTR;
		}
	}
	return 0;
}
