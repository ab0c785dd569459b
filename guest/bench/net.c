/* SPDX-License-Identifier: MIT */
/*
 * net.*: UDP datagrams, or pieces of a TCP stream, to a peer that sends them back: `bench serve` on
 * the host, or any echo service (RFC 862). Requests carry a number, so that a late answer is not
 * taken for the next.
 */
#include "guest/bench/net_io.h"
#include "guest/bench/out.h"

#define TIMEOUT_MS 200u
#define WINDOW	   32u	/* datagrams under way in the rate benchmarks */
#define MAX_LOST   100u /* in one pass, after which the peer counts as gone */
#define TRIES	   10u	/* before the first pass, after which there counts as none */

struct state {
	struct net_io io;
	uint8_t request[NET_MAX_DATA], reply[NET_MAX_DATA];
	uint64_t number;
	uint64_t lost;
	const char *wrong;
};

bool net_parse(const char *text, struct net_address *address)
{
	uint32_t part[5] = {0};
	unsigned int nr = 0;

	for (;; text++) {
		if (*text >= '0' && *text <= '9') {
			part[nr] = part[nr] * 10 + (uint32_t)(*text - '0');
			if (part[nr] > (nr < 4 ? 255u : 65535u))
				return false;
		} else if ((nr < 3 && *text == '.') || (nr == 3 && *text == ':')) {
			nr++;
		} else {
			break;
		}
	}
	address->ip = part[0] << 24 | part[1] << 16 | part[2] << 8 | part[3];
	address->port = (uint16_t)part[4];
	return *text == '\0' && nr >= 3;
}

const char *net_open(struct net_io *io, struct env *env, bool tcp, const struct options *options)
{
	*io = (struct net_io){.env = env, .tcp = tcp};
	if (!options->peer)
		return "no peer; run `bench serve address=IP:PORT` on the host and use "
		       "peer=IP:PORT";
	if (!net_parse(options->peer, &io->peer) || io->peer.port == 0)
		return "peer= takes an address like 10.0.2.1:7";
	return net_ops(io)->open(io, options);
}

static uint64_t deadline(const struct run *run)
{
	return env_ticks() + run->env->tsc_hz / 1000 * TIMEOUT_MS;
}

static bool send_next(struct state *state, size_t len)
{
	state->number++;
	__builtin_memcpy(state->request, &state->number, sizeof(state->number));
	return net_send(&state->io, state->request, len);
}

/*
 * The number of the next reply to a request after number `past`; 0 if none comes. Replies that are
 * late, when their requests have been given up, are passed over.
 */
static uint64_t receive_one(struct run *run, struct state *state, size_t len, uint64_t past)
{
	uint64_t until = deadline(run), number;
	size_t max = state->io.tcp ? len : sizeof(state->reply);
	long got;

	do {
		got = net_receive(&state->io, state->reply, max, until);
		if (got < 0)
			return 0;
		__builtin_memcpy(&number, state->reply, sizeof(number));
	} while (got != (long)len || number <= past || number > state->number);
	return number;
}

/* A request, and its own answer. False if that does not come; TCP would have brought it. */
static bool ask(struct run *run, struct state *state)
{
	bool answered;

	if (!send_next(state, run->bench->size)) {
		state->wrong = "a datagram could not be sent";
		return false;
	}
	answered = receive_one(run, state, run->bench->size, state->number - 1) != 0;
	if (!answered && state->io.tcp)
		state->wrong = "the connection to the peer broke";
	return answered;
}

/* A peer that is about to start refuses at once, which the next call reports: time has to pass. */
static const char *find_peer(struct run *run, struct state *state)
{
	for (unsigned int i = 0; i < TRIES && !(state->io.tcp && state->wrong); i++) {
		uint64_t next_try = deadline(run);

		state->wrong = NULL;
		if (ask(run, state))
			return NULL;
		while (env_ticks() < next_try)
			env_pause();
	}
	return "the peer does not answer";
}

static const char *open_and_find(struct run *run, unsigned int cpu, bool tcp)
{
	const char *reason = NULL;
	struct state *state = bench_alloc(run, sizeof(*state), &reason);

	if (!state)
		return reason;
	*state = (struct state){0};
	reason = net_open(&state->io, run->env, tcp, run->options);
	if (reason)
		return reason;
	run->state[cpu] = state; /* from here on finish() closes */
	for (unsigned int i = 0; i < NET_MAX_DATA; i++)
		state->request[i] = (uint8_t)i;
	return find_peer(run, state);
}

static const char *setup_udp(struct run *run, unsigned int cpu)
{
	return open_and_find(run, cpu, false);
}

static const char *setup_tcp(struct run *run, unsigned int cpu)
{
	return run->env->payload ? "the payload has no TCP stack" : open_and_find(run, cpu, true);
}

/* One request at a time; one that is lost is sent again. */
static void request_response(struct run *run, struct pass *pass)
{
	struct state *state = pass->state;
	uint64_t lost = state->lost, answered = 0;

	while (answered < pass->iterations && !state->wrong)
		if (ask(run, state))
			answered++;
		else if (!state->wrong && ++state->lost - lost > MAX_LOST)
			state->wrong = "the peer stopped answering";
	pass->work = (double)pass->iterations;
	pass->wrong = state->wrong;
}

/* WINDOW requests at a time; work is what came back. */
static void packet_rate(struct run *run, struct pass *pass)
{
	struct state *state = pass->state;
	uint64_t lost = state->lost, past = state->number, sent = 0, received = 0, given_up = 0;

	while (received + given_up < pass->iterations && !state->wrong) {
		while (sent < pass->iterations && sent - received - given_up < WINDOW) {
			if (!send_next(state, run->bench->size))
				state->wrong = "a datagram could not be sent";
			sent++;
		}
		if (receive_one(run, state, run->bench->size, past) != 0) {
			received++;
			continue;
		}
		/* Nothing came for so long: what was under way is lost. */
		state->lost += sent - received - given_up;
		given_up = sent - received;
		past = state->number;
		if (state->lost - lost > MAX_LOST)
			state->wrong = "the peer stopped answering";
	}
	pass->work = (double)received;
	pass->wrong = state->wrong;
}

static const char *check(struct run *run, unsigned int cpu, char *text)
{
	const struct state *state = run->state[cpu];

	if (!state->io.tcp)
		out_text(out_decimal(text, state->lost), " datagrams lost");
	return NULL;
}

static void finish(struct run *run)
{
	struct state *state = run->state[0];

	if (state)
		net_close(&state->io);
}

#define NET(protocol, label, bytes, what, unit_text, is_rate, factor, pass_function)              \
	{                                                                                         \
		.name = "net." #protocol "_" label "_" #bytes,                                    \
		.text = what " of " #bytes " bytes", .unit = unit_text, .higher = is_rate,        \
		.scale = factor, .size = bytes, .setup = setup_##protocol, .pass = pass_function, \
		.check = check, .finish = finish,                                                 \
	}
#define LATENCY(bytes) \
	NET(udp, "rr", bytes, "UDP request and response", "us", false, 1e6, request_response)
#define RATE(bytes) \
	NET(udp, "pps", bytes, "UDP datagrams sent and answered", "packets/s", true, 1, packet_rate)
#define TCP_LATENCY(bytes) \
	NET(tcp, "rr", bytes, "TCP request and response", "us", false, 1e6, request_response)

const struct bench bench_net[] = {
	LATENCY(64), LATENCY(512),    LATENCY(1400),	RATE(64),	   RATE(512),
	RATE(1400),  TCP_LATENCY(64), TCP_LATENCY(512), TCP_LATENCY(1400),
};
