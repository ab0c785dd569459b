/* SPDX-License-Identifier: MIT */
/*
 * The TAP behind --net. Making interfaces takes root and /dev/net/tun; those
 * tests run in a network namespace of their own, and say so where they cannot.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "virtio/tap.h"
#include "vmm/core/array.h"

#define WAIT_MS 5000

#define assert_says(err, part) assert_non_null(strstr((err)->text, part))

/* A namespace for this program alone, so that it leaves nothing and sees nothing of the host's. */
static bool enter_namespace(void)
{
	if (geteuid() == 0 && unshare(CLONE_NEWNET) == 0 &&
	    access("/dev/net/tun", R_OK | W_OK) == 0)
		return true;
	print_message("no TAP here: it takes root and /dev/net/tun\n");
	return false;
}

#define need_tap()                      \
	do {                            \
		if (!enter_namespace()) \
			skip();         \
	} while (0)

static int open_tap(struct tap *tap, const char *ifname, struct err *err)
{
	struct tap_options options = {0};

	strcpy(options.ifname, ifname);
	return tap_open(tap, &options, err);
}

static short get_flags(const char *ifname)
{
	struct ifreq ifr = {0};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strcpy(ifr.ifr_name, ifname);
	assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &ifr), 0);
	close(fd);
	return ifr.ifr_flags;
}

static void set_flags(const char *ifname, short flags)
{
	struct ifreq ifr = {0};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strcpy(ifr.ifr_name, ifname);
	ifr.ifr_flags = flags;
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
	close(fd);
}

/* As "ip tuntap add": an interface of that kind that stays, here as long as the namespace. */
static void make_persistent(const char *ifname, int flags)
{
	struct ifreq ifr = {.ifr_flags = (short)flags};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	strcpy(ifr.ifr_name, ifname);
	assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
	assert_int_equal(ioctl(fd, TUNSETPERSIST, 1), 0);
	close(fd);
}

static void a_tap_of_ours_is_up_and_goes_with_us(void **state)
{
	static const char *const names[] = {"vm7", ""};
	struct tap tap;
	struct err err;

	(void)state;
	need_tap();
	for (size_t i = 0; i < NR_OF(names); i++) {
		assert_int_equal(open_tap(&tap, names[i], &err), 0);
		assert_true(tap.created);
		if (names[i][0] != '\0')
			assert_string_equal(tap.ifname, names[i]);
		else
			assert_int_equal(strncmp(tap.ifname, "tap", 3), 0);
		assert_int_not_equal(if_nametoindex(tap.ifname), 0);
		assert_true(get_flags(tap.ifname) & IFF_UP);
		assert_int_equal(tap.offloads,
				 TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN);
		assert_true(fcntl(tap.fd, F_GETFL) & O_NONBLOCK);
		assert_true(fcntl(tap.fd, F_GETFD) & FD_CLOEXEC);
		tap_close(&tap);
		assert_int_equal(tap.fd, -1);
		assert_int_equal(if_nametoindex(tap.ifname), 0);
	}
}

static void a_tap_that_is_there_is_left_as_it_is(void **state)
{
	struct tap tap;
	struct err err;

	(void)state;
	need_tap();
	make_persistent("mine", IFF_TAP | IFF_NO_PI);
	assert_int_equal(open_tap(&tap, "mine", &err), 0);
	assert_false(tap.created);
	assert_false(get_flags("mine") & IFF_UP);
	assert_false(tap_link_is_up(&tap));
	tap_close(&tap);
	assert_int_not_equal(if_nametoindex("mine"), 0);
}

static void the_mac_is_the_one_given_or_a_local_one(void **state)
{
	struct tap_options options = {
		.mac_given = true,
		.mac = {0x52, 0x54, 0, 0x12, 0x34, 0x56},
	};
	struct tap first, second;
	struct err err;

	(void)state;
	need_tap();
	assert_int_equal(tap_open(&first, &options, &err), 0);
	assert_memory_equal(first.mac, options.mac, TAP_MAC_BYTES);
	tap_close(&first);
	assert_int_equal(open_tap(&first, "", &err), 0);
	assert_int_equal(open_tap(&second, "", &err), 0);
	assert_int_equal(first.mac[0] & 3, 2); /* unicast, locally administered */
	assert_memory_not_equal(first.mac, second.mac, TAP_MAC_BYTES);
	tap_close(&first);
	tap_close(&second);
}

static void says_why_an_interface_cannot_be_had(void **state)
{
	struct tap tap, other;
	struct err err;

	(void)state;
	need_tap();
	assert_int_equal(open_tap(&tap, "busy", &err), 0);
	assert_int_equal(open_tap(&other, "busy", &err), -EBUSY);
	assert_int_equal(strncmp(err.text, "--net tap=busy: ", 16), 0);
	assert_says(&err, "in use by another program");
	assert_int_equal(other.fd, -1);
	tap_close(&tap);

	assert_int_equal(open_tap(&tap, "lo", &err), -EINVAL);
	assert_says(&err, "--net tap=lo: not a TAP of one queue");
	make_persistent("tunnel", IFF_TUN | IFF_NO_PI);
	assert_int_equal(open_tap(&tap, "tunnel", &err), -EINVAL);
	assert_says(&err, "not a TAP of one queue");
	make_persistent("queues", IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE);
	assert_int_equal(open_tap(&tap, "queues", &err), -EINVAL);
	assert_says(&err, "not a TAP of one queue");
}

/* Whether /dev/net/tun or the interface is out of reach, the remedy is in the message. */
static void says_what_an_ordinary_user_can_do(void **state)
{
	uid_t me = geteuid();
	struct tap tap;
	struct err err;
	int ret;

	(void)state;
	if (me == 0) {
		need_tap();
		assert_int_equal(seteuid(65534), 0);
	}
	ret = open_tap(&tap, "", &err);
	if (me == 0)
		assert_int_equal(seteuid(me), 0);
	if (ret == 0) {
		tap_close(&tap);
		print_message("this user may make TAPs\n");
		skip();
	}
	assert_int_equal(strncmp(err.text, "--net tap: ", 11), 0);
	if (ret == -EPERM)
		assert_says(&err, "run with CAP_NET_ADMIN, or let root make one");
	else if (ret == -EACCES)
		assert_says(&err, "cannot open /dev/net/tun: Permission denied; run as root");
	else
		assert_says(&err, "no /dev/net/tun; load it with \"modprobe tun\"");
}

static bool link_becomes(const struct tap *tap, bool up)
{
	struct pollfd pollfd = {.fd = tap->link_events, .events = POLLIN};

	while (tap_link_is_up(tap) != up) {
		if (poll(&pollfd, 1, WAIT_MS) <= 0)
			return false;
		tap_link_events_drain(tap);
	}
	return true;
}

static void link_changes_are_told(void **state)
{
	struct tap tap;
	struct err err;

	(void)state;
	need_tap();
	assert_int_equal(open_tap(&tap, "link", &err), 0);
	assert_true(link_becomes(&tap, true));
	set_flags("link", 0);
	assert_true(link_becomes(&tap, false));
	set_flags("link", IFF_UP);
	assert_true(link_becomes(&tap, true));
	tap_close(&tap);
}

static bool is_readable(const struct tap *tap)
{
	struct pollfd pollfd = {.fd = tap->link_events, .events = POLLIN};

	return poll(&pollfd, 1, 0) > 0;
}

/* A guest that makes its own interface change all the time must not keep the others busy. */
static void changes_of_other_interfaces_are_not_told(void **state)
{
	struct tap tap, other;
	struct err err;

	(void)state;
	need_tap();
	assert_int_equal(open_tap(&tap, "quiet", &err), 0);
	assert_int_equal(open_tap(&other, "busy", &err), 0);
	assert_true(link_becomes(&tap, true));
	tap_link_events_drain(&tap);
	tap_link_events_drain(&other);
	assert_false(is_readable(&tap));
	set_flags("busy", 0); /* announced before the ioctl returns */
	set_flags("busy", IFF_UP);
	assert_int_equal(tap_set_offloads(&other, TUN_F_CSUM), 0);
	make_persistent("another", IFF_TAP | IFF_NO_PI);
	assert_true(is_readable(&other));
	assert_false(is_readable(&tap));
	set_flags("quiet", 0);
	assert_true(is_readable(&tap));
	tap_close(&other);
	tap_close(&tap);
}

/* How many changes of interfaces the kernel has announced since the last look. */
static unsigned int announcements(int observer)
{
	char message[8192];
	unsigned int nr = 0;

	while (recv(observer, message, sizeof(message), MSG_DONTWAIT) >= 0)
		nr++;
	return nr;
}

static void offloads_that_are_on_are_not_set_again(void **state)
{
	struct sockaddr_nl addr = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
	struct tap tap;
	struct err err;
	int observer;

	(void)state;
	need_tap();
	make_persistent("kept", IFF_TAP | IFF_NO_PI);
	observer = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	assert_int_equal(bind(observer, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(open_tap(&tap, "kept", &err), 0);
	set_flags("kept", IFF_UP);
	(void)announcements(observer);
	for (int i = 0; i < 10; i++)
		assert_int_equal(tap_set_offloads(&tap, TUN_F_CSUM | TUN_F_TSO4), 0);
	assert_int_equal(announcements(observer), 1);
	assert_int_equal(tap_set_offloads(&tap, TUN_F_CSUM), 0);
	assert_int_equal(announcements(observer), 1);
	tap_close(&tap); /* an interface that stays is left without */
	assert_true(announcements(observer) >= 1);
	assert_int_equal(open_tap(&tap, "kept", &err), 0);
	(void)announcements(observer);
	assert_int_equal(tap_set_offloads(&tap, 0), 0);
	assert_int_equal(announcements(observer), 0);
	tap_close(&tap);
	close(observer);
}

/* As "ip link set NAME mtu MTU". */
static void set_mtu(const char *ifname, int mtu)
{
	struct ifreq ifr = {.ifr_mtu = mtu};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strcpy(ifr.ifr_name, ifname);
	assert_int_equal(ioctl(fd, SIOCSIFMTU, &ifr), 0);
	close(fd);
}

static void the_mtu_is_the_interfaces(void **state)
{
	static const uint16_t mtu[] = {68, 1280, 9000, 65521};
	struct tap tap;
	struct err err;

	(void)state;
	need_tap();
	assert_int_equal(open_tap(&tap, "", &err), 0);
	assert_int_equal(tap.mtu, 1500);
	tap_close(&tap);
	make_persistent("jumbo", IFF_TAP | IFF_NO_PI);
	for (size_t i = 0; i < NR_OF(mtu); i++) {
		set_mtu("jumbo", mtu[i]);
		assert_int_equal(open_tap(&tap, "jumbo", &err), 0);
		assert_int_equal(tap.mtu, mtu[i]);
		tap_close(&tap);
	}
}

/* A socket that sees and sends all that the interface does. */
static int packet_socket(const char *ifname)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(ifname),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

/* Reads packets until one is `want`, which others (IPv6 looks for routers) may come before. */
static bool reads_packet(int fd, const uint8_t *want, size_t len)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};
	uint8_t got[2048];

	while (poll(&pollfd, 1, WAIT_MS) > 0) {
		ssize_t n = read(fd, got, sizeof(got));

		if (n == (ssize_t)len && memcmp(got, want, len) == 0)
			return true;
	}
	return false;
}

static void packets_carry_a_header_of_twelve_bytes(void **state)
{
	uint8_t packet[sizeof(struct virtio_net_hdr_v1) + 60] = {0};
	uint8_t *frame = packet + sizeof(struct virtio_net_hdr_v1);
	struct tap tap;
	struct err err;
	int host;

	(void)state;
	need_tap();
	assert_int_equal(open_tap(&tap, "wire", &err), 0);
	host = packet_socket("wire");
	memset(frame, 0xff, ETH_ALEN);
	frame[12] = 0x88; /* 0x88b5: for experiments */
	frame[13] = 0xb5;
	for (size_t i = 14; i < 60; i++)
		frame[i] = (uint8_t)i;
	assert_int_equal(write(tap.fd, packet, sizeof(packet)), sizeof(packet));
	assert_true(reads_packet(host, frame, 60));
	frame[59] = 0;
	assert_int_equal(write(host, frame, 60), 60);
	assert_true(reads_packet(tap.fd, packet, sizeof(packet)));
	close(host);
	tap_close(&tap);
}

static void offloads_can_be_set_and_taken_back(void **state)
{
	static const uint32_t offloads[] = {
		TUN_F_CSUM,
		TUN_F_CSUM | TUN_F_TSO4,
		TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN,
		0,
	};
	struct tap tap;
	struct err err;

	(void)state;
	need_tap();
	assert_int_equal(open_tap(&tap, "", &err), 0);
	for (size_t i = 0; i < NR_OF(offloads); i++)
		assert_int_equal(tap_set_offloads(&tap, offloads[i]), 0);
	tap.offloads = 0; /* a kernel that agreed to nothing is not asked */
	assert_int_equal(tap_set_offloads(&tap, TUN_F_CSUM), 0);
	assert_int_equal(tap.offloads_on, 0);
	tap_close(&tap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tap_of_ours_is_up_and_goes_with_us),
		cmocka_unit_test(a_tap_that_is_there_is_left_as_it_is),
		cmocka_unit_test(the_mac_is_the_one_given_or_a_local_one),
		cmocka_unit_test(says_why_an_interface_cannot_be_had),
		cmocka_unit_test(says_what_an_ordinary_user_can_do),
		cmocka_unit_test(link_changes_are_told),
		cmocka_unit_test(changes_of_other_interfaces_are_not_told),
		cmocka_unit_test(offloads_that_are_on_are_not_set_again),
		cmocka_unit_test(the_mtu_is_the_interfaces),
		cmocka_unit_test(packets_carry_a_header_of_twelve_bytes),
		cmocka_unit_test(offloads_can_be_set_and_taken_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
