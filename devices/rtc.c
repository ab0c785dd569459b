/* SPDX-License-Identifier: MIT */
/*
 * The CMOS clock of a PC, after Motorola's MC146818 data sheet; the century byte is where ACPI's
 * FADT and every BIOS since the PC/AT have it.
 */
#include "devices/rtc.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "devices/isa.h"

#define INDEX_OFFSET 0
#define INDEX_MASK   0x7f /* bit 7 masks the NMI, which this machine has no source of */

/* Address map of the chip, and of a PC's BIOS above 0x0d. */
enum {
	RTC_SECONDS,
	RTC_SECONDS_ALARM,
	RTC_MINUTES,
	RTC_MINUTES_ALARM,
	RTC_HOURS,
	RTC_HOURS_ALARM,
	RTC_WEEKDAY,
	RTC_DAY,
	RTC_MONTH,
	RTC_YEAR,
	RTC_STATUS_A,
	RTC_STATUS_B,
	RTC_STATUS_C,
	RTC_STATUS_D,
	RTC_CENTURY = 0x32,
	RTC_NR_BYTES = 128,
};

#define STATUS_A_UPDATING 0x80
#define STATUS_A_32KHZ_1024HZ \
	0x26 /* what every BIOS sets: 32,768 Hz crystal, 1,024 Hz interrupts */
#define STATUS_B_SET	0x80
#define STATUS_B_BINARY 0x04
#define STATUS_B_24H	0x02
#define STATUS_D_VALID	0x80 /* the battery is good */

#define HOURS_PM 0x80

/* An update is announced 244 us ahead and takes 1,984 us with a 32,768 Hz crystal. */
#define UPDATE_NS (2228 * 1000)

struct rtc {
	struct device device;
	pthread_mutex_t lock;
	uint8_t index;
	uint8_t byte[RTC_NR_BYTES];
};

static uint8_t encode(const struct rtc *rtc, int value)
{
	if (rtc->byte[RTC_STATUS_B] & STATUS_B_BINARY)
		return (uint8_t)value;
	return (uint8_t)(value / 10 << 4 | value % 10);
}

static uint8_t encode_hours(const struct rtc *rtc, int hours)
{
	if (rtc->byte[RTC_STATUS_B] & STATUS_B_24H)
		return encode(rtc, hours);
	return encode(rtc, hours % 12 == 0 ? 12 : hours % 12) | (hours >= 12 ? HOURS_PM : 0);
}

static uint8_t read_time(const struct rtc *rtc, uint8_t index)
{
	struct timespec now;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	switch (index) {
	case RTC_SECONDS:
		return encode(rtc, tm.tm_sec);
	case RTC_MINUTES:
		return encode(rtc, tm.tm_min);
	case RTC_HOURS:
		return encode_hours(rtc, tm.tm_hour);
	case RTC_WEEKDAY: /* 1 is Sunday */
		return encode(rtc, tm.tm_wday + 1);
	case RTC_DAY:
		return encode(rtc, tm.tm_mday);
	case RTC_MONTH:
		return encode(rtc, tm.tm_mon + 1);
	case RTC_YEAR:
		return encode(rtc, tm.tm_year % 100);
	default:
		return encode(rtc, 19 + tm.tm_year / 100);
	}
}

/*
 * A guest reads several registers in a row once this bit is clear; the chip gives it 244 us, we
 * give it the whole length of the update, in case its exits are slow.
 */
static bool is_updating(const struct rtc *rtc)
{
	struct timespec now;

	if (rtc->byte[RTC_STATUS_B] & STATUS_B_SET)
		return false;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_nsec >= 1000000000 - UPDATE_NS;
}

static bool is_time(uint8_t index)
{
	switch (index) {
	case RTC_SECONDS:
	case RTC_MINUTES:
	case RTC_HOURS:
	case RTC_WEEKDAY:
	case RTC_DAY:
	case RTC_MONTH:
	case RTC_YEAR:
	case RTC_CENTURY:
		return true;
	default:
		return false;
	}
}

static uint8_t read_data(const struct rtc *rtc)
{
	if (is_time(rtc->index))
		return read_time(rtc, rtc->index);
	switch (rtc->index) {
	case RTC_STATUS_A:
		return rtc->byte[RTC_STATUS_A] | (is_updating(rtc) ? STATUS_A_UPDATING : 0);
	case RTC_STATUS_C:
		return 0;
	case RTC_STATUS_D:
		return STATUS_D_VALID;
	default:
		return rtc->byte[rtc->index];
	}
}

static void write_data(struct rtc *rtc, uint8_t value)
{
	if (rtc->index == RTC_STATUS_A)
		value &= (uint8_t)~STATUS_A_UPDATING;
	/* The time is not kept here, and C and D are read-only. */
	if (!is_time(rtc->index) && rtc->index != RTC_STATUS_C && rtc->index != RTC_STATUS_D)
		rtc->byte[rtc->index] = value;
}

static uint8_t rtc_read8(void *device, uint64_t offset)
{
	struct rtc *rtc = device;
	uint8_t value;

	/* The index is write-only on a PC/AT. */
	if (offset == INDEX_OFFSET)
		return 0xff;
	pthread_mutex_lock(&rtc->lock);
	value = read_data(rtc);
	pthread_mutex_unlock(&rtc->lock);
	return value;
}

static void rtc_write8(void *device, uint64_t offset, uint8_t value)
{
	struct rtc *rtc = device;

	pthread_mutex_lock(&rtc->lock);
	if (offset == INDEX_OFFSET)
		rtc->index = value & INDEX_MASK;
	else
		write_data(rtc, value);
	pthread_mutex_unlock(&rtc->lock);
}

static uint64_t rtc_read(void *device, uint64_t offset, unsigned int size)
{
	return isa_read(device, offset, size, rtc_read8);
}

static void rtc_write(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	isa_write(device, offset, size, value, rtc_write8);
}

static const struct bus_ops rtc_ops = {
	.read = rtc_read,
	.write = rtc_write,
};

static void rtc_destroy(struct device *device)
{
	struct rtc *rtc = (struct rtc *)device;

	pthread_mutex_destroy(&rtc->lock);
	free(rtc);
}

int rtc_create(const struct device_env *env, uint16_t port, struct device **device)
{
	struct rtc *rtc = calloc(1, sizeof(*rtc));
	int ret;

	if (rtc == NULL)
		return -ENOMEM;
	rtc->device = (struct device){.name = "rtc", .destroy = rtc_destroy};
	rtc->byte[RTC_STATUS_A] = STATUS_A_32KHZ_1024HZ;
	rtc->byte[RTC_STATUS_B] = STATUS_B_24H;
	ret = bus_add(env->pio, port, RTC_NR_PORTS, &rtc_ops, rtc, rtc->device.name);
	if (ret < 0) {
		free(rtc);
		return ret;
	}
	pthread_mutex_init(&rtc->lock, NULL);
	*device = &rtc->device;
	return 0;
}
