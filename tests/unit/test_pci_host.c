/* SPDX-License-Identifier: MIT */
/* An empty PCI bus: what Linux's probe looks for is there, and nothing else is. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "devices/pci_host.h"
#include "tests/unit/device_fixture.h"
#include "vmm/core/array.h"

#define ADDRESS 0xcf8
#define DATA	0xcfc

struct world {
	struct fixture f;
	struct device *device;
};

static int create(void **state)
{
	static struct world world;

	fixture_init(&world.f);
	assert_int_equal(pci_host_create(&world.f.env, ADDRESS, &world.device), 0);
	*state = &world;
	return 0;
}

static int destroy(void **state)
{
	struct world *w = *state;

	device_destroy(w->device);
	return 0;
}

static uint32_t in(struct world *w, uint16_t port, unsigned int size)
{
	uint32_t value = 0;

	bus_read(&w->f.pio, port, &value, size, 1);
	return value;
}

static void out(struct world *w, uint16_t port, unsigned int size, uint32_t value)
{
	bus_write(&w->f.pio, port, &value, size, 1);
}

static uint32_t read_config(struct world *w, uint32_t function, unsigned int reg, unsigned int size)
{
	out(w, ADDRESS, 4, 0x80000000 | function << 8 | (reg & ~3u));
	return in(w, (uint16_t)(DATA + (reg & 3)), size);
}

/* arch/x86/pci/direct.c, pci_check_type1() and pci_sanity_check(). */
static void linux_finds_mechanism_1_and_a_host_bridge(void **state)
{
	struct world *w = *state;
	uint32_t before;

	out(w, 0xcfb, 1, 1);
	before = in(w, ADDRESS, 4);
	out(w, ADDRESS, 4, 0x80000000);
	assert_int_equal(in(w, ADDRESS, 4), 0x80000000);
	assert_int_equal(read_config(w, 0, 0x0a, 2), 0x0600);
	out(w, ADDRESS, 4, before);
	assert_int_equal(in(w, ADDRESS, 4), before);
	assert_int_equal(before, 0);
}

static void the_bridge_has_ids_and_an_empty_header(void **state)
{
	static const struct {
		unsigned int reg, size;
		uint32_t value;
	} cases[] = {
		{0x00, 4, 0x00081b36}, {0x00, 2, 0x1b36}, {0x02, 2, 0x0008}, {0x01, 1, 0x1b},
		{0x08, 4, 0x06000000}, {0x0a, 2, 0x0600}, {0x0b, 1, 0x06},   {0x0e, 1, 0},
		{0x04, 4, 0},	       {0x10, 4, 0},	  {0x34, 1, 0},	     {0xfc, 4, 0},
	};
	struct world *w = *state;

	for (size_t i = 0; i < NR_OF(cases); i++)
		assert_int_equal(read_config(w, 0, cases[i].reg, cases[i].size), cases[i].value);
}

static void no_other_function_is_there(void **state)
{
	struct world *w = *state;

	for (uint32_t function = 1; function < 0x10000; function++)
		assert_int_equal(read_config(w, function, 0, 4), UINT32_MAX);
	out(w, ADDRESS, 4, 0); /* not enabled */
	assert_int_equal(in(w, DATA, 4), UINT32_MAX);
}

static void the_header_is_read_only(void **state)
{
	struct world *w = *state;

	for (unsigned int reg = 0; reg < 0x100; reg += 4) {
		uint32_t before = read_config(w, 0, reg, 4);

		out(w, DATA, 4, ~before);
		assert_int_equal(read_config(w, 0, reg, 4), before);
	}
}

/* 3.2.2.3.2: only a full dword reaches the address; 0xcf9 is a reset register on other machines. */
static void narrow_accesses_to_the_address_do_nothing(void **state)
{
	struct world *w = *state;

	out(w, ADDRESS, 4, 0xffffffff);
	assert_int_equal(in(w, ADDRESS, 4), 0x80fffffc); /* without the reserved bits */
	for (uint16_t port = ADDRESS; port < DATA; port++) {
		out(w, port, 1, 0x0e);
		assert_int_equal(in(w, port, 1), 0xff);
	}
	out(w, ADDRESS, 2, 0);
	assert_int_equal(in(w, ADDRESS, 4), 0x80fffffc);
	assert_int_equal(w->f.ends, 0);
	assert_int_equal(in(w, DATA + 3, 4) & 0xff, 0xff); /* crosses the end */
}

static void a_place_is_taken_once(void **state)
{
	struct world *w = *state;

	assert_int_equal(pci_host_create(&w->f.env, ADDRESS, NULL), -EEXIST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(linux_finds_mechanism_1_and_a_host_bridge, create,
						destroy),
		cmocka_unit_test_setup_teardown(the_bridge_has_ids_and_an_empty_header, create,
						destroy),
		cmocka_unit_test_setup_teardown(no_other_function_is_there, create, destroy),
		cmocka_unit_test_setup_teardown(the_header_is_read_only, create, destroy),
		cmocka_unit_test_setup_teardown(narrow_accesses_to_the_address_do_nothing, create,
						destroy),
		cmocka_unit_test_setup_teardown(a_place_is_taken_once, create, destroy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
