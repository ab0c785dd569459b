/* SPDX-License-Identifier: MIT */
/* UDP by sockets (udp(7)), and the peer for all arms. */
#include <asm/errno.h>
#include <linux/in.h>
#include <linux/socket.h>

#include "guest/bench/linux_syscall.h"
#include "guest/bench/net_io.h"

/* From the kernel's uapi, where a libc would have them. */
#define AF_INET	    2
#define SOCK_DGRAM  2
#define SOL_SOCKET  1
#define SO_RCVTIMEO 20

#define TIMEOUT_US 200000 /* net.c asks for no other; a deadline would cost a system call more */

static struct sockaddr_in to_sockaddr(const struct net_address *address)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = __builtin_bswap16(address->port),
				    .sin_addr.s_addr = __builtin_bswap32(address->ip)};
}

static const char *open_socket(struct net_io *io, const struct options *options)
{
	struct sockaddr_in peer = to_sockaddr(&io->peer);
	const struct {
		long sec, usec;
	} timeout = {0, TIMEOUT_US};

	(void)options;
	io->socket.fd = linux_call3(__NR_socket, AF_INET, SOCK_DGRAM, 0);
	if (io->socket.fd < 0)
		return "no socket";
	linux_call6(__NR_setsockopt, io->socket.fd, SOL_SOCKET, SO_RCVTIMEO, (long)&timeout,
		    sizeof(timeout), 0);
	if (linux_call3(__NR_connect, io->socket.fd, &peer, sizeof(peer)) < 0) {
		linux_call1(__NR_close, io->socket.fd);
		return "no route to the peer";
	}
	return NULL;
}

static bool send_datagram(struct net_io *io, const void *data, size_t len)
{
	/* ECONNREFUSED tells of an earlier one; the benchmark sees that it is not answered. */
	long n = linux_call3(__NR_write, io->socket.fd, data, len);

	return n == (long)len || n == -ECONNREFUSED;
}

static long receive_datagram(struct net_io *io, void *data, size_t max, uint64_t deadline)
{
	(void)deadline;
	return linux_call3(__NR_read, io->socket.fd, data, max);
}

static void close_socket(struct net_io *io)
{
	linux_call1(__NR_close, io->socket.fd);
}

const struct net_ops linux_net_ops = {
	.open = open_socket,
	.send = send_datagram,
	.receive = receive_datagram,
	.close = close_socket,
};

const char *net_serve(const struct options *options)
{
	struct net_address address;
	struct sockaddr_in own, from;
	uint8_t data[NET_MAX_DATA];
	long fd;

	if (!options->address || !net_parse(options->address, &address) || address.port == 0)
		return "give address=IP:PORT";
	own = to_sockaddr(&address);
	fd = linux_call3(__NR_socket, AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || linux_call3(__NR_bind, fd, &own, sizeof(own)) < 0)
		return "cannot listen at this address";
	for (;;) {
		int from_len = sizeof(from);
		long n = linux_call6(__NR_recvfrom, fd, (long)data, sizeof(data), 0, (long)&from,
				     (long)&from_len);

		if (n >= 0)
			linux_call6(__NR_sendto, fd, (long)data, n, 0, (long)&from, from_len);
		else if (n != -EINTR && n != -ECONNREFUSED)
			return "recvfrom failed";
	}
}
