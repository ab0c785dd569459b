/* SPDX-License-Identifier: MIT */
/* The CMOS clock at moments of our choice: the host's clock is wrapped. */
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

#define A_UPDATING 0x80
#define B_SET	   0x80
#define B_24H	   0x02

/* What CLOCK_REALTIME shows in this program. */
static struct timespec now;

int clock_gettime(clockid_t clock, struct timespec *at)
{
	if (clock != CLOCK_REALTIME)
		return (int)syscall(SYS_clock_gettime, clock, at);
	*at = now;
	return 0;
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

static struct device *create(struct fixture *f)
{
	struct device *device;

	fixture_init(f);
	assert_int_equal(rtc_create(&f->env, INDEX, &device), 0);
	return device;
}

static void dates_are_decimal_with_a_century(void **state)
{
	static const struct {
		time_t at;
		/* second, minute, hour, weekday (1 is Sunday), day, month, year, century */
		uint8_t reg[8];
	} cases[] = {
		{0, {0x00, 0x00, 0x00, 0x05, 0x01, 0x01, 0x70, 0x19}},
		{946684799, {0x59, 0x59, 0x23, 0x06, 0x31, 0x12, 0x99, 0x19}},
		{946684800, {0x00, 0x00, 0x00, 0x07, 0x01, 0x01, 0x00, 0x20}},
		{951782400, {0x00, 0x00, 0x00, 0x03, 0x29, 0x02, 0x00, 0x20}},
		{1795514690, {0x50, 0x04, 0x10, 0x03, 0x24, 0x11, 0x26, 0x20}},
		{4133980799, {0x59, 0x59, 0x23, 0x06, 0x31, 0x12, 0x00, 0x21}},
	};
	static const uint8_t index[] = {0, 2, 4, 6, 7, 8, 9, 0x32};
	struct fixture f;
	struct device *device = create(&f);

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		now = (struct timespec){.tv_sec = cases[i].at};
		for (size_t k = 0; k < NR_OF(index); k++)
			assert_int_equal(cmos_read(&f, index[k]), cases[i].reg[k]);
	}
	device_destroy(device);
}

/* The chip needs 1,984 us for an update and announces it 244 us before. */
static void an_update_is_announced_for_the_last_2228_us_of_a_second(void **state)
{
	static const struct {
		long ns;
		uint8_t status_b;
		unsigned int updating;
	} cases[] = {
		{0, B_24H, 0},
		{500000000, B_24H, 0},
		{1000000000 - 2228001, B_24H, 0},
		{1000000000 - 2228000, B_24H, A_UPDATING},
		{999999999, B_24H, A_UPDATING},
		{999999999, B_24H | B_SET, 0}, /* the guest holds the clock */
	};
	struct fixture f;
	struct device *device = create(&f);

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		now = (struct timespec){.tv_sec = 1, .tv_nsec = cases[i].ns};
		cmos_write(&f, STATUS_B, cases[i].status_b);
		assert_int_equal(cmos_read(&f, STATUS_A), 0x26 | cases[i].updating);
	}
	device_destroy(device);
}

/* UIP is the chip's and not the guest's; a write to C or D, and to the time, changes nothing. */
static void what_is_read_only_stays(void **state)
{
	static const uint8_t fixed[] = {0, 2, 4, 6, 7, 8, 9, 0x0c, 0x0d, 0x32};
	struct fixture f;
	struct device *device = create(&f);

	(void)state;
	now = (struct timespec){.tv_sec = 951782400};
	cmos_write(&f, STATUS_A, 0xa6);
	assert_int_equal(cmos_read(&f, STATUS_A), 0x26);
	cmos_write(&f, STATUS_A, 0x2f);
	assert_int_equal(cmos_read(&f, STATUS_A), 0x2f);
	for (size_t i = 0; i < NR_OF(fixed); i++) {
		unsigned int before = cmos_read(&f, fixed[i]);

		cmos_write(&f, fixed[i], ~before & 0xff);
		assert_int_equal(cmos_read(&f, fixed[i]), before);
	}
	device_destroy(device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_are_decimal_with_a_century),
		cmocka_unit_test(what_is_read_only_stays),
		cmocka_unit_test(an_update_is_announced_for_the_last_2228_us_of_a_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
