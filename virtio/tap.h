/* SPDX-License-Identifier: MIT */
/*
 * The host side of virtio-net: a TAP interface with a virtio-net header on every packet.
 *
 * A TAP outlives machine resets. One that tinyvmm created goes away with the descriptor (it is not
 * persistent), so nothing is left behind however the process ends.
 */
#ifndef VIRTIO_TAP_H
#define VIRTIO_TAP_H

#include <stdbool.h>
#include <stdint.h>

#include <net/if.h>

#include "vmm/core/err.h"

#define TAP_MAC_BYTES 6

#define TAP_ARG	 "tap[=IFNAME][,mac=MAC]"
#define TAP_HELP "virtio-net on a TAP interface, created if absent; repeatable"

/* One --net tap[=IFNAME][,mac=MAC]. */
struct tap_options {
	char ifname[IFNAMSIZ]; /* "" : the kernel chooses tapN */
	bool mac_given;
	bool only_judge; /* for --dry-run; tap_open() says what */
	uint8_t mac[TAP_MAC_BYTES];
};

/* 0 or -EINVAL with a message that begins with "--net". */
int tap_parse_options(const char *value, struct tap_options *options, struct err *err);

struct tap {
	int fd;		 /* non-blocking; -1: only judged */
	int link_events; /* readable when the interface may have changed */
	char ifname[IFNAMSIZ];
	bool created; /* by us, and set up: the user has only to give it an address or a bridge */
	uint8_t mac[TAP_MAC_BYTES]; /* the guest's: as given, else locally administered and random
				     */
	uint16_t mtu;		    /* of the interface when it was opened */
	uint32_t offloads;	    /* TUN_F_* that the host side agreed to, at most */
	uint32_t offloads_on;	    /* and those that are on */
};

/*
 * Attaches to the named TAP or creates it. 0 or -errno with a message that names --net, the
 * interface and the remedy: no /dev/net/tun (load tun), no permission (CAP_NET_ADMIN, or a TAP made
 * beforehand for this user), busy, not a TAP.
 *
 * With `only_judge` it says the same as far as that can be seen from outside, and neither makes an
 * interface nor attaches to one; the TAP can only be looked at and closed then.
 */
int tap_open(struct tap *tap, const struct tap_options *options, struct err *err);
void tap_close(struct tap *tap);

/*
 * Tells the kernel which offloads the guest accepted (TUN_F_*), unless it knows: it announces every
 * change to the whole host. They stay on when the guest resets its device. 0 or -errno.
 */
int tap_set_offloads(struct tap *tap, uint32_t offloads);

/* Is the interface up and running? For the guest's link status. */
bool tap_link_is_up(const struct tap *tap);

/* Empties `link_events`. The caller asks tap_link_is_up() afterwards for what they told. */
void tap_link_events_drain(const struct tap *tap);

#endif
