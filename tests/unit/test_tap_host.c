/* SPDX-License-Identifier: MIT */
/* What --net tap makes of the host's answers: each system call that it asks is wrapped. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "virtio/tap.h"
#include "vmm/core/array.h"

/* What is asked of the host, in this order. */
enum call {
	OPEN,
	SETIFF,
	HEADER_BYTES,
	OFFLOAD,     /* fails without an error: then there are none */
	OFFLOAD_OFF, /* the second time */
	FLAGS_SOCKET,
	GET_FLAGS,
	SET_FLAGS,
	MTU_SOCKET,
	GET_MTU,
	NETLINK,
	FILTER,
	BIND,
	RANDOM,
	GET_NAME, /* later, in use */
	NR_CALLS,
};

static struct {
	enum call refused;
	int error;
	unsigned int nr[NR_CALLS];
	short flags, flags_set;
	int mtu;
	bool exists;
	uint8_t random;
	int recv_error[80];
	unsigned int nr_recv;
	uint32_t offloads;
} host;

static bool answers(enum call call)
{
	host.nr[call]++;
	if (call != host.refused)
		return true;
	errno = host.error;
	return false;
}

static int new_fd(void)
{
	return (int)syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
}

int open(const char *path, int flags, ...)
{
	assert_string_equal(path, "/dev/net/tun");
	assert_int_equal(flags, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return answers(OPEN) ? new_fd() : -1;
}

int socket(int domain, int type, int protocol)
{
	(void)protocol;
	assert_true((type & SOCK_CLOEXEC) != 0);
	if (domain == AF_NETLINK)
		return answers(NETLINK) ? new_fd() : -1;
	/* For the flags first, of an interface that was just made. */
	return answers(host.nr[FLAGS_SOCKET] == 0 && !host.exists ? FLAGS_SOCKET : MTU_SOCKET)
		       ? new_fd()
		       : -1;
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	(void)fd, (void)level, (void)name, (void)value, (void)size;
	return answers(FILTER) ? 0 : -1;
}

int bind(int fd, const struct sockaddr *addr, socklen_t size)
{
	(void)fd, (void)addr, (void)size;
	return answers(BIND) ? 0 : -1;
}

ssize_t getrandom(void *to, size_t len, unsigned int flags)
{
	assert_int_equal(flags, 0);
	if (!answers(RANDOM))
		return -1;
	memset(to, host.random, len);
	return (ssize_t)len;
}

unsigned int if_nametoindex(const char *name)
{
	(void)name;
	return host.exists || host.nr[SETIFF] > 0 ? 7 : 0;
}

ssize_t recv(int fd, void *to, size_t len, int flags)
{
	(void)fd, (void)to, (void)flags;
	assert_true(host.nr_recv < NR_OF(host.recv_error));
	errno = host.recv_error[host.nr_recv++];
	return errno != 0 ? -1 : (ssize_t)len;
}

static int answer_ioctl(enum call call)
{
	return answers(call) ? 0 : -1;
}

int ioctl(int fd, unsigned long request, ...)
{
	struct ifreq *ifr;
	va_list args;
	void *to;

	(void)fd;
	va_start(args, request);
	to = va_arg(args, void *);
	va_end(args);
	ifr = to;
	switch (request) {
	case TUNSETIFF:
		assert_int_equal(ifr->ifr_flags, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
		if (ifr->ifr_name[0] == '\0')
			strcpy(ifr->ifr_name, "tap7");
		return answer_ioctl(SETIFF);
	case TUNGETIFF: /* it has been renamed meanwhile */
		strcpy(ifr->ifr_name, "tap7");
		return answer_ioctl(GET_NAME);
	case TUNSETVNETHDRSZ:
		assert_int_equal(*(int *)to, 12);
		return answer_ioctl(HEADER_BYTES);
	case TUNSETOFFLOAD:
		if (!answers(host.nr[OFFLOAD] == 0 ? OFFLOAD : OFFLOAD_OFF))
			return -1;
		host.offloads = (uint32_t)(uintptr_t)to;
		return 0;
	case SIOCGIFFLAGS:
		assert_string_equal(ifr->ifr_name, "tap7");
		ifr->ifr_flags = host.flags;
		return answer_ioctl(GET_FLAGS);
	case SIOCSIFFLAGS:
		assert_string_equal(ifr->ifr_name, "tap7");
		host.flags_set = ifr->ifr_flags;
		return answer_ioctl(SET_FLAGS);
	case SIOCGIFMTU:
		assert_string_equal(ifr->ifr_name, "tap7");
		ifr->ifr_mtu = host.mtu;
		return answer_ioctl(GET_MTU);
	}
	fail_msg("ioctl %lx", request);
	return -1;
}

static unsigned int open_descriptors(void)
{
	unsigned int nr = 0;

	for (int fd = 0; fd < 256; fd++)
		nr += fcntl(fd, F_GETFD) >= 0;
	return nr;
}

static void begin(enum call refused, int error)
{
	memset(&host, 0, sizeof(host));
	host.refused = refused;
	host.error = error;
	host.mtu = 1500;
	host.flags = IFF_BROADCAST;
	host.random = 0xff;
}

static const struct tap_options any_tap;
static struct err err;

static void what_is_refused_is_the_error_and_nothing_stays_open(void **state)
{
	static const struct {
		enum call refused;
		int error;
		const char *says;
	} cases[] = {
		{OPEN, ENOENT, "--net tap: no /dev/net/tun; load it"},
		{OPEN, ENODEV, "--net tap: no /dev/net/tun; load it"},
		{OPEN, ENXIO, "--net tap: no /dev/net/tun; load it"},
		{OPEN, EACCES, "cannot open /dev/net/tun: Permission denied; run as root"},
		{OPEN, EPERM, "cannot open /dev/net/tun: Operation not permitted; run as root"},
		{OPEN, EMFILE, "cannot open /dev/net/tun: Too many open files"},
		{SETIFF, EPERM, "no permission to create it; run with CAP_NET_ADMIN"},
		{SETIFF, EBUSY, "in use by another program"},
		{SETIFF, EINVAL, "cannot attach: Invalid argument"},
		{SETIFF, ENOSPC, "cannot attach: No space left on device"},
		{HEADER_BYTES, EINVAL, "cannot set it up: Invalid argument"},
		{OFFLOAD_OFF, EIO, "cannot set it up: Input/output error"},
		{FLAGS_SOCKET, ENOMEM, "cannot set it up: Cannot allocate memory"},
		{GET_FLAGS, ENODEV, "cannot set it up: No such device"},
		{SET_FLAGS, EPERM, "cannot set it up: Operation not permitted"},
		{GET_MTU, ENODEV, "cannot set it up: No such device"},
		{NETLINK, EMFILE, "cannot set it up: Too many open files"},
		{FILTER, ENOMEM, "cannot set it up: Cannot allocate memory"},
		{BIND, EADDRINUSE, "cannot set it up: Address already in use"},
		{RANDOM, ENOSYS, "cannot set it up: Function not implemented"},
	};
	unsigned int before = open_descriptors();

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct tap tap;

		memset(&tap, 0x5a, sizeof(tap));
		begin(cases[i].refused, cases[i].error);
		if (tap_open(&tap, &any_tap, &err) != -cases[i].error)
			fail_msg("case %zu: not refused", i);
		if (strstr(err.text, cases[i].says) == NULL)
			fail_msg("\"%s\" is not in \"%s\"", cases[i].says, err.text);
		assert_int_equal(open_descriptors(), before);
		/* What was to be asked later has not been. */
		for (unsigned int call = cases[i].refused + 1u; call < NR_CALLS; call++)
			if (call != MTU_SOCKET)
				assert_int_equal(host.nr[call], 0);
	}
}

static void a_tap_that_is_there_is_named_in_what_helps(void **state)
{
	const struct tap_options named = {.ifname = "tap7"};
	struct tap tap;

	(void)state;
	begin(SETIFF, EPERM);
	assert_int_equal(tap_open(&tap, &named, &err), -EPERM);
	assert_non_null(strstr(err.text, "--net tap=tap7: no permission"));
	assert_non_null(strstr(err.text, "ip tuntap add tap7 mode tap"));
	begin(SETIFF, EPERM);
	host.exists = true;
	assert_int_equal(tap_open(&tap, &named, &err), -EPERM);
	assert_non_null(strstr(err.text, "belongs to another user"));
	assert_non_null(strstr(err.text, "ip tuntap add NAME mode tap"));
	begin(SETIFF, EPERM);
	assert_int_equal(tap_open(&tap, &any_tap, &err), -EPERM);
	assert_non_null(strstr(err.text, "ip tuntap add NAME mode tap"));
	begin(SETIFF, EINVAL);
	host.exists = true;
	assert_int_equal(tap_open(&tap, &named, &err), -EINVAL);
	assert_non_null(strstr(err.text, "not a TAP of one queue"));
}

static void only_a_tap_of_our_own_is_set_up(void **state)
{
	const struct tap_options named = {.ifname = "tap7"};
	struct tap tap;

	(void)state;
	begin(NR_CALLS, 0);
	assert_int_equal(tap_open(&tap, &any_tap, &err), 0);
	assert_true(tap.created);
	assert_string_equal(tap.ifname, "tap7");
	assert_int_equal(host.flags_set, IFF_BROADCAST | IFF_UP);
	assert_int_equal(tap.offloads, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN);
	assert_int_equal(host.offloads, 0); /* none before the guest has said what it takes */
	assert_int_equal(tap.mac[0], 0xfe); /* unicast, locally administered */
	assert_int_equal(tap.mac[5], 0xff);
	tap_close(&tap);

	begin(OFFLOAD, EINVAL);
	host.exists = true;
	host.random = 0;
	assert_int_equal(tap_open(&tap, &named, &err), 0);
	assert_false(tap.created);
	assert_int_equal(host.nr[SET_FLAGS], 0);
	assert_int_equal(tap.offloads, 0);
	assert_int_equal(tap.mac[0], 2);
	tap_close(&tap);
}

static void an_mtu_that_cannot_be_offered_is_none(void **state)
{
	static const struct {
		int mtu;
		uint16_t offered;
	} cases[] = {{0, 0}, {67, 0}, {68, 68}, {1500, 1500}, {65535, 65535}, {65536, 0}};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct tap tap;

		begin(NR_CALLS, 0);
		host.mtu = cases[i].mtu;
		assert_int_equal(tap_open(&tap, &any_tap, &err), 0);
		assert_int_equal(tap.mtu, cases[i].offered);
		tap_close(&tap);
	}
}

static void the_link_is_up_where_the_interface_runs(void **state)
{
	static const struct {
		short flags;
		enum call refused;
		int error;
		bool up;
	} cases[] = {
		{IFF_UP | IFF_RUNNING, NR_CALLS, 0, true},
		{IFF_UP, NR_CALLS, 0, false},
		{IFF_RUNNING, NR_CALLS, 0, false},
		{0, NR_CALLS, 0, false},
		{IFF_UP | IFF_RUNNING, GET_NAME, EBADFD, false}, /* it was deleted */
		{0, GET_FLAGS, ENODEV, true},			 /* it lives elsewhere now */
		{IFF_UP | IFF_RUNNING, GET_FLAGS, EPERM, false},
		{IFF_UP | IFF_RUNNING, FLAGS_SOCKET, EMFILE, false},
	};
	unsigned int before = open_descriptors();

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		const struct tap tap = {.ifname = "tap3"};

		begin(cases[i].refused, cases[i].error);
		host.flags = cases[i].flags;
		assert_int_equal(tap_link_is_up(&tap), cases[i].up);
		assert_int_equal(open_descriptors(), before);
	}
}

/* Until there are no more; events that were lost (ENOBUFS) are no end. */
static void link_events_are_read_until_there_are_none(void **state)
{
	static const struct {
		int recv_error[4];
		unsigned int nr;
	} cases[] = {{{EAGAIN}, 1}, {{0, EAGAIN}, 2}, {{ENOBUFS, 0, EAGAIN}, 3}};
	const struct tap tap = {.link_events = -1};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		begin(NR_CALLS, 0);
		memcpy(host.recv_error, cases[i].recv_error, sizeof(cases[i].recv_error));
		tap_link_events_drain(&tap);
		assert_int_equal(host.nr_recv, cases[i].nr);
	}
	begin(NR_CALLS, 0); /* an endless supply */
	tap_link_events_drain(&tap);
	assert_in_range(host.nr_recv, 8, 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_refused_is_the_error_and_nothing_stays_open),
		cmocka_unit_test(a_tap_that_is_there_is_named_in_what_helps),
		cmocka_unit_test(only_a_tap_of_our_own_is_set_up),
		cmocka_unit_test(an_mtu_that_cannot_be_offered_is_none),
		cmocka_unit_test(the_link_is_up_where_the_interface_runs),
		cmocka_unit_test(link_events_are_read_until_there_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
