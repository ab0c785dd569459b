/* SPDX-License-Identifier: MIT */
/* UDP and TCP by sockets (udp(7), tcp(7)), and the peer for all arms. */
#include <asm/errno.h>
#include <linux/in.h>
#include <linux/socket.h>
#include <linux/tcp.h>

#include "guest/bench/linux_syscall.h"
#include "guest/bench/net_io.h"

/* From the kernel's uapi, where a libc would have them. */
#define AF_INET	     2
#define SOCK_STREAM  1
#define SOCK_DGRAM   2
#define SOL_SOCKET   1
#define SO_REUSEADDR 2
#define SO_RCVTIMEO  20
#define SHUT_RDWR    2
#define MSG_NOSIGNAL 0x4000

#define TIMEOUT_US 200000 /* net.c asks for no other; a deadline would cost a system call more */

/* TCP loses nothing, but may be late. The peer, which serves one at a time, gives up first. */
#define TCP_TIMEOUT_S 3
#define TCP_QUIET_S   1
#define TCP_TRIES     10 /* of a connection, TIMEOUT_US apart: the peer may be about to start */

static struct sockaddr_in to_sockaddr(const struct net_address *address)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = __builtin_bswap16(address->port),
				    .sin_addr.s_addr = __builtin_bswap32(address->ip)};
}

static void set_timeout(long fd, long sec, long usec)
{
	const struct {
		long sec, usec;
	} timeout = {sec, usec};

	linux_call6(__NR_setsockopt, fd, SOL_SOCKET, SO_RCVTIMEO, (long)&timeout, sizeof(timeout),
		    0);
}

/* A request that is small is sent at once all the same. */
static void set_nodelay(long fd)
{
	const int on = 1;

	linux_call6(__NR_setsockopt, fd, IPPROTO_TCP, TCP_NODELAY, (long)&on, sizeof(on), 0);
}

static long connect_to(long fd, const struct sockaddr_in *peer, unsigned int tries)
{
	const struct {
		int64_t sec, nsec;
	} pause = {0, TIMEOUT_US * 1000};
	long error;

	while ((error = linux_call3(__NR_connect, fd, peer, sizeof(*peer))) == -ECONNREFUSED &&
	       --tries > 0)
		linux_call2(__NR_nanosleep, &pause, 0);
	return error;
}

static const char *open_socket(struct net_io *io, const struct options *options)
{
	struct sockaddr_in peer = to_sockaddr(&io->peer);
	long error;

	(void)options;
	io->socket.fd = linux_call3(__NR_socket, AF_INET, io->tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
	if (io->socket.fd < 0)
		return "no socket";
	if (io->tcp) {
		set_timeout(io->socket.fd, TCP_TIMEOUT_S, 0);
		set_nodelay(io->socket.fd);
	} else {
		set_timeout(io->socket.fd, 0, TIMEOUT_US);
	}
	error = connect_to(io->socket.fd, &peer, TCP_TRIES);
	if (error < 0) {
		linux_call1(__NR_close, io->socket.fd);
		return error == -ECONNREFUSED ? "the peer does not listen for TCP"
					      : "no route to the peer";
	}
	return NULL;
}

/* All of it; a peer that is gone is an error and no signal. */
static bool send_stream(long fd, const void *data, size_t len)
{
	return linux_call6(__NR_sendto, fd, (long)data, (long)len, MSG_NOSIGNAL, 0, 0) == (long)len;
}

static bool send_datagram(struct net_io *io, const void *data, size_t len)
{
	long n;

	if (io->tcp)
		return send_stream(io->socket.fd, data, len);
	/* ECONNREFUSED tells of an earlier one; the benchmark sees that it is not answered. */
	n = linux_call3(__NR_write, io->socket.fd, data, len);
	return n == (long)len || n == -ECONNREFUSED;
}

static long receive_stream(long fd, uint8_t *data, size_t len)
{
	size_t got = 0;

	while (got < len) {
		long n = linux_call3(__NR_read, fd, data + got, len - got);

		if (n <= 0)
			return -1;
		got += (size_t)n;
	}
	return (long)len;
}

static long receive_datagram(struct net_io *io, void *data, size_t max, uint64_t deadline)
{
	(void)deadline;
	if (io->tcp)
		return receive_stream(io->socket.fd, data, max);
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

/* ---- the peer ------------------------------------------------------------------------------- */

struct server {
	long udp, tcp;
};

static void serve_udp(const struct server *server)
{
	struct sockaddr_in from;
	uint8_t data[NET_MAX_DATA];

	for (;;) {
		int from_len = sizeof(from);
		long n = linux_call6(__NR_recvfrom, server->udp, (long)data, sizeof(data), 0,
				     (long)&from, (long)&from_len);

		if (n >= 0)
			linux_call6(__NR_sendto, server->udp, (long)data, n, 0, (long)&from,
				    from_len);
		else if (n != -EINTR && n != -ECONNREFUSED)
			break;
	}
	linux_call2(__NR_shutdown, server->tcp, SHUT_RDWR); /* which ends the other one */
}

static void serve_tcp(const struct server *server)
{
	uint8_t data[NET_MAX_DATA];
	long fd, n;

	while ((fd = linux_call3(__NR_accept, server->tcp, 0, 0)) >= 0 || fd == -EINTR ||
	       fd == -ECONNABORTED) {
		if (fd < 0)
			continue;
		set_timeout(fd, TCP_QUIET_S, 0);
		set_nodelay(fd);
		while ((n = linux_call3(__NR_read, fd, data, sizeof(data))) > 0 &&
		       send_stream(fd, data, (size_t)n))
			;
		linux_call1(__NR_close, fd);
	}
}

/* A thread each, so that UDP costs no system call more for there being TCP. */
static void serve(void *arg, unsigned int cpu)
{
	if (cpu == 0)
		serve_udp(arg);
	else
		serve_tcp(arg);
}

static long open_server(const struct sockaddr_in *own, int type)
{
	long fd = linux_call3(__NR_socket, AF_INET, type, 0);
	const int on = 1;

	if (type == SOCK_STREAM) /* connections of the one before may be about to end */
		linux_call6(__NR_setsockopt, fd, SOL_SOCKET, SO_REUSEADDR, (long)&on, sizeof(on),
			    0);
	if (linux_call3(__NR_bind, fd, own, sizeof(*own)) < 0)
		return -1;
	return type == SOCK_STREAM && linux_call2(__NR_listen, fd, 1) < 0 ? -1 : fd;
}

const char *net_serve(struct env *env, const struct options *options)
{
	struct net_address address;
	struct sockaddr_in own;
	struct server server;
	const char *reason;

	if (!options->address || !net_parse(options->address, &address) || address.port == 0)
		return "give address=IP:PORT";
	own = to_sockaddr(&address);
	server.udp = open_server(&own, SOCK_DGRAM);
	server.tcp = open_server(&own, SOCK_STREAM);
	if (server.udp < 0 || server.tcp < 0)
		return "cannot listen at this address";
	reason = env->ops->run(env, 2, serve, &server);
	return reason ? reason : "recvfrom failed";
}
