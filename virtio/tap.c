/* SPDX-License-Identifier: MIT */
/*
 * A TAP interface of the host (Documentation/networking/tuntap.rst): options, attaching, offloads
 * and link state. Each packet carries a virtio-net header of 12 bytes, so that checksums and
 * segmentation that one side left to the other pass through unchanged.
 */
#include "virtio/tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_net.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/core/array.h"
#include "vmm/core/parse.h"

/* What a guest may ask for: checksums, and TCP segments of up to 64 KiB. */
#define TAP_OFFLOADS (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN)

#define LINK_EVENTS_AT_ONCE 64
#define MIN_MTU		    68 /* virtio 1.2, 5.1.4.1 */

/* ---- options ---- */

/* As the kernel's dev_valid_name(), but without '%', which it would replace by a number. */
static bool is_valid_ifname(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len < IFNAMSIZ && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
	       strpbrk(name, "/:% \t\n\v\f\r") == NULL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* "52:54:00:12:34:56", exactly. */
static bool scan_mac(const char *text, uint8_t mac[TAP_MAC_BYTES])
{
	for (unsigned int i = 0; i < TAP_MAC_BYTES; i++, text += 3) {
		int high = hex_digit(text[0]);
		int low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0 || text[2] != (i + 1 < TAP_MAC_BYTES ? ':' : '\0'))
			return false;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static int parse_mac(const char *text, struct tap_options *options, const char *whole,
		     struct err *err)
{
	static const uint8_t none[TAP_MAC_BYTES];

	if (text == NULL || !scan_mac(text, options->mac))
		return err_set(
			err, -EINVAL,
			"--net %s: mac=%s: not an address; write it as mac=52:54:00:12:34:56",
			whole, text != NULL ? text : "");
	if ((options->mac[0] & 1) != 0 || memcmp(options->mac, none, sizeof(none)) == 0)
		return err_set(err, -EINVAL,
			       "--net %s: mac=%s: an interface cannot have a multicast or empty "
			       "address; make the first byte even, for example 52",
			       whole, text);
	options->mac_given = true;
	return 0;
}

static int parse_parts(char *cursor, struct tap_options *options, const char *whole,
		       struct err *err)
{
	char *key, *value;
	int ret;

	if (!parse_suboption(&cursor, &key, &value) || strcmp(key, "tap") != 0)
		return err_set(err, -EINVAL,
			       "--net %s: unknown kind of network; use tap[=IFNAME][,mac=MAC]",
			       whole);
	if (value != NULL) {
		if (!is_valid_ifname(value))
			return err_set(err, -EINVAL,
				       "--net %s: \"%s\" cannot name an interface; use 1 to %d "
				       "characters without blanks, '/', ':' and '%%'",
				       whole, value, IFNAMSIZ - 1);
		memcpy(options->ifname, value, strlen(value) + 1);
	}
	while (parse_suboption(&cursor, &key, &value)) {
		if (strcmp(key, "mac") != 0)
			return err_set(err, -EINVAL,
				       "--net %s: unknown \"%s\"; after tap[=IFNAME] comes mac=MAC",
				       whole, key);
		ret = parse_mac(value, options, whole, err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

int tap_parse_options(const char *value, struct tap_options *options, struct err *err)
{
	char *copy = strdup(value);
	int ret;

	memset(options, 0, sizeof(*options));
	if (copy == NULL)
		return err_set(err, -ENOMEM, "--net %s: out of memory", value);
	ret = parse_parts(copy, options, value, err);
	free(copy);
	return ret;
}

/* ---- opening ---- */

/* These say what is wrong and what would help; tap_open() puts the option before it. */

static int open_failed(int error, struct err *err)
{
	switch (error) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return err_set(err, -error, "no /dev/net/tun; load it with \"modprobe tun\"");
	case EACCES:
	case EPERM:
		return err_set(err, -error,
			       "cannot open /dev/net/tun: %s; run as root, or let root give you "
			       "access to it",
			       strerror(error));
	}
	return err_set(err, -error, "cannot open /dev/net/tun: %s", strerror(error));
}

static int attach_failed(const char *ifname, bool exists, int error, struct err *err)
{
	switch (error) {
	case EPERM:
	case EACCES:
		return err_set(err, -error,
			       "%s; run with CAP_NET_ADMIN, or let root make one for you with \"ip "
			       "tuntap add %s mode tap user $USER\"",
			       exists ? "it belongs to another user" : "no permission to create it",
			       ifname[0] != '\0' && !exists ? ifname : "NAME");
	case EBUSY:
		return err_set(err, -error,
			       "in use by another program; end that one or take another name");
	case EINVAL:
		if (exists)
			return err_set(
				err, -error,
				"not a TAP of one queue; take another name, or make one with "
				"\"ip tuntap add NAME mode tap\"");
		break;
	}
	return err_set(err, -error, "cannot attach: %s", strerror(error));
}

static int attach(struct tap *tap, const struct tap_options *options, struct err *err)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	bool exists = options->ifname[0] != '\0' && if_nametoindex(options->ifname) != 0;

	memcpy(request.ifr_name, options->ifname, sizeof(request.ifr_name));
	if (ioctl(tap->fd, TUNSETIFF, &request) < 0)
		return attach_failed(options->ifname, exists, errno, err);
	tap->created = !exists;
	memcpy(tap->ifname, request.ifr_name, sizeof(tap->ifname));
	return 0;
}

static bool has_net_admin(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	return syscall(SYS_capget, &head, data) == 0 &&
	       (data[0].effective & 1u << CAP_NET_ADMIN) != 0;
}

/* A number that sysfs tells of the interface; false: it does not. */
static bool read_attribute(const char *ifname, const char *attribute, long *value)
{
	char path[IFNAMSIZ + 48];
	FILE *file;
	bool known;

	snprintf(path, sizeof(path), "/sys/class/net/%s/%s", ifname, attribute);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	known = fscanf(file, "%li", value) == 1;
	fclose(file);
	return known;
}

/* As tun_not_capable() of the kernel does. */
static bool is_anothers(const char *ifname)
{
	long owner, group;

	if (has_net_admin() || !read_attribute(ifname, "owner", &owner) ||
	    !read_attribute(ifname, "group", &group))
		return false;
	return (owner != -1 && owner != (long)geteuid()) ||
	       (group != -1 && !group_member((gid_t)group));
}

/* What attach() would say, from outside. Where sysfs is of another namespace nothing is known. */
static int judge_attach(struct tap *tap, const struct tap_options *options, struct err *err)
{
	const char *ifname = options->ifname;
	unsigned int exists = ifname[0] != '\0' ? if_nametoindex(ifname) : 0;
	long index, flags, carrier;
	int error = 0;

	if (exists == 0)
		error = has_net_admin() ? 0 : EPERM;
	else if (!read_attribute(ifname, "ifindex", &index) || index != (long)exists)
		error = 0;
	else if (!read_attribute(ifname, "tun_flags", &flags) || (flags & IFF_TAP) == 0 ||
		 (flags & IFF_MULTI_QUEUE) != 0)
		error = EINVAL;
	else if (is_anothers(ifname))
		error = EPERM;
	else if (read_attribute(ifname, "carrier", &carrier) && carrier == 1)
		error = EBUSY;
	if (error != 0)
		return attach_failed(ifname, exists != 0, error, err);
	snprintf(tap->ifname, sizeof(tap->ifname), "%s", ifname[0] != '\0' ? ifname : "a new TAP");
	return 0;
}

/* Runs an ioctl on the interface, for which any socket will do. 0 or -errno. */
static int interface_ioctl(unsigned long request, struct ifreq *ifr)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ret;

	if (fd < 0)
		return -errno;
	ret = ioctl(fd, request, ifr) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* An interface that was there is left as its owner set it; one that we made is of no use down. */
static int set_up(const struct tap *tap)
{
	struct ifreq ifr = {0};
	int ret;

	memcpy(ifr.ifr_name, tap->ifname, sizeof(ifr.ifr_name));
	ret = interface_ioctl(SIOCGIFFLAGS, &ifr);
	if (ret < 0)
		return ret;
	ifr.ifr_flags |= IFF_UP;
	return interface_ioctl(SIOCSIFFLAGS, &ifr);
}

/*
 * Makes the packets carry the header of virtio 1.x, and asks what the kernel can leave to a guest.
 */
static int prepare(struct tap *tap)
{
	int header_bytes = sizeof(struct virtio_net_hdr_v1);

	if (ioctl(tap->fd, TUNSETVNETHDRSZ, &header_bytes) < 0)
		return -errno;
	if (ioctl(tap->fd, TUNSETOFFLOAD, (unsigned long)TAP_OFFLOADS) == 0) {
		tap->offloads = TAP_OFFLOADS;
		tap->offloads_on = TAP_OFFLOADS;
	}
	return tap_set_offloads(tap, 0);
}

/* 5.1.4.1: an MTU that is offered is at least 68; no TAP has less, and none more than 65,535. */
static int read_mtu(struct tap *tap)
{
	struct ifreq ifr = {0};
	int ret;

	memcpy(ifr.ifr_name, tap->ifname, sizeof(ifr.ifr_name));
	ret = interface_ioctl(SIOCGIFMTU, &ifr);
	if (ret == 0 && ifr.ifr_mtu >= MIN_MTU && ifr.ifr_mtu <= UINT16_MAX)
		tap->mtu = (uint16_t)ifr.ifr_mtu;
	return ret;
}

/*
 * Lets pass what rtnetlink(7) says of one interface: a message is a nlmsghdr and then an ifinfomsg.
 * What a filter loads is in network byte order.
 */
static int filter_events(int fd, unsigned int ifindex)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 NLMSG_HDRLEN + offsetof(struct ifinfomsg, ifi_index)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(ifindex), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = {.len = NR_OF(code), .filter = code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}

/* Other interfaces change all the time; the filter lets only changes of this one wake us. */
static int open_link_events(struct tap *tap)
{
	struct sockaddr_nl addr = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
	int ret;

	tap->link_events =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (tap->link_events < 0)
		return -errno;
	ret = filter_events(tap->link_events, if_nametoindex(tap->ifname));
	if (ret == 0 && bind(tap->link_events, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		ret = -errno;
	return ret;
}

static int choose_mac(struct tap *tap, const struct tap_options *options)
{
	if (options->mac_given) {
		memcpy(tap->mac, options->mac, sizeof(tap->mac));
		return 0;
	}
	if (getrandom(tap->mac, sizeof(tap->mac), 0) != sizeof(tap->mac))
		return -errno;
	tap->mac[0] = (uint8_t)((tap->mac[0] & 0xfc) | 2); /* unicast, locally administered */
	return 0;
}

int tap_open(struct tap *tap, const struct tap_options *options, struct err *err)
{
	int ret;

	memset(tap, 0, sizeof(*tap));
	tap->link_events = -1;
	tap->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (tap->fd < 0) {
		ret = open_failed(errno, err);
		goto name_option;
	}
	ret = options->only_judge ? judge_attach(tap, options, err) : attach(tap, options, err);
	if (ret < 0)
		goto close_tap;
	if (options->only_judge) {
		tap_close(tap);
		return 0;
	}
	ret = prepare(tap);
	if (ret == 0 && tap->created)
		ret = set_up(tap);
	if (ret == 0)
		ret = read_mtu(tap);
	if (ret == 0)
		ret = open_link_events(tap);
	if (ret == 0)
		ret = choose_mac(tap, options);
	if (ret < 0) {
		err_set(err, ret, "cannot set it up: %s", strerror(-ret));
		goto close_tap;
	}
	return 0;

close_tap:
	tap_close(tap);
name_option:
	return err_prefix(err, ret, "--net tap%s%s", options->ifname[0] != '\0' ? "=" : "",
			  options->ifname);
}

void tap_close(struct tap *tap)
{
	/* An interface that stays is left as it was found. This fails only if it is gone. */
	if (!tap->created && tap->fd >= 0)
		(void)tap_set_offloads(tap, 0);
	if (tap->link_events >= 0)
		close(tap->link_events);
	if (tap->fd >= 0)
		close(tap->fd);
	tap->link_events = -1;
	tap->fd = -1;
}

/* ---- in use ---- */

int tap_set_offloads(struct tap *tap, uint32_t offloads)
{
	offloads &= tap->offloads;
	if (offloads == tap->offloads_on)
		return 0;
	if (ioctl(tap->fd, TUNSETOFFLOAD, (unsigned long)offloads) < 0)
		return -errno;
	tap->offloads_on = offloads;
	return 0;
}

bool tap_link_is_up(const struct tap *tap)
{
	struct ifreq ifr = {0};
	int ret;

	/* It may have been renamed; this ioctl also fails if it is gone. */
	if (ioctl(tap->fd, TUNGETIFF, &ifr) < 0)
		return false;
	ret = interface_ioctl(SIOCGIFFLAGS, &ifr);
	if (ret == -ENODEV) /* moved to another network namespace, where we cannot look */
		return true;
	return ret == 0 && (ifr.ifr_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
}

void tap_link_events_drain(const struct tap *tap)
{
	char ignored[64];

	/* ENOBUFS only tells that some were lost. */
	for (int i = 0; i < LINK_EVENTS_AT_ONCE; i++) {
		if (recv(tap->link_events, ignored, sizeof(ignored), MSG_TRUNC) < 0 &&
		    errno != ENOBUFS)
			break;
	}
}
