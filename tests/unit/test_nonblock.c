/* SPDX-License-Identifier: MIT */
/* Descriptors of others that must not block: what each kind becomes, and each answer of the host.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/refusing_host.h"
#include "vmm/core/array.h"
#include "vmm/core/nonblock.h"

/* What the next calls of read(2) and write(2) return: bytes, or -errno; then the kernel decides. */
static ssize_t answer[4];
static unsigned int nr_answers, nr_calls;
static bool refuse_open;

static void will_answer(ssize_t first, ssize_t second)
{
	answer[0] = first;
	answer[1] = second;
	nr_answers = 2;
	nr_calls = 0;
}

static bool answered(ssize_t *n)
{
	if (nr_calls >= nr_answers)
		return false;
	*n = answer[nr_calls++];
	if (*n < 0) {
		errno = (int)-*n;
		*n = -1;
	}
	return true;
}

ssize_t read(int fd, void *to, size_t len)
{
	ssize_t n;

	return answered(&n) ? n : syscall(SYS_read, fd, to, len);
}

ssize_t write(int fd, const void *from, size_t len)
{
	ssize_t n;

	return answered(&n) ? n : syscall(SYS_write, fd, from, len);
}

int open(const char *path, int flags, ...)
{
	if (refuse_open) {
		errno = EACCES;
		return -1;
	}
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, 0600);
}

/* ---- what there is ---- */

enum kind { PIPE, SOCKET, TERMINAL, NOTHING, REGULAR, NR_KINDS };

/* Two ends of it; the first is written to. */
static void make(enum kind kind, int end[2])
{
	int pair[2];

	switch (kind) {
	case PIPE:
		assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
		end[0] = pair[1];
		end[1] = pair[0];
		break;
	case SOCKET:
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, end), 0);
		break;
	case TERMINAL:
		end[1] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
		assert_true(end[1] >= 0);
		assert_int_equal(grantpt(end[1]), 0);
		assert_int_equal(unlockpt(end[1]), 0);
		end[0] = open(ptsname(end[1]), O_RDWR | O_NOCTTY | O_CLOEXEC);
		break;
	case NOTHING:
		end[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
		end[1] = dup(end[0]);
		break;
	default:
		end[0] = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC);
		end[1] = dup(end[0]);
	}
	assert_true(end[0] >= 0 && end[1] >= 0);
}

static void unmake(int end[2])
{
	close(end[0]);
	close(end[1]);
}

static void each_kind_is_known_and_left_as_it_is(void **state)
{
	static const struct {
		bool owned, is_tty, is_pipe, is_socket, waits_elsewhere;
	} cases[NR_KINDS] = {
		[PIPE] = {.owned = true, .is_pipe = true},    [SOCKET] = {.is_socket = true},
		[TERMINAL] = {.owned = true, .is_tty = true}, [NOTHING] = {.waits_elsewhere = true},
		[REGULAR] = {.waits_elsewhere = true},
	};

	(void)state;
	for (enum kind kind = 0; kind < NR_KINDS; kind++) {
		unsigned int inherited, before;
		struct nonblock nb;
		int end[2], flags;

		make(kind, end);
		before = open_descriptors(&inherited);
		flags = fcntl(end[0], F_GETFL);
		assert_int_equal(nonblock_adopt(&nb, end[0], O_WRONLY), 0);
		assert_int_equal(nb.owned, cases[kind].owned);
		assert_int_equal(nb.fd != end[0], cases[kind].owned);
		assert_int_equal(nb.is_tty, cases[kind].is_tty);
		assert_int_equal(nb.is_pipe, cases[kind].is_pipe);
		assert_int_equal(nb.is_socket, cases[kind].is_socket);
		assert_int_equal(nb.chunk, SIZE_MAX);
		assert_int_equal(nb.wait_fd, -1);
		assert_int_equal(nonblock_make_waitable(&nb), 0);
		assert_int_equal(nb.wait_fd != nb.fd, cases[kind].waits_elsewhere);
		if (cases[kind].waits_elsewhere) {
			struct pollfd pollfd = {.fd = nb.wait_fd, .events = POLLIN};
			eventfd_t count;

			assert_int_equal(poll(&pollfd, 1, 0), 1);
			assert_int_equal(fcntl(nb.wait_fd, F_GETFD), FD_CLOEXEC);
			assert_int_equal(eventfd_read(nb.wait_fd, &count), 0);
			assert_int_equal(count, 1);
			assert_true((fcntl(nb.wait_fd, F_GETFL) & O_NONBLOCK) != 0);
		}
		assert_int_equal(open_descriptors(&inherited),
				 before + cases[kind].owned + cases[kind].waits_elsewhere);
		nonblock_close(&nb);
		assert_int_equal(nb.fd, -1);
		assert_int_equal(open_descriptors(&inherited), before);
		assert_int_equal(fcntl(end[0], F_GETFL), flags);
		unmake(end);
	}
}

static void what_is_not_open_is_an_error(void **state)
{
	struct nonblock nb;

	(void)state;
	assert_int_equal(nonblock_adopt(&nb, 1000, O_WRONLY), -EBADF);
	assert_int_equal(nb.fd, -1);
}

static void without_room_for_what_is_waited_on_there_is_an_error(void **state)
{
	struct nonblock nb;
	int end[2];

	(void)state;
	make(REGULAR, end);
	assert_int_equal(nonblock_adopt(&nb, end[0], O_WRONLY), 0);
	refuse_in = 3; /* after an epoll(7) and its entry */
	assert_int_equal(nonblock_make_waitable(&nb), -EMFILE);
	assert_int_equal(refuse_in, 0);
	nb.wait_fd = -1;
	refuse_in = 1; /* no epoll(7) to try with: the event loop will say */
	assert_int_equal(nonblock_make_waitable(&nb), 0);
	assert_int_equal(nb.wait_fd, nb.fd);
	nonblock_close(&nb);
	unmake(end);
}

static void a_descriptor_of_our_own_is_closed(void **state)
{
	struct nonblock nb;
	int end[2];

	(void)state;
	memset(&nb, 0x55, sizeof(nb));
	make(TERMINAL, end);
	nonblock_own(&nb, end[0]);
	assert_int_equal(nb.fd, end[0]);
	assert_true(nb.owned && nb.is_tty);
	assert_false(nb.is_pipe || nb.is_socket);
	assert_int_equal(nb.wait_fd, -1);
	nonblock_close(&nb);
	assert_int_equal(fcntl(end[0], F_GETFD), -1);
	close(end[1]);
}

/* ---- where it cannot be opened anew ---- */

static void no_more_is_written_than_cannot_block(void **state)
{
	static char bytes[3 * PIPE_BUF];
	struct nonblock nb, reader;
	size_t taken = 0;
	ssize_t n;
	int end[2];

	(void)state;
	make(PIPE, end);
	refuse_open = true;
	assert_int_equal(nonblock_adopt(&nb, end[0], O_WRONLY), 0);
	assert_int_equal(nonblock_adopt(&reader, end[1], O_RDONLY), 0);
	refuse_open = false;
	assert_false(nb.owned);
	assert_int_equal(nonblock_read(&reader, bytes, sizeof(bytes)), -EAGAIN);
	assert_int_equal(nonblock_write(&nb, bytes, sizeof(bytes)), PIPE_BUF);
	assert_int_equal(nonblock_write(&nb, bytes, 5), 5);
	while ((n = nonblock_write(&nb, bytes, sizeof(bytes))) > 0)
		taken += (size_t)n;
	assert_int_equal(n, -EAGAIN);
	assert_true(taken > PIPE_BUF);
	assert_int_equal(nonblock_read(&reader, bytes, 3), 3);
	unmake(end);

	make(TERMINAL, end);
	refuse_open = true;
	assert_int_equal(nonblock_adopt(&nb, end[0], O_WRONLY), 0);
	refuse_open = false;
	assert_int_equal(nonblock_write(&nb, "abc", 3), 1);
	assert_int_equal(nonblock_write_some(&nb, "abc", 3), 3);
	unmake(end);
}

/* ---- answers ---- */

static void reads_and_writes_say_what_the_host_says(void **state)
{
	static const struct {
		ssize_t first, second, ret;
	} writes[] = {{3, 0, 3},	   {-EINTR, 2, 2},
		      {0, 0, -EAGAIN},	   {-EAGAIN, 0, -EAGAIN},
		      {-EPIPE, 0, -EPIPE}, {-EINTR, -EIO, -EIO}},
	  reads[] = {{3, 0, 3},	      {-EINTR, 2, 2}, {0, 0, 0}, {-EAGAIN, 0, -EAGAIN},
		     {-EIO, 0, -EIO}, {-EINTR, 0, 0}};
	struct nonblock nb;
	char bytes[3];
	int end[2];

	(void)state;
	make(PIPE, end);
	assert_int_equal(nonblock_adopt(&nb, end[0], O_WRONLY), 0);
	for (size_t i = 0; i < NR_OF(writes); i++) {
		will_answer(writes[i].first, writes[i].second);
		errno = EINTR; /* of before: it says nothing about a call that works */
		assert_int_equal(nonblock_write(&nb, "abc", 3), writes[i].ret);
	}
	will_answer(0, 0);
	assert_int_equal(nonblock_write(&nb, "", 0), 0);
	for (size_t i = 0; i < NR_OF(reads); i++) {
		will_answer(reads[i].first, reads[i].second);
		errno = EINTR;
		assert_int_equal(nonblock_read(&nb, bytes, 3), reads[i].ret);
	}
	nr_answers = 0;
	nonblock_close(&nb);
	unmake(end);
}

static void what_was_taken_counts_before_what_went_wrong(void **state)
{
	struct nonblock nb;
	int end[2];

	(void)state;
	make(PIPE, end);
	assert_int_equal(nonblock_adopt(&nb, end[0], O_WRONLY), 0);
	will_answer(2, -EAGAIN);
	assert_int_equal(nonblock_write_some(&nb, "abcde", 5), 2);
	will_answer(2, 3);
	assert_int_equal(nonblock_write_some(&nb, "abcde", 5), 5);
	will_answer(-EIO, 0);
	assert_int_equal(nonblock_write_some(&nb, "abcde", 5), -EIO);
	nr_answers = 0;
	nonblock_close(&nb);
	unmake(end);
}

static void all_is_written_unless_it_is_stopped(void **state)
{
	static char filler[1 << 20];
	char got[8] = "";
	struct nonblock nb;
	int end[2], stop[2];

	(void)state;
	make(PIPE, end);
	make(PIPE, stop);
	assert_int_equal(nonblock_adopt(&nb, end[0], O_WRONLY), 0);
	/* Two pieces, and a wait that ends at once since there is room. */
	will_answer(-EAGAIN, -EINTR);
	assert_int_equal(nonblock_write_whole(&nb, "abcde", 5, stop[1]), 0);
	assert_int_equal(read(end[1], got, sizeof(got)), 5);
	assert_string_equal(got, "abcde");
	will_answer(-EIO, 0);
	assert_int_equal(nonblock_write_whole(&nb, "abcde", 5, stop[1]), -EIO);
	nr_answers = 0;
	assert_int_equal(nonblock_write_whole(&nb, "", 0, stop[1]), 0);
	assert_true(nonblock_wait_writable(&nb, -1, 0));
	assert_true(nonblock_wait_writable(&nb, stop[1], 0));

	assert_true(nonblock_write_some(&nb, filler, sizeof(filler)) > 0);
	assert_false(nonblock_wait_writable(&nb, stop[1], 0)); /* there is no room */
	assert_int_equal(write(stop[0], "", 1), 1);
	assert_int_equal(nonblock_write_whole(&nb, "abcde", 5, stop[1]), -EINTR);
	assert_int_equal(nonblock_write_some(&nb, "a", 1), -EAGAIN);
	assert_true(read(end[1], filler, sizeof(filler)) > 0);
	assert_false(nonblock_wait_writable(&nb, stop[1], 0)); /* room, but it is to stop */
	nonblock_close(&nb);
	unmake(end);
	unmake(stop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_is_known_and_left_as_it_is),
		cmocka_unit_test(what_is_not_open_is_an_error),
		cmocka_unit_test(without_room_for_what_is_waited_on_there_is_an_error),
		cmocka_unit_test(a_descriptor_of_our_own_is_closed),
		cmocka_unit_test(no_more_is_written_than_cannot_block),
		cmocka_unit_test(reads_and_writes_say_what_the_host_says),
		cmocka_unit_test(what_was_taken_counts_before_what_went_wrong),
		cmocka_unit_test(all_is_written_unless_it_is_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
