/* SPDX-License-Identifier: MIT */
/* What the small devices on the ISA bus say; a stamp read in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "devices/debugcon.h"
#include "devices/post.h"
#include "devices/power.h"
#include "devices/serial.h"
#include "devices/timestamp.h"
#include "tests/unit/device_fixture.h"

/* A fixture whose log is a file. */
struct world {
	struct fixture f;
	struct log_output output;
	FILE *file;
	size_t takes; /* bytes that the console takes */
};

static size_t host_write(void *ctx, const uint8_t *bytes, size_t len)
{
	struct world *w = ctx;
	size_t n = len < w->takes ? len : w->takes;

	(void)bytes;
	w->takes -= n;
	return n;
}

static void host_attach(void *ctx, const struct chario_port *port)
{
	(void)ctx, (void)port;
}

static void begin(struct world *w, struct chario_host *host)
{
	memset(w, 0, sizeof(*w));
	fixture_init(&w->f);
	w->file = tmpfile();
	assert_non_null(w->file);
	log_output_open(&w->output, fileno(w->file));
	w->f.log.output = &w->output;
	*host = (struct chario_host){.write = host_write, .attach = host_attach, .ctx = w};
	w->f.env.console = host;
}

/* Ends it: the log has to be `text`. */
static void end_with_log(struct world *w, struct device *device, const char *text)
{
	char log[4096];
	size_t len;

	device_destroy(device);
	log_output_close(&w->output);
	rewind(w->file);
	len = fread(log, 1, sizeof(log) - 1, w->file);
	log[len] = '\0';
	fclose(w->file);
	assert_string_equal(log, text);
}

static void debugcon_counts_what_a_stuck_console_loses(void **state)
{
	struct chario_host host;
	struct device *device;
	struct world w;

	(void)state;
	begin(&w, &host);
	assert_int_equal(debugcon_create(&w.f.env, 0xe9, &device), 0);
	w.takes = 1;
	out8(&w.f, 0xe9, 'a'); /* taken, without a word */
	out8(&w.f, 0xe9, 'b');
	out8(&w.f, 0xe9, 'c');
	end_with_log(&w, device,
		     "tinyvmm: debugcon: the console is stuck: 1 bytes dropped\n"
		     "tinyvmm: debugcon: the console is stuck: 2 bytes dropped\n");
}

static void serial_counts_what_does_not_fit(void **state)
{
	struct chario_host host;
	struct device *device;
	struct world w;

	(void)state;
	begin(&w, &host);
	assert_int_equal(serial_create(&w.f.env, 0x3f8, &device), 0);
	out8(&w.f, 0x3f8, 'a'); /* waits in the one holding register */
	out8(&w.f, 0x3f8, 'b');
	out8(&w.f, 0x3f8, 'c');
	end_with_log(&w, device,
		     "tinyvmm: serial: the console is slow and the guest does not wait for it: "
		     "1 bytes dropped\n"
		     "tinyvmm: serial: the console is slow and the guest does not wait for it: "
		     "2 bytes dropped\n");
}

static void post_codes_are_told_at_the_level_debug(void **state)
{
	struct chario_host host;
	struct device *device;
	struct world w;

	(void)state;
	begin(&w, &host);
	assert_int_equal(post_create(&w.f.env, 0x80, &device), 0);
	out8(&w.f, 0x80, 0x5a);
	w.f.log.level = LOG_INFO;
	out8(&w.f, 0x80, 0x5b);
	assert_int_equal(in8(&w.f, 0x80), 0x5b);
	assert_int_equal(bus_find(&w.f.pio, 0x80)->size, 1);
	end_with_log(&w, device, "tinyvmm: post: code 0x5a\n");
}

static void a_sleep_type_that_no_table_offers_is_told(void **state)
{
	static const struct power_layout layout = {
		.port = 0x600, .nr_ports = 4, .reset = 2, .s5_type = 5, .reset_value = 1};
	struct chario_host host;
	struct device *device;
	struct world w;

	(void)state;
	begin(&w, &host);
	assert_int_equal(power_create(&w.f.env, &layout, &device), 0);
	out8(&w.f, 0x600, 4 << 2); /* without SLP_EN it asks for nothing */
	out8(&w.f, 0x600, 0x20 | 4 << 2);
	w.f.end_value = 77;
	out8(&w.f, 0x600, 0x20 | 5 << 2);
	assert_int_equal(w.f.end_value, 0);
	w.f.end_value = 77;
	out8(&w.f, 0x602, 1);
	assert_int_equal(w.f.end_value, 0);
	assert_int_equal(w.f.ends, 2);
	end_with_log(&w, device,
		     "tinyvmm: power: the guest asked for sleep type 4, which no table offers\n");
}

/* A stamp has 32 bits, of which any part may be read; reading a part of LEFT begins a new pair. */
static void a_stamp_may_be_read_in_pieces(void **state)
{
	struct exit_stamps stamps = {.left = 0x44332211, .entered = 0x88776655};
	struct device *device;
	struct fixture f;
	uint16_t word;

	(void)state;
	fixture_init(&f);
	f.env.clock = (struct exit_clock){.stamps = &stamps, .related = true};
	assert_int_equal(timestamp_create(&f.env, 0x608, &device), 0);
	for (uint16_t i = 0; i < 4; i++)
		assert_int_equal(in8(&f, 0x60c + i), 0x11 * (i + 1));
	for (uint16_t i = 0; i < 4; i++)
		assert_int_equal(in8(&f, 0x610 + i), 0x11 * (i + 5));
	bus_read(&f.pio, 0x60e, &word, sizeof(word), 1);
	assert_int_equal(word, 0x4433);
	bus_read(&f.pio, 0x611, &word, sizeof(word), 1);
	assert_int_equal(word, 0x7766);
	device_destroy(device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(debugcon_counts_what_a_stuck_console_loses),
		cmocka_unit_test(serial_counts_what_does_not_fit),
		cmocka_unit_test(post_codes_are_told_at_the_level_debug),
		cmocka_unit_test(a_stamp_may_be_read_in_pieces),
		cmocka_unit_test(a_sleep_type_that_no_table_offers_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
