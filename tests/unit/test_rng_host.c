/* SPDX-License-Identifier: MIT */
/* What the entropy device makes of getrandom(2)'s answers, which is wrapped. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <cmocka.h>

#include "tests/unit/fake_driver.h"
#include "virtio/rng.h"
#include "vmm/core/array.h"

#define ROOM	  4096u /* of the largest chain, and what one is given at most */
#define UNTOUCHED 0x55

/* What the next calls return: a number of bytes, or -errno. */
static ssize_t answer[4];
static unsigned int nr_calls;

ssize_t getrandom(void *to, size_t len, unsigned int flags)
{
	ssize_t n = answer[nr_calls];

	assert_true(nr_calls < NR_OF(answer));
	assert_int_equal(flags, 0); /* waits until the kernel has enough */
	nr_calls++;
	if (n < 0) {
		errno = (int)-n;
		return -1;
	}
	memset(to, 0xaa, (size_t)n);
	return n < (ssize_t)len ? n : (ssize_t)len;
}

static void a_chain_gets_as_many_bytes_as_the_host_gave(void **state)
{
	static const struct {
		ssize_t answer[NR_OF(answer)];
		uint32_t room, written;
		unsigned int nr_calls;
	} cases[] = {
		{{ROOM}, ROOM, ROOM, 1},
		{{100}, ROOM, 100, 1},
		{{1}, ROOM, 1, 1},
		{{0}, ROOM, 0, 1},
		{{-ENOSYS}, ROOM, 0, 1},
		{{-EINTR, ROOM}, ROOM, ROOM, 2},
		{{-EINTR, -EINTR, 300}, ROOM, 300, 3},
		{{-EINTR, -EIO}, ROOM, 0, 2},
	};
	struct fake_guest *g = calloc(1, sizeof(*g));
	struct vdev *vdev;

	(void)state;
	assert_non_null(g);
	fake_guest_init(g);
	assert_int_equal(rng_create(&g->env, &vdev), 0);
	fake_guest_plug(g, vdev);
	assert_true(fake_handshake(g, ~0ull, 8));
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct fake_buf buf = fake_in(g, cases[i].room);
		uint8_t bytes[ROOM];
		uint32_t written;
		uint16_t head;

		memset(bytes, UNTOUCHED, sizeof(bytes));
		fake_put(g, buf.at, bytes, sizeof(bytes));
		memcpy(answer, cases[i].answer, sizeof(answer));
		nr_calls = 0;
		errno = EINTR; /* of before: it says nothing about a call that works */
		fake_add(&g->vq[0], &buf, 1);
		fake_kick(&g->vq[0]);
		assert_true(fake_reap(&g->vq[0], &head, &written));
		assert_int_equal(written, cases[i].written);
		assert_int_equal(nr_calls, cases[i].nr_calls);
		fake_get(g, buf.at, bytes, sizeof(bytes));
		for (uint32_t k = 0; k < ROOM; k++)
			assert_int_equal(bytes[k], k < written ? 0xaa : UNTOUCHED);
	}
	fake_guest_fini(g);
	free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chain_gets_as_many_bytes_as_the_host_gave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
