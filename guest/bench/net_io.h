/* SPDX-License-Identifier: MIT */
/*
 * UDP to one peer: a socket (linux_net.c), or Ethernet, ARP, IPv4 and UDP by hand on virtio-net
 * (payload_net.c), which is as much as a request and a reply need. TCP by a socket only; there, a
 * "datagram" is as many bytes as the caller sends and asks for.
 */
#ifndef BENCH_NET_IO_H
#define BENCH_NET_IO_H

#include "guest/bench/bench.h"
#include "guest/bench/payload_virtio.h"

#define NET_MAX_DATA \
	1472u /* of one datagram: Ethernet's 1500 bytes less IPv4's and UDP's headers */

struct net_address {
	uint32_t ip; /* host byte order */
	uint16_t port;
};

struct net_io {
	struct env *env;
	bool tcp;
	struct net_address peer;
	union {
		struct {
			long fd;
		} socket;
		struct {
			struct virtio_queue receive, transmit;
			uint8_t *
				frames; /* one for each descriptor: received ones, then sent ones */
			uint16_t transmitting; /* how many of the latter the device holds */
			uint16_t next;	       /* of the latter */
			struct net_address own;
			uint8_t mac[6], peer_mac[6];
		} device;
	};
};

struct net_ops {
	const char *(*open)(struct net_io *io, const struct options *options);
	bool (*send)(struct net_io *io, const void *data, size_t len);
	long (*receive)(struct net_io *io, void *data, size_t max, uint64_t deadline);
	void (*close)(struct net_io *io);
};

extern const struct net_ops linux_net_ops, payload_net_ops;

static inline const struct net_ops *net_ops(const struct net_io *io)
{
	return io->env->payload ? &payload_net_ops : &linux_net_ops;
}

/* Opens for datagrams to options->peer. NULL, or why it cannot; then nothing has to be closed. */
const char *net_open(struct net_io *io, struct env *env, bool tcp, const struct options *options);

/* "10.0.2.1:7", or without the port; false if it is no such address. */
bool net_parse(const char *text, struct net_address *address);

/* Sends one datagram of at most NET_MAX_DATA bytes. */
static inline bool net_send(struct net_io *io, const void *data, size_t len)
{
	return net_ops(io)->send(io, data, len);
}

/* Waits until `deadline` (ticks) for a datagram of the peer, by TCP for `max` bytes; its length, or
 * -1.
 */
static inline long net_receive(struct net_io *io, void *data, size_t max, uint64_t deadline)
{
	return net_ops(io)->receive(io, data, max, deadline);
}

static inline void net_close(struct net_io *io)
{
	net_ops(io)->close(io);
}

/* `bench serve address=IP:PORT`: sends back what comes by UDP and TCP. Returns only if it cannot.
 */
const char *net_serve(struct env *env, const struct options *options);

#endif
