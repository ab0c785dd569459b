/* SPDX-License-Identifier: MIT */
/* --net: its options. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "virtio/tap.h"
#include "vmm/core/array.h"

#define assert_says(err, part) assert_non_null(strstr((err)->text, part))

static void parses_what_the_user_asks_for(void **state)
{
	static const struct {
		const char *value, *ifname;
		bool mac_given;
		uint8_t mac[TAP_MAC_BYTES];
	} cases[] = {
		{"tap", "", false, {0}},
		{"tap=tap0", "tap0", false, {0}},
		{"tap=fifteen-letters", "fifteen-letters", false, {0}},
		{"tap,mac=52:54:00:12:34:56", "", true, {0x52, 0x54, 0, 0x12, 0x34, 0x56}},
		{"tap=a,mac=fE:dC:bA:98:76:54", "a", true, {0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54}},
		{"tap=a,mac=02:00:00:00:00:01,mac=02:00:00:00:00:02",
		 "a",
		 true,
		 {0x02, 0, 0, 0, 0, 0x02}},
	};
	struct tap_options options;
	struct err err;

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		assert_int_equal(tap_parse_options(cases[i].value, &options, &err), 0);
		assert_string_equal(options.ifname, cases[i].ifname);
		assert_int_equal(options.mac_given, cases[i].mac_given);
		assert_memory_equal(options.mac, cases[i].mac, TAP_MAC_BYTES);
	}
}

static void refuses_what_it_does_not_understand(void **state)
{
	static const struct {
		const char *value, *says;
	} cases[] = {
		{"", "unknown kind of network; use tap[=IFNAME]"},
		{"user", "unknown kind of network"},
		{"tap0", "unknown kind of network"},
		{"mac=52:54:00:12:34:56", "unknown kind of network"},
		{"tap,", "unknown \"\""},
		{"tap,mtu=9000", "unknown \"mtu\""},
		{"tap=", "cannot name an interface"},
		{"tap=sixteen-letters!", "cannot name an interface"},
		{"tap=a/b", "cannot name an interface"},
		{"tap=a:1", "cannot name an interface"},
		{"tap=tap%d", "cannot name an interface"},
		{"tap=a b", "cannot name an interface"},
		{"tap=..", "cannot name an interface"},
		{"tap,mac", "not an address; write it as mac=52:54:00:12:34:56"},
		{"tap,mac=", "not an address"},
		{"tap,mac=52:54:00:12:34", "not an address"},
		{"tap,mac=52:54:00:12:34:5", "not an address"},
		{"tap,mac=52:54:00:12:34:56:78", "not an address"},
		{"tap,mac=52-54-00-12-34-56", "not an address"},
		{"tap,mac=52:54:00:12:34:5g", "not an address"},
		{"tap,mac= 2:54:00:12:34:56", "not an address"},
		{"tap,mac=53:54:00:12:34:56", "multicast"},
		{"tap,mac=ff:ff:ff:ff:ff:ff", "multicast"},
		{"tap,mac=00:00:00:00:00:00", "empty"},
	};
	struct tap_options options;
	struct err err;

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		assert_int_equal(tap_parse_options(cases[i].value, &options, &err), -EINVAL);
		assert_int_equal(strncmp(err.text, "--net ", 6), 0);
		assert_says(&err, cases[i].value);
		assert_says(&err, cases[i].says);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_what_the_user_asks_for),
		cmocka_unit_test(refuses_what_it_does_not_understand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
