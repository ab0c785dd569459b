/* SPDX-License-Identifier: MIT */
/* The CMOS clock: the host's UTC in the form that the guest chose, and bytes that it keeps. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "devices/rtc.h"
#include "tests/unit/device_fixture.h"
#include "vmm/core/array.h"

#define INDEX 0x70
#define DATA  0x71

#define STATUS_A 0x0a
#define STATUS_B 0x0b
#define STATUS_C 0x0c
#define STATUS_D 0x0d
#define CENTURY	 0x32

#define A_UPDATING 0x80
#define B_SET	   0x80
#define B_BINARY   0x04
#define B_24H	   0x02

/* The kernel's clock, wrapped: not zero is the second that it shows, for ever. */
static time_t stopped_at;

int clock_gettime(clockid_t id, struct timespec *now)
{
	if (id != CLOCK_REALTIME || stopped_at == 0)
		return (int)syscall(SYS_clock_gettime, id, now);
	*now = (struct timespec){.tv_sec = stopped_at};
	return 0;
}

static struct device *create(struct fixture *f)
{
	struct device *device;

	fixture_init(f);
	assert_int_equal(rtc_create(&f->env, INDEX, &device), 0);
	return device;
}

static unsigned int cmos_read(struct fixture *f, unsigned int index)
{
	out8(f, INDEX, index);
	return in8(f, DATA);
}

static void cmos_write(struct fixture *f, unsigned int index, unsigned int value)
{
	out8(f, INDEX, index);
	out8(f, DATA, value);
}

/* By the chip's own clock: that of time() stands still until the next tick. */
static time_t host_second(void)
{
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
	return now.tv_sec;
}

/* Reads the clock as a careful guest does, and gives the host's second at that moment. */
static time_t read_clock(struct fixture *f, unsigned int reg[CENTURY + 1])
{
	static const unsigned int index[] = {0, 2, 4, 6, 7, 8, 9, CENTURY};
	time_t before, after;

	do {
		before = host_second();
		while (cmos_read(f, STATUS_A) & A_UPDATING)
			continue;
		for (unsigned int i = 0; i < NR_OF(index); i++)
			reg[index[i]] = cmos_read(f, index[i]);
		after = host_second();
	} while (before != after);
	return after;
}

static int from_bcd(unsigned int bcd)
{
	assert_true((bcd & 0xf) < 10 && bcd >> 4 < 10);
	return (int)((bcd >> 4) * 10 + (bcd & 0xf));
}

static int same(unsigned int value)
{
	return (int)value;
}

static void shows_the_hosts_utc_in_the_format_of_status_b(void **state)
{
	static const struct {
		uint8_t status_b;
		int (*decode)(unsigned int value);
	} cases[] = {
		{B_24H, from_bcd},
		{B_24H | B_BINARY, same},
		{0, from_bcd},
		{B_BINARY, same},
	};
	struct fixture f;
	struct device *device = create(&f);

	(void)state;
	for (unsigned int i = 0; i < NR_OF(cases); i++) {
		int (*decode)(unsigned int value) = cases[i].decode;
		unsigned int reg[CENTURY + 1] = {0};
		time_t now;
		struct tm tm;

		cmos_write(&f, STATUS_B, cases[i].status_b);
		now = read_clock(&f, reg);
		gmtime_r(&now, &tm);
		assert_int_equal(decode(reg[0]), tm.tm_sec);
		assert_int_equal(decode(reg[2]), tm.tm_min);
		if (cases[i].status_b & B_24H) {
			assert_int_equal(decode(reg[4]), tm.tm_hour);
		} else { /* 12 AM, 1 AM ... 11 AM, 12 PM, 1 PM ...; bit 7 is PM */
			int hour12 = decode(reg[4] & 0x7f);

			assert_in_range(hour12, 1, 12);
			assert_int_equal(hour12 % 12 + (reg[4] & 0x80 ? 12 : 0), tm.tm_hour);
		}
		assert_int_equal(decode(reg[6]), tm.tm_wday + 1);
		assert_int_equal(decode(reg[7]), tm.tm_mday);
		assert_int_equal(decode(reg[8]), tm.tm_mon + 1);
		assert_int_equal(decode(reg[CENTURY]) * 100 + decode(reg[9]), tm.tm_year + 1900);
	}
	device_destroy(device);
}

/* 12 AM, 1 AM ... 11 AM, 12 PM, 1 PM ... 11 PM, where bit 7 is PM. */
static void shows_each_hour_of_the_day_in_both_modes(void **state)
{
	static const uint8_t hour12[24] = {
		12,	  1,	    2,	      3,	4,	   5,	     6,		7,
		8,	  9,	    10,	      11,	0x80 | 12, 0x80 | 1, 0x80 | 2,	0x80 | 3,
		0x80 | 4, 0x80 | 5, 0x80 | 6, 0x80 | 7, 0x80 | 8,  0x80 | 9, 0x80 | 10, 0x80 | 11};
	struct fixture f;
	struct device *device = create(&f);

	(void)state;
	for (unsigned int hour = 0; hour < 24; hour++) {
		unsigned int bcd12 = hour12[hour] & 0x7f;

		stopped_at = 86400 + 3600 * (time_t)hour + 59;
		bcd12 = bcd12 / 10 << 4 | bcd12 % 10;
		cmos_write(&f, STATUS_B, B_24H | B_BINARY);
		assert_int_equal(cmos_read(&f, 4), hour);
		cmos_write(&f, STATUS_B, B_24H);
		assert_int_equal(from_bcd(cmos_read(&f, 4)), hour);
		cmos_write(&f, STATUS_B, B_BINARY);
		assert_int_equal(cmos_read(&f, 4), hour12[hour]);
		cmos_write(&f, STATUS_B, 0);
		assert_int_equal(cmos_read(&f, 4), bcd12 | (hour12[hour] & 0x80));
	}
	stopped_at = 0;
	device_destroy(device);
}

/* The guest has at least 244 us to read a consistent time once it sees the bit clear. */
static void announces_an_update_before_the_second_changes(void **state)
{
	struct fixture f;
	struct device *device = create(&f);
	unsigned int seconds, updating;

	(void)state;
	do {
		seconds = cmos_read(&f, 0);
		updating = cmos_read(&f, STATUS_A) & A_UPDATING;
	} while (!updating);
	while (cmos_read(&f, STATUS_A) & A_UPDATING)
		continue;
	assert_int_not_equal(cmos_read(&f, 0), seconds);
	device_destroy(device);
}

static void announces_none_while_the_guest_holds_the_clock(void **state)
{
	struct fixture f;
	struct device *device = create(&f);
	time_t start = host_second();

	(void)state;
	cmos_write(&f, STATUS_B, B_SET | B_24H);
	while (host_second() == start) {
		assert_int_equal(cmos_read(&f, STATUS_A) & A_UPDATING, 0);
		usleep(100);
	}
	device_destroy(device);
}

static void the_clock_cannot_be_set(void **state)
{
	static const unsigned int index[] = {7, 8, 9, CENTURY};
	struct fixture f;
	struct device *device = create(&f);

	(void)state;
	for (unsigned int i = 0; i < NR_OF(index); i++) {
		unsigned int before = cmos_read(&f, index[i]);

		cmos_write(&f, index[i], before + 0x11);
		assert_int_not_equal(cmos_read(&f, index[i]), before + 0x11);
	}
	device_destroy(device);
}

static void status_registers_say_what_the_chip_is(void **state)
{
	struct fixture f;
	struct device *device = create(&f);

	(void)state;
	assert_int_equal(cmos_read(&f, STATUS_A) & 0x7f, 0x26); /* 32,768 Hz, 1,024 Hz */
	assert_int_equal(cmos_read(&f, STATUS_B), B_24H);
	assert_int_equal(cmos_read(&f, STATUS_C), 0);
	assert_int_equal(cmos_read(&f, STATUS_D), 0x80);

	cmos_write(&f, STATUS_A, 0xff);
	cmos_write(&f, STATUS_C, 0xff);
	cmos_write(&f, STATUS_D, 0);
	assert_int_equal(cmos_read(&f, STATUS_A) & 0x7f, 0x7f);
	assert_int_equal(cmos_read(&f, STATUS_C), 0);
	assert_int_equal(cmos_read(&f, STATUS_D), 0x80);
	device_destroy(device);
}

static void keeps_alarms_and_enables_but_never_interrupts(void **state)
{
	static const unsigned int index[] = {1, 3, 5};
	struct fixture f;
	struct device *device = create(&f);

	(void)state;
	for (unsigned int i = 0; i < NR_OF(index); i++) {
		cmos_write(&f, index[i], 0xc0); /* "don't care": an alarm each second */
		assert_int_equal(cmos_read(&f, index[i]), 0xc0);
	}
	cmos_write(&f, STATUS_B, 0x70 | B_24H);
	assert_int_equal(cmos_read(&f, STATUS_B), 0x70 | B_24H);
	assert_int_equal(cmos_read(&f, STATUS_C), 0);
	assert_int_equal(f.irqs, 0);
	device_destroy(device);
}

static void keeps_the_other_bytes(void **state)
{
	struct fixture f;
	struct device *device = create(&f);

	(void)state;
	for (unsigned int index = 0x0e; index < 0x80; index++)
		cmos_write(&f, index, index ^ 0xa5);
	for (unsigned int index = 0x0e; index < 0x80; index++)
		if (index != CENTURY)
			assert_int_equal(cmos_read(&f, index), index ^ 0xa5);
	device_destroy(device);
}

static void the_nmi_mask_is_not_part_of_the_index(void **state)
{
	struct fixture f;
	struct device *device = create(&f);

	(void)state;
	cmos_write(&f, 0x8f, 0x5a);
	assert_int_equal(cmos_read(&f, 0x0f), 0x5a);
	assert_int_equal(in8(&f, INDEX), 0xff); /* write-only */
	device_destroy(device);
}

/* outw 0x70: index and data at once, which works on an ISA bus. */
static void a_wide_write_is_index_and_data(void **state)
{
	struct fixture f;
	struct device *device = create(&f);
	uint16_t value = 0x7740;

	(void)state;
	bus_write(&f.pio, INDEX, &value, sizeof(value), 1);
	assert_int_equal(cmos_read(&f, 0x40), 0x77);
	assert_int_equal(rtc_create(&f.env, INDEX, NULL), -EEXIST);
	device_destroy(device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_the_hosts_utc_in_the_format_of_status_b),
		cmocka_unit_test(shows_each_hour_of_the_day_in_both_modes),
		cmocka_unit_test(announces_an_update_before_the_second_changes),
		cmocka_unit_test(announces_none_while_the_guest_holds_the_clock),
		cmocka_unit_test(the_clock_cannot_be_set),
		cmocka_unit_test(status_registers_say_what_the_chip_is),
		cmocka_unit_test(keeps_alarms_and_enables_but_never_interrupts),
		cmocka_unit_test(keeps_the_other_bytes),
		cmocka_unit_test(the_nmi_mask_is_not_part_of_the_index),
		cmocka_unit_test(a_wide_write_is_index_and_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
