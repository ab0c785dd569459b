/* SPDX-License-Identifier: MIT */
/*
 * The console on terminals: raw mode and escapes on the user's own, and a pseudo-terminal whose
 * reader may leave.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "tests/unit/console_far_side.h"
#include "vmm/console/tty.h"

/* ---- a terminal ---- */

/* A terminal as our standard input and output; the user sits at the master. */
static void use_terminal(struct world *w)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	char name[64];
	int slave;

	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	assert_int_equal(ptsname_r(master, name, sizeof(name)), 0);
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(slave >= 0);
	redirect(w, 0, slave);
	redirect(w, 1, slave);
	close(slave);
	w->far_in = w->far_out = master;
}

static void start_on_terminal(struct world *w, size_t room)
{
	use_terminal(w);
	run_console(w, room);
}

static void a_terminal_is_raw_while_the_guest_runs_and_restored(void **state)
{
	struct world *w = *state;
	struct termios before, during, after;

	use_terminal(w);
	assert_int_equal(tcgetattr(0, &before), 0);
	assert_true(before.c_lflag & ICANON);
	run_console(w, 100);
	assert_int_equal(tcgetattr(0, &during), 0);
	assert_int_equal(during.c_lflag & (ICANON | ECHO | ISIG | IEXTEN), 0);
	assert_int_equal(during.c_iflag & (ICRNL | IXON | INLCR), 0);
	assert_int_equal(during.c_oflag, before.c_oflag);
	type(w, "\x03\x1a\r"); /* Ctrl-C and Ctrl-Z are the guest's */
	expect_input(w, "\x03\x1a\r");
	stop(w);
	console_close(w->console);
	w->console = NULL;
	assert_int_equal(tcgetattr(0, &after), 0);
	assert_int_equal(after.c_lflag, before.c_lflag);
	assert_int_equal(after.c_iflag, before.c_iflag);
	assert_int_equal(after.c_oflag, before.c_oflag);
}

/* A terminal that answers at the very end, before its mode is restored or after that. */
static void what_the_terminal_answers_at_the_end_stays_away_from_the_shell(void **state)
{
	static const char question[] = "\x1b[6n", answer[] = "\x1b[24;80R";
	struct world *w = *state;
	struct pollfd shell = {.fd = 0, .events = POLLIN};
	struct termios raw;

	start_on_terminal(w, 100);
	guest_writes(w, question);
	expect_output(w, question);
	stop(w);
	type(w, answer);
	console_close(w->console);
	w->console = NULL;
	/* A line too, which a shell would run. The echo shows that it is cooked again. */
	type(w, "\n");
	expect_output(w, "\r\n");
	assert_int_equal(tcgetattr(0, &raw), 0);
	assert_true(raw.c_lflag & ICANON);
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(0, TCSANOW, &raw), 0);
	assert_int_equal(read(0, &(char){0}, 1), 1); /* the line feed */
	assert_int_equal(poll(&shell, 1, 0), 0);
}

static void *answer_when_asked(void *arg)
{
	struct world *w = arg;

	wait_until(atomic_load(&polls.waits) > 0);
	type(w, "\x1b[?62c");
	return NULL;
}

/* One that is far away: its answer comes while the console waits for it. */
static void an_answer_that_is_still_on_its_way_is_waited_for(void **state)
{
	struct world *w = *state;
	pthread_t terminal;
	int unread;

	start_on_terminal(w, 100);
	guest_writes(w, "a\x1b[");
	guest_writes(w, "c");
	stop(w);
	atomic_store(&polls.patient, true);
	assert_int_equal(pthread_create(&terminal, NULL, answer_when_asked, w), 0);
	console_close(w->console);
	w->console = NULL;
	pthread_join(terminal, NULL);
	assert_int_equal(ioctl(0, FIONREAD, &unread), 0);
	assert_int_equal(unread, 0);
}

static void only_a_question_without_an_answer_is_waited_for(void **state)
{
	static const struct {
		const char *output, *input;
		bool asked;
	} cases[] = {
		{"login: ", "", false},
		{"\x1b[1;31mred\x1b[0m\x1b[2J\x1b[H", "", false}, /* colours, clear, home */
		{"n c t", "", false},
		{"\x1b[6n", "", true},
		{"\x1b[?6n", "", true},
		{"\x1b[>0c", "", true},
		{"\x1b[18t", "", true},
		{"\x1b[6n", "ls\r", true},
		{"\x1b[6n", "\x1b[24;80R", false},
		{"\x1b\x1b[6n", "", true},
		{"\x1b"
		 "c",
		 "", false}, /* a reset */
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct tty tty = TTY_NONE;

		for (const char *c = cases[i].output; *c != '\0'; c++)
			tty_note_output(&tty, (const uint8_t *)c, 1);
		tty_note_input(&tty, (const uint8_t *)cases[i].input, strlen(cases[i].input));
		assert_int_equal(tty.asked, cases[i].asked);
	}
}

static void ctrl_a_is_the_escape_on_a_terminal(void **state)
{
	static const struct {
		const char *typed, *received;
		unsigned int ends, shown;
	} cases[] = {
		{"abc", "abc", 0, 0},
		{"\x01x", "", 1, 0},
		{"\x01"
		 "c",
		 "", 0, 1},
		{"\x01\x01", "\x01", 0, 0},
		{"\x01z", "\x01z", 0, 0}, /* not for us after all */
		{"a\x01\x01"
		 "b\x01"
		 "cc\x01xd",
		 "a\x01"
		 "bcd",
		 1, 1},
		{"\x01\x01\x01\x01", "\x01\x01", 0, 0},
	};
	struct world *w = *state;

	start_on_terminal(w, 100);
	for (size_t i = 0; i < NR_OF(cases); i++) {
		w->ends = w->shown = 0;
		forget_received(w);
		for (const char *c = cases[i].typed; *c != '\0'; c++) {
			/* One at a time: a sequence may come in pieces. */
			assert_int_equal(write(w->far_in, c, 1), 1);
			usleep(500);
		}
		expect_input(w, cases[i].received);
		wait_until(w->ends == cases[i].ends && w->shown == cases[i].shown);
		assert_int_equal(w->end_value, 0);
	}
}

/* The one case in which the user needs it most. */
static void ctrl_a_x_works_though_the_guest_reads_nothing(void **state)
{
	struct world *w = *state;
	char text[2000];

	start_on_terminal(w, 0);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	type(w, text);
	type(w, "\x01x");
	wait_until(w->ends == 1);
	assert_int_equal(received(w), 0);
	port_make_room(w, sizeof(text)); /* and what was typed before is not lost */
	expect_input(w, text);
}

/*
 * Ctrl-A gives back two bytes with the one behind it, so the last byte of what is read ahead is
 * kept free for it.
 */
static void a_full_input_has_room_for_a_pending_ctrl_a(void **state)
{
	enum { AHEAD = 65535, FIRST = 40000 };
	static char typed[AHEAD + 3];
	struct world *w = *state;

	start_on_terminal(w, 0);
	for (size_t i = 0; i < AHEAD; i++)
		typed[i] = (char)('a' + i % 26);
	memcpy(typed + AHEAD, "\x01z", 3);
	type(w, typed);
	assert_rests(w); /* it has read all that it wants */
	port_make_room(w, FIRST);
	wait_until(received(w) == FIRST);
	assert_memory_equal(w->port.in, typed, FIRST);
	forget_received(w);
	port_make_room(w, FIRST);
	expect_input(w, typed + FIRST);
}

static void a_terminal_that_hangs_up_ends_the_guest(void **state)
{
	struct world *w = *state;

	start_on_terminal(w, 100);
	leave(w);
	wait_until(w->ends == 1);
	assert_rests(w);
	guest_writes(w, "x");
	assert_int_equal(w->ends, 1);
}

/* A stop and a continue: the shell has had the terminal meanwhile. */
static void a_continued_process_makes_its_terminal_raw_again(void **state)
{
	struct world *w = *state;
	struct termios cooked, now;

	use_terminal(w);
	assert_int_equal(tcgetattr(0, &cooked), 0);
	run_console(w, 100);
	assert_int_equal(tcsetattr(0, TCSANOW, &cooked), 0);
	assert_int_equal(kill(getpid(), SIGCONT), 0);
	wait_until(tcgetattr(0, &now) == 0 && !(now.c_lflag & ICANON));
	type(w, "a");
	expect_input(w, "a");
}

/* A machine reset: the loop is new, the console stays. */
static void a_console_survives_a_restart(void **state)
{
	struct world *w = *state;

	use_terminal(w);
	open_console(w);
	for (int life = 0; life < 3; life++) {
		forget_received(w);
		attach_fake(w, 100);
		start(w);
		guest_writes(w, "boot");
		expect_output(w, "boot");
		type(w, "abc");
		expect_input(w, "abc");
		stop(w);
		w->host->attach(w->host->ctx, NULL);
	}
}

/* ---- a pseudo-terminal ---- */

static void a_pty_may_be_left_and_reached_again(void **state)
{
	struct world *w = *state;
	char name[128];

	start_on_pty(w, name, sizeof(name));
	assert_rests(w); /* no reader yet */
	for (int i = 0; i < 3; i++) {
		reach(w, name);
		guest_writes(w, "hello\n");
		expect_output(w, "hello\n"); /* raw: neither echo nor translation */
		forget_received(w);
		type(w, "\x01x\r");
		expect_input(w, "\x01x\r"); /* no escapes here */
		leave(w);
		assert_rests(w);
	}
	assert_int_equal(w->ends, 0);
}

static void a_pty_holds_output_while_nobody_is_there(void **state)
{
	struct world *w = *state;
	char name[128];

	start_on_pty(w, name, sizeof(name));
	guest_writes(w, "early ");
	reach(w, name);
	expect_output(w, "early ");
	leave(w);
	guest_writes(w, "late");
	reach(w, name);
	expect_output(w, "late");
}

static void a_guest_does_not_wait_for_a_pty_that_nobody_reads(void **state)
{
	struct world *w = *state;
	char name[128], line[16];

	start_on_pty(w, name, sizeof(name));
	for (unsigned int i = 0; i < 10000; i++) {
		snprintf(line, sizeof(line), "line %8u\n", i);
		guest_writes(w, line);
	}
	reach(w, name);
	/* 65,536 bytes are 4,681 lines of 14 and the last 2 bytes of the one before. */
	expect_output(w, "8\n");
	for (unsigned int i = 10000 - 4681; i < 10000; i++) {
		snprintf(line, sizeof(line), "line %8u\n", i);
		expect_output(w, line);
	}
}

static void a_slow_reader_of_a_pty_is_waited_for(void **state)
{
	struct world *w = *state;
	unsigned int before;
	char name[128];
	size_t len;

	start_on_pty(w, name, sizeof(name));
	reach(w, name);
	len = fill_output(w);
	assert_rests(w);
	before = w->port.writables;
	drain_output(w, len);
	wait_until(w->port.writables > before);
	/* One that leaves instead of reading is not. */
	fill_output(w);
	before = w->port.writables;
	leave(w);
	wait_until(w->port.writables > before);
	guest_writes(w, "x");
	assert_int_equal(w->ends, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		console_test(a_terminal_is_raw_while_the_guest_runs_and_restored),
		console_test(what_the_terminal_answers_at_the_end_stays_away_from_the_shell),
		console_test(an_answer_that_is_still_on_its_way_is_waited_for),
		cmocka_unit_test(only_a_question_without_an_answer_is_waited_for),
		console_test(ctrl_a_is_the_escape_on_a_terminal),
		console_test(ctrl_a_x_works_though_the_guest_reads_nothing),
		console_test(a_full_input_has_room_for_a_pending_ctrl_a),
		console_test(a_terminal_that_hangs_up_ends_the_guest),
		console_test(a_continued_process_makes_its_terminal_raw_again),
		console_test(a_console_survives_a_restart),
		console_test(a_pty_may_be_left_and_reached_again),
		console_test(a_pty_holds_output_while_nobody_is_there),
		console_test(a_guest_does_not_wait_for_a_pty_that_nobody_reads),
		console_test(a_slow_reader_of_a_pty_is_waited_for),
	};

	return cmocka_run_group_tests(tests, prepare_process, NULL);
}
