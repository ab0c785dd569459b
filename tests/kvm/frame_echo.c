/* SPDX-License-Identifier: MIT */
/*
 * The host's side of tests/kvm/guest/net.c: `frame_echo INTERFACE` answers every frame of type
 * 0x88b5 (IEEE 802 local experimental) with its payload inverted, as type 0x88b6, until it is
 * killed.
 */
#include <arpa/inet.h>
#include <err.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TYPE_ASK    0x88b5
#define TYPE_ANSWER 0x88b6

int main(int argc, char **argv)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(TYPE_ASK),
		.sll_ifindex = argc == 2 ? (int)if_nametoindex(argv[1]) : 0,
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(TYPE_ASK));
	uint8_t frame[ETH_FRAME_LEN];
	ssize_t len;

	if (address.sll_ifindex == 0)
		errx(2, "usage: frame_echo INTERFACE");
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		err(1, "%s", argv[1]);
	puts("ready");
	fflush(stdout);
	while ((len = recv(fd, frame, sizeof(frame), 0)) >= ETH_HLEN) {
		frame[12] = TYPE_ANSWER >> 8;
		frame[13] = TYPE_ANSWER & 0xff;
		for (ssize_t i = ETH_HLEN; i < len; i++)
			frame[i] = (uint8_t)~frame[i];
		if (send(fd, frame, (size_t)len, 0) != len)
			err(1, "send");
	}
	err(1, "recv");
}
