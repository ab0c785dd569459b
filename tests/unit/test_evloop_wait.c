/* SPDX-License-Identifier: MIT */
/* What the event loop makes of the answers of epoll_wait(2), which is wrapped. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/core/array.h"
#include "vmm/core/evloop.h"

/* What the next calls return: a number of events, or -errno; after them the kernel's answer. */
static int answer[4];
static unsigned int nr_calls;

int epoll_wait(int epfd, struct epoll_event *events, int max, int timeout_ms)
{
	unsigned int call = nr_calls++;

	if (call >= NR_OF(answer))
		return (int)syscall(SYS_epoll_wait, epfd, events, max, timeout_ms);
	if (answer[call] >= 0)
		return answer[call];
	errno = -answer[call];
	return -1;
}

static void only_an_error_that_lasts_ends_the_loop(void **state)
{
	static const struct {
		int answer[NR_OF(answer)];
		int ret;
		unsigned int nr_calls;
	} cases[] = {
		{{-EBADF}, -EBADF, 1},
		{{-EINTR, -EINVAL}, -EINVAL, 2},
		{{0, -EBADF}, -EBADF, 2},
		{{-EINTR, 0, -EINTR, -EPERM}, -EPERM, 4},
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct evloop *loop;

		assert_int_equal(evloop_create(&loop), 0);
		memcpy(answer, cases[i].answer, sizeof(answer));
		nr_calls = 0;
		assert_int_equal(evloop_run(loop), cases[i].ret);
		assert_int_equal(nr_calls, cases[i].nr_calls);
		evloop_destroy(loop);
	}
}

static unsigned int nr_ordinary, nr_urgent;

static void serve_ordinary(void *ctx, uint32_t events)
{
	(void)events;
	nr_ordinary++;
	evloop_stop(ctx);
}

static void serve_urgent(void *ctx, uint32_t events)
{
	(void)events;
	nr_urgent++;
	evloop_stop(ctx);
}

/* Also where it is the only one beside it, whichever came first. */
static void an_urgent_source_comes_before_a_single_other(void **state)
{
	(void)state;
	for (int urgent_first = 0; urgent_first < 2; urgent_first++) {
		struct ev_source source[2];
		struct evloop *loop;

		nr_calls = NR_OF(answer);
		nr_ordinary = nr_urgent = 0;
		assert_int_equal(evloop_create(&loop), 0);
		for (int i = 0; i < 2; i++) {
			bool urgent = i != urgent_first;

			source[i] = (struct ev_source){
				.fd = eventfd(1, EFD_CLOEXEC),
				.ready = urgent ? serve_urgent : serve_ordinary,
				.ctx = loop,
				.urgent = urgent,
			};
			assert_int_equal(evloop_add(loop, &source[i], EPOLLIN), 0);
		}
		assert_int_equal(evloop_run(loop), 0);
		assert_int_equal(nr_urgent, 1);
		assert_int_equal(nr_ordinary, 0);
		evloop_destroy(loop);
		close(source[0].fd);
		close(source[1].fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_an_error_that_lasts_ends_the_loop),
		cmocka_unit_test(an_urgent_source_comes_before_a_single_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
