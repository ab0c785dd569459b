/* SPDX-License-Identifier: MIT */
/*
 * A host that refuses the n-th thing that it is asked for: memory, a descriptor, an event-loop
 * entry. Only what the program under test calls by name is counted.
 */
#ifndef TESTS_UNIT_REFUSING_HOST_H
#define TESTS_UNIT_REFUSING_HOST_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

/* 0: refuses nothing; 1: the next one, and so on. The calling thread's own. */
static _Thread_local unsigned int refuse_in;
/* What the refused call has set `errno` to. */
static _Thread_local int refused_with;

static inline bool refuse(int error)
{
	if (refuse_in == 0 || --refuse_in > 0)
		return false;
	errno = error;
	refused_with = error;
	return true;
}

#ifdef __SANITIZE_ADDRESS__
#define REAL_CALLOC __interceptor_calloc
#else
#define REAL_CALLOC __libc_calloc
#endif
void *REAL_CALLOC(size_t nr, size_t size);

void *calloc(size_t nr, size_t size)
{
	return refuse(ENOMEM) ? NULL : REAL_CALLOC(nr, size);
}

/* 1: the next descriptor is 0, as for a process that was started without one; and so on. */
static _Thread_local unsigned int zero_in;

static inline int perhaps_zero(int fd)
{
	if (zero_in == 0 || --zero_in > 0)
		return fd;
	dup3(fd, 0, O_CLOEXEC);
	close(fd);
	return 0;
}

int eventfd(unsigned int count, int flags)
{
	return refuse(EMFILE) ? -1 : perhaps_zero((int)syscall(SYS_eventfd2, count, flags));
}

int epoll_create1(int flags)
{
	return refuse(ENFILE) ? -1 : perhaps_zero((int)syscall(SYS_epoll_create1, flags));
}

int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	/* Removing cannot fail for want of anything. */
	if (op != EPOLL_CTL_DEL && refuse(ENOSPC))
		return -1;
	return (int)syscall(SYS_epoll_ctl, epfd, op, fd, event);
}

/* The descriptors that this process has open; *inherited of them, a program that it starts has too.
 */
static inline unsigned int open_descriptors(unsigned int *inherited)
{
	unsigned int nr = 0;

	*inherited = 0;
	for (int fd = 0; fd < 1024; fd++) {
		int flags = fcntl(fd, F_GETFD);

		nr += flags >= 0;
		*inherited += flags >= 0 && (flags & FD_CLOEXEC) == 0;
	}
	return nr;
}

#endif
