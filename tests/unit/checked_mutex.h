/* SPDX-License-Identifier: MIT */
/*
 * Mutexes that notice what glibc's do not: a thread that unlocks what it has not locked. So each
 * test of a device also tests that its lock is held where it is given back.
 */
#ifndef TESTS_UNIT_CHECKED_MUTEX_H
#define TESTS_UNIT_CHECKED_MUTEX_H

#include <assert.h>
#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	static int (*unlock)(pthread_mutex_t * mutex);

	if (unlock == NULL)
		*(void **)&unlock = dlsym(RTLD_NEXT, "pthread_mutex_unlock");
	assert(mutex->__data.__kind != PTHREAD_MUTEX_TIMED_NP || mutex->__data.__owner == gettid());
	return unlock(mutex);
}

#endif
