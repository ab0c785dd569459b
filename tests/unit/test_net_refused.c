/* SPDX-License-Identifier: MIT */
/* A virtio-net device that the host refuses something when its driver starts it. */
#include "tests/unit/net_fixture.h"
#include "tests/unit/refusing_host.h"

/* Link, own turn and TAP: what it watches. */
#define WATCHED 3

static void a_start_that_is_refused_waits_for_a_reset_and_may_work_then(void **state)
{
	struct machine *m = *state;
	unsigned int inherited, before;

	plug(m);
	before = open_descriptors(&inherited);
	for (unsigned int n = 1; n <= WATCHED; n++) {
		refuse_in = n;
		assert_false(fake_handshake(&m->g, ALL, 8));
		assert_int_equal(refuse_in, 0);
		assert_true((fake_status(&m->g) & VIRTIO_STATUS_NEEDS_RESET) != 0);
		fake_write32(&m->g, VIRTIO_MMIO_STATUS, 0);
		assert_int_equal(open_descriptors(&inherited), before);
	}
	/* What was watched before the refusal is not any more, or this would be refused: EEXIST. */
	refuse_in = WATCHED + 1;
	assert_true(fake_handshake(&m->g, ALL, 8));
	assert_int_equal(refuse_in, 1);
	refuse_in = 0;
	fake_guest_run_io(&m->g);
	assert_alive(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(a_start_that_is_refused_waits_for_a_reset_and_may_work_then),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
