/* SPDX-License-Identifier: MIT */
/* A pseudo-terminal, after pty(7) and inotify(7): see the header. */
#include "vmm/console/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* How long pty_close() waits for the far side to read. */
#define CLOSE_STEP_NS 1000000
#define CLOSE_STEPS   500

/*
 * Makes the far side raw, so that the guest's output is not echoed back to it. The kernel reports
 * a far side that is closed (POLLHUP) only once it has been open: hence the close.
 */
static int prepare_far_side(const char *name)
{
	int fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios raw;
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (tcgetattr(fd, &raw) < 0) {
		ret = -errno;
	} else {
		cfmakeraw(&raw);
		if (tcsetattr(fd, TCSANOW, &raw) < 0)
			ret = -errno;
	}
	close(fd);
	return ret;
}

/* An inotify descriptor that becomes readable when `name` is opened. */
static int watch_opens(const char *name)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	if (inotify_add_watch(fd, name, IN_OPEN) < 0) {
		ret = -errno;
		close(fd);
		return ret;
	}
	return fd;
}

int pty_open(struct pty **pty)
{
	struct pty *p = calloc(1, sizeof(*p));
	int fd, ret;

	if (p == NULL)
		return -ENOMEM;
	fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		ret = -errno;
		goto free_pty;
	}
	nonblock_own(&p->master, fd);
	if (grantpt(fd) < 0 || unlockpt(fd) < 0) {
		ret = -errno;
		goto close_master;
	}
	ret = -ptsname_r(fd, p->name, sizeof(p->name));
	if (ret < 0)
		goto close_master;
	ret = prepare_far_side(p->name);
	if (ret < 0)
		goto close_master;
	ret = watch_opens(p->name);
	if (ret < 0)
		goto close_master;
	p->opened_fd = ret;
	*pty = p;
	return 0;

close_master:
	nonblock_close(&p->master);
free_pty:
	free(p);
	return ret;
}

/* Closing the master discards what the far side has not read yet. */
static void wait_for_reader(const struct pty *pty)
{
	static const struct timespec step = {.tv_nsec = CLOSE_STEP_NS};
	int fd = open(pty->name, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	int unread = 0;

	if (fd < 0)
		return;
	for (int i = 0; i < CLOSE_STEPS; i++) {
		if (ioctl(fd, FIONREAD, &unread) < 0 || unread == 0)
			break;
		nanosleep(&step, NULL);
	}
	close(fd);
}

void pty_close(struct pty *pty)
{
	if (pty == NULL)
		return;
	if (pty_is_attached(pty))
		wait_for_reader(pty);
	close(pty->opened_fd);
	nonblock_close(&pty->master);
	free(pty);
}

bool pty_is_attached(const struct pty *pty)
{
	struct pollfd pollfd = {.fd = pty->master.fd};

	return poll(&pollfd, 1, 0) == 0 || !(pollfd.revents & POLLHUP);
}

/* Appends to the ring of held bytes; the oldest make room. */
static void hold(struct pty *pty, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		pty->held[(pty->held_head + pty->held_len) % PTY_HELD_BYTES] = bytes[i];
		if (pty->held_len < PTY_HELD_BYTES)
			pty->held_len++;
		else
			pty->held_head = (pty->held_head + 1) % PTY_HELD_BYTES;
	}
}

bool pty_flush(struct pty *pty)
{
	while (pty->held_len > 0 && pty_is_attached(pty)) {
		size_t run = PTY_HELD_BYTES - pty->held_head;
		ssize_t n;

		if (run > pty->held_len)
			run = pty->held_len;
		n = nonblock_write(&pty->master, &pty->held[pty->held_head], run);
		if (n <= 0)
			return false;
		pty->held_head = (pty->held_head + (size_t)n) % PTY_HELD_BYTES;
		pty->held_len -= (size_t)n;
	}
	return true;
}

ssize_t pty_write(struct pty *pty, const uint8_t *bytes, size_t len)
{
	if (!pty_is_attached(pty)) {
		hold(pty, bytes, len);
		return (ssize_t)len;
	}
	if (!pty_flush(pty))
		return -EAGAIN;
	return nonblock_write(&pty->master, bytes, len);
}

void pty_opened(struct pty *pty)
{
	char events[sizeof(struct inotify_event) * 16];

	while (read(pty->opened_fd, events, sizeof(events)) > 0)
		continue;
}
