/* SPDX-License-Identifier: MIT */
/* What a virtio-net device has dropped is counted for each life, and logged when it ends. */
#include "tests/unit/net_fixture.h"

#include <stdio.h>

/* A machine whose log is a file. */
struct logged {
	struct log_output output;
	FILE *file;
};

static void begin_log(struct machine *m, struct logged *log)
{
	log->file = tmpfile();
	assert_non_null(log->file);
	log_output_open(&log->output, fileno(log->file));
	m->g.log = (struct log){.level = LOG_INFO, .output = &log->output};
}

/* Ends it; it has to have this line, or with NULL nothing. */
static void end_log(struct machine *m, struct logged *log, const char *line)
{
	char said[512] = "";

	m->g.log.output = NULL;
	log_output_close(&log->output);
	assert_true(pread(fileno(log->file), said, sizeof(said) - 1, 0) >= 0);
	fclose(log->file);
	if (line == NULL)
		assert_string_equal(said, "");
	else if (strstr(said, line) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", line, said);
}

static void reset(struct machine *m)
{
	fake_write32(&m->g, VIRTIO_MMIO_STATUS, 0);
}

/* A packet shorter than its header, and one that no buffer without merging could hold. */
static void drop_received(struct machine *m)
{
	struct rx_buffers rx;

	add_rx(m, &rx, 2, 100);
	fake_kick(&m->g.vq[RX]);
	send_made(m, HEADER - 1, 1);
	send_made(m, 101, 2);
	send_made(m, 100, 3);
	assert_receives(m, &rx, 100, 3); /* so the ones before it have been seen */
}

static void drop_sent(struct machine *m, unsigned int nr)
{
	struct fake_buf large = fake_in(&m->g, 1 << 20);
	uint16_t head;
	uint32_t written;

	large.device_writes = false; /* longer than any packet */
	for (unsigned int i = 0; i < nr; i++) {
		fake_add(&m->g.vq[TX], &large, 1);
		fake_kick(&m->g.vq[TX]);
		assert_true(fake_wait(&m->g.vq[TX], &head, &written));
	}
}

static void each_life_counts_what_it_drops(void **state)
{
	static const uint64_t features = ALL & ~FEATURE(VIRTIO_NET_F_MRG_RXBUF);
	struct machine *m = *state;
	struct logged log;

	start(m, features, 8);
	begin_log(m, &log);
	drop_received(m);
	drop_sent(m, 3);
	reset(m);
	end_log(m, &log, "virtio-net tap-test: dropped 2 received and 3 sent packets\n");

	/* Nothing is left of that in the next one. */
	assert_true(fake_handshake(&m->g, features, 8));
	begin_log(m, &log);
	drop_sent(m, 1);
	reset(m);
	end_log(m, &log, "dropped 0 received and 1 sent packets\n");

	assert_true(fake_handshake(&m->g, features, 8));
	begin_log(m, &log);
	drop_received(m);
	reset(m);
	end_log(m, &log, "dropped 2 received and 0 sent packets\n");

	assert_true(fake_handshake(&m->g, features, 8));
	begin_log(m, &log);
	assert_alive(m);
	reset(m);
	end_log(m, &log, NULL);
}

static void many_packets_without_a_header_hold_up_none_that_has_one(void **state)
{
	struct machine *m = *state;
	struct rx_buffers rx;

	start(m, ALL, 8);
	add_rx(m, &rx, 4, 1526);
	fake_kick(&m->g.vq[RX]);
	for (unsigned int i = 0; i < 100; i++)
		send_made(m, 1 + i % (HEADER - 1), i);
	send_made(m, 200, 7);
	assert_receives(m, &rx, 200, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(each_life_counts_what_it_drops),
		net_test(many_packets_without_a_header_hold_up_none_that_has_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
