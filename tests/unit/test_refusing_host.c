/* SPDX-License-Identifier: MIT */
/*
 * What is created on a host that has no memory, no descriptor or no room left: the error is the
 * host's, and nothing stays behind. (The sanitizers see memory that does.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "devices/debug_exit.h"
#include "devices/debugcon.h"
#include "devices/i8042.h"
#include "devices/post.h"
#include "devices/power.h"
#include "devices/rtc.h"
#include "devices/serial.h"
#include "devices/timestamp.h"
#include "tests/unit/device_fixture.h"
#include "tests/unit/refusing_host.h"
#include "virtio/blk.h"
#include "virtio/mmio.h"
#include "virtio/net.h"
#include "virtio/rng.h"
#include "vmm/core/array.h"

#define PORT 0x70

struct world {
	struct fixture f;
	struct gmem mem;
	struct bus mmio;
	struct disk disk;
	struct tap tap;
};

/* A device of each kind; *made is what unmake() takes. */
typedef int (*make_fn)(struct world *w, void **made);

static int make_debug_exit(struct world *w, void **made)
{
	return debug_exit_create(&w->f.env, PORT, (struct device **)made);
}

static int make_debugcon(struct world *w, void **made)
{
	return debugcon_create(&w->f.env, PORT, (struct device **)made);
}

static int make_i8042(struct world *w, void **made)
{
	return i8042_create(&w->f.env, PORT, (struct device **)made);
}

static int make_post(struct world *w, void **made)
{
	return post_create(&w->f.env, PORT, (struct device **)made);
}

static int make_power(struct world *w, void **made)
{
	static const struct power_layout layout = {.port = PORT, .nr_ports = 3, .reset = 2};

	return power_create(&w->f.env, &layout, (struct device **)made);
}

static int make_rtc(struct world *w, void **made)
{
	return rtc_create(&w->f.env, PORT, (struct device **)made);
}

static int make_serial(struct world *w, void **made)
{
	return serial_create(&w->f.env, PORT, (struct device **)made);
}

static int make_timestamp(struct world *w, void **made)
{
	return timestamp_create(&w->f.env, PORT, (struct device **)made);
}

static void unmake_device(struct world *w, void *made)
{
	(void)w;
	device_destroy(made);
}

static int make_evloop(struct world *w, void **made)
{
	(void)w;
	return evloop_create((struct evloop **)made);
}

static void unmake_evloop(struct world *w, void *made)
{
	(void)w;
	evloop_destroy(made);
}

static int make_blk(struct world *w, void **made)
{
	return blk_create(&w->f.env, &w->disk, (struct vdev **)made);
}

static int make_net(struct world *w, void **made)
{
	return net_create(&w->f.env, &w->tap, (struct vdev **)made);
}

static int make_rng(struct world *w, void **made)
{
	return rng_create(&w->f.env, (struct vdev **)made);
}

static void unmake_vdev(struct world *w, void *made)
{
	(void)w;
	vdev_destroy(made);
}

/* As the machine makes it: the slot owns the device, also where the slot itself fails. */
static int make_slot(struct world *w, void **made)
{
	struct vdev *vdev;
	int ret = rng_create(&w->f.env, &vdev);

	if (ret != 0)
		return ret;
	return virtio_mmio_create(&w->f.env, gpa(0x1000), vdev, (struct device **)made);
}

static const struct {
	const char *name;
	make_fn make;
	void (*unmake)(struct world *w, void *made);
	unsigned int asks; /* how often it asks the host for something */
	unsigned int fds;  /* how many descriptors it has then */
	bool has_port;
} kinds[] = {
	{"debug-exit", make_debug_exit, unmake_device, 1, 0, true},
	{"debugcon", make_debugcon, unmake_device, 1, 0, true},
	{"i8042", make_i8042, unmake_device, 1, 0, true},
	{"post", make_post, unmake_device, 1, 0, true},
	{"power", make_power, unmake_device, 1, 0, true},
	{"rtc", make_rtc, unmake_device, 1, 0, true},
	{"serial", make_serial, unmake_device, 1, 0, true},
	{"timestamp", make_timestamp, unmake_device, 1, 0, true},
	{"evloop", make_evloop, unmake_evloop, 6, 3, false},
	{"virtio-blk", make_blk, unmake_vdev, 2, 1, false},
	{"virtio-net", make_net, unmake_vdev, 2, 1, false},
	{"virtio-rng", make_rng, unmake_vdev, 3, 1, false},
	{"virtio-mmio", make_slot, unmake_device, 4, 1, false},
};

static size_t swallow(void *ctx, const uint8_t *bytes, size_t len)
{
	(void)ctx, (void)bytes;
	return len;
}

static void attach_nothing(void *ctx, const struct chario_port *port)
{
	(void)ctx, (void)port;
}

static int setup(void **state)
{
	static const struct chario_host console = {.write = swallow, .attach = attach_nothing};
	static struct world w;

	memset(&w, 0, sizeof(w));
	fixture_init(&w.f);
	w.f.env.mem = &w.mem;
	w.f.env.console = &console;
	w.f.env.mmio = &w.mmio;
	w.disk = (struct disk){.fd = -1, .logical_bytes = 512, .physical_bytes = 512};
	w.tap.fd = -1;
	assert_int_equal(evloop_create(&w.f.env.loop), 0);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	evloop_destroy(w->f.env.loop);
	return 0;
}

static void whatever_is_refused_is_the_error_and_nothing_stays(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < NR_OF(kinds); i++) {
		unsigned int inherited, now_inherited;
		unsigned int before = open_descriptors(&inherited);
		void *made;
		int ret;

		for (unsigned int n = 1; n <= kinds[i].asks; n++) {
			refuse_in = n;
			ret = kinds[i].make(w, &made);
			if (ret != -refused_with || refuse_in != 0)
				fail_msg("%s, request %u: %d", kinds[i].name, n, ret);
			assert_int_equal(w->f.pio.nr_regions + w->mmio.nr_regions, 0);
			assert_int_equal(open_descriptors(&now_inherited), before);
		}
		refuse_in = kinds[i].asks + 1;
		assert_int_equal(kinds[i].make(w, &made), 0);
		assert_int_equal(refuse_in, 1); /* it asked no oftener */
		refuse_in = 0;
		assert_int_equal(open_descriptors(&now_inherited), before + kinds[i].fds);
		assert_int_equal(now_inherited, inherited);
		kinds[i].unmake(w, made);
		assert_int_equal(open_descriptors(&now_inherited), before);
		memset(&w->f.pio, 0, sizeof(w->f.pio));
		memset(&w->mmio, 0, sizeof(w->mmio));
	}
}

static void a_port_that_is_taken_is_the_error_and_nothing_stays(void **state)
{
	struct world *w = *state;
	static const struct bus_ops none;

	assert_int_equal(bus_add(&w->f.pio, PORT, 1, &none, NULL, "other"), 0);
	for (size_t i = 0; i < NR_OF(kinds); i++) {
		void *made;

		if (!kinds[i].has_port)
			continue;
		assert_int_equal(kinds[i].make(w, &made), -EEXIST);
		assert_int_equal(w->f.pio.nr_regions, 1);
	}
}

/* A process that was started without standard input gets it from the kernel. */
static void descriptor_0_is_as_good_as_any(void **state)
{
	struct world *w = *state;
	int in = dup(0);

	assert_true(in >= 0);
	for (size_t i = 0; i < NR_OF(kinds); i++) {
		for (unsigned int n = 1; n <= kinds[i].fds; n++) {
			void *made;

			zero_in = n;
			assert_int_equal(kinds[i].make(w, &made), 0);
			assert_int_equal(zero_in, 0);
			assert_true(fcntl(0, F_GETFD) >= 0);
			kinds[i].unmake(w, made);
			assert_int_equal(fcntl(0, F_GETFD), -1);
			assert_int_equal(dup2(in, 0), 0);
			memset(&w->mmio, 0, sizeof(w->mmio));
		}
	}
	close(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whatever_is_refused_is_the_error_and_nothing_stays,
						setup, teardown),
		cmocka_unit_test_setup_teardown(descriptor_0_is_as_good_as_any, setup, teardown),
		cmocka_unit_test_setup_teardown(a_port_that_is_taken_is_the_error_and_nothing_stays,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
