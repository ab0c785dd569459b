/* SPDX-License-Identifier: MIT */
/*
 * An i8042 keyboard controller with nothing plugged in, after the IBM PC/AT Technical Reference
 * (March 1984), "Keyboard controller", and, for the auxiliary port, the IBM PS/2 Hardware Interface
 * Technical Reference. The A20 line is stored, not modelled: memory never wraps at 1 MiB.
 */
#include "devices/i8042.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "devices/isa.h"

/* Status register. */
#define STATUS_OUTPUT_FULL 0x01
#define STATUS_SYSTEM	   0x04 /* the self-test has passed */
#define STATUS_COMMAND	   0x08 /* the last write was a command */
#define STATUS_UNLOCKED	   0x10
#define STATUS_TIMEOUT	   0x40

/* Commands that matter here; a data byte follows some. */
#define CMD_READ_CONFIG	  0x20
#define CMD_WRITE_CONFIG  0x60
#define CMD_DISABLE_AUX	  0xa7
#define CMD_ENABLE_AUX	  0xa8
#define CMD_TEST_AUX	  0xa9
#define CMD_SELF_TEST	  0xaa
#define CMD_TEST_KEYBOARD 0xab
#define CMD_DISABLE_KBD	  0xad
#define CMD_ENABLE_KBD	  0xae
#define CMD_READ_INPUT	  0xc0
#define CMD_READ_OUTPUT	  0xd0
#define CMD_WRITE_OUTPUT  0xd1
#define CMD_KEYBOARD_LOOP 0xd2
#define CMD_AUX_LOOP	  0xd3
#define CMD_WRITE_AUX	  0xd4
#define CMD_PULSE	  0xf0 /* and up: pulses the output lines whose bit is 0 */

#define SELF_TEST_PASSED 0x55
#define TEST_NO_ERROR	 0x00
#define TEST_CLOCK_LOW	 0x01 /* what the test of an absent port says */
#define REPLY_RESEND	 0xfe /* "send it again": no device has answered */

#define CONFIG_SYSTEM	   0x04
#define CONFIG_DISABLE_KBD 0x10
#define CONFIG_DISABLE_AUX 0x20

#define OUTPUT_NOT_RESET 0x01 /* the line is active low */
#define OUTPUT_A20	 0x02

struct i8042 {
	struct device device;
	struct guest_end end;
	pthread_mutex_t lock;
	uint8_t status;
	uint8_t config;
	uint8_t output_port;
	uint8_t output; /* the byte to read, while STATUS_OUTPUT_FULL */
	uint8_t expect; /* the command that the next data byte belongs to, or 0 */
};

static void reply(struct i8042 *i8042, uint8_t byte)
{
	i8042->output = byte;
	i8042->status |= STATUS_OUTPUT_FULL;
	i8042->status &= (uint8_t)~STATUS_TIMEOUT;
}

/* What was meant for a device that is not there. */
static void reply_timeout(struct i8042 *i8042)
{
	reply(i8042, REPLY_RESEND);
	i8042->status |= STATUS_TIMEOUT;
}

static void set_output_port(struct i8042 *i8042, uint8_t value)
{
	i8042->output_port = value | OUTPUT_NOT_RESET;
	if (!(value & OUTPUT_NOT_RESET))
		guest_end_report(&i8042->end, GUEST_END_RESET, 0);
}

static void write_command(struct i8042 *i8042, uint8_t command)
{
	i8042->status |= STATUS_COMMAND;
	i8042->expect = 0;
	switch (command) {
	case CMD_READ_CONFIG:
		reply(i8042, i8042->config);
		break;
	case CMD_SELF_TEST:
		i8042->status |= STATUS_SYSTEM;
		reply(i8042, SELF_TEST_PASSED);
		break;
	case CMD_TEST_KEYBOARD:
		reply(i8042, TEST_NO_ERROR);
		break;
	case CMD_TEST_AUX:
		reply(i8042, TEST_CLOCK_LOW);
		break;
	case CMD_DISABLE_KBD:
		i8042->config |= CONFIG_DISABLE_KBD;
		break;
	case CMD_ENABLE_KBD:
		i8042->config &= (uint8_t)~CONFIG_DISABLE_KBD;
		break;
	case CMD_DISABLE_AUX:
		i8042->config |= CONFIG_DISABLE_AUX;
		break;
	case CMD_ENABLE_AUX: /* there is none to enable, and the configuration still says so */
		break;
	case CMD_READ_INPUT:
		reply(i8042, 0);
		break;
	case CMD_READ_OUTPUT:
		reply(i8042, i8042->output_port);
		break;
	case CMD_WRITE_CONFIG:
	case CMD_WRITE_OUTPUT:
	case CMD_KEYBOARD_LOOP:
	case CMD_AUX_LOOP:
	case CMD_WRITE_AUX:
		i8042->expect = command;
		break;
	default:
		if (command >= CMD_PULSE && !(command & OUTPUT_NOT_RESET))
			guest_end_report(&i8042->end, GUEST_END_RESET, 0);
		break;
	}
}

static void write_data(struct i8042 *i8042, uint8_t value)
{
	uint8_t command = i8042->expect;

	i8042->status &= (uint8_t)~STATUS_COMMAND;
	i8042->expect = 0;
	switch (command) {
	case CMD_WRITE_CONFIG:
		i8042->config = value | CONFIG_DISABLE_AUX;
		break;
	case CMD_WRITE_OUTPUT:
		set_output_port(i8042, value);
		break;
	case CMD_KEYBOARD_LOOP:
		reply(i8042, value);
		break;
	case CMD_AUX_LOOP:
		/*
		 * A controller without an auxiliary port does not echo the byte. An answer of some
		 * kind saves the guest a time-out.
		 */
		reply(i8042, (uint8_t)~value);
		break;
	default: /* for the keyboard or the mouse */
		reply_timeout(i8042);
		break;
	}
}

/* --- port 0x60 --- */

static uint8_t data_read8(void *device, uint64_t offset)
{
	struct i8042 *i8042 = device;
	uint8_t value;

	(void)offset;
	pthread_mutex_lock(&i8042->lock);
	value = i8042->output;
	i8042->status &= (uint8_t) ~(STATUS_OUTPUT_FULL | STATUS_TIMEOUT);
	pthread_mutex_unlock(&i8042->lock);
	return value;
}

static void data_write8(void *device, uint64_t offset, uint8_t value)
{
	struct i8042 *i8042 = device;

	(void)offset;
	pthread_mutex_lock(&i8042->lock);
	write_data(i8042, value);
	pthread_mutex_unlock(&i8042->lock);
}

static uint64_t data_read(void *device, uint64_t offset, unsigned int size)
{
	return isa_read(device, offset, size, data_read8);
}

static void data_write(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	isa_write(device, offset, size, value, data_write8);
}

static const struct bus_ops data_ops = {
	.read = data_read,
	.write = data_write,
};

/* --- port 0x64 --- */

static uint8_t command_read8(void *device, uint64_t offset)
{
	struct i8042 *i8042 = device;
	uint8_t status;

	(void)offset;
	pthread_mutex_lock(&i8042->lock);
	status = i8042->status;
	pthread_mutex_unlock(&i8042->lock);
	return status;
}

static void command_write8(void *device, uint64_t offset, uint8_t value)
{
	struct i8042 *i8042 = device;

	(void)offset;
	pthread_mutex_lock(&i8042->lock);
	write_command(i8042, value);
	pthread_mutex_unlock(&i8042->lock);
}

static uint64_t command_read(void *device, uint64_t offset, unsigned int size)
{
	return isa_read(device, offset, size, command_read8);
}

static void command_write(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	isa_write(device, offset, size, value, command_write8);
}

static const struct bus_ops command_ops = {
	.read = command_read,
	.write = command_write,
};

/* --- life --- */

static void i8042_destroy(struct device *device)
{
	struct i8042 *i8042 = (struct i8042 *)device;

	pthread_mutex_destroy(&i8042->lock);
	free(i8042);
}

int i8042_create(const struct device_env *env, uint16_t port, struct device **device)
{
	struct i8042 *i8042 = calloc(1, sizeof(*i8042));
	int ret;

	if (i8042 == NULL)
		return -ENOMEM;
	i8042->device = (struct device){.name = "i8042", .destroy = i8042_destroy};
	i8042->end = env->end;
	i8042->status = STATUS_SYSTEM | STATUS_UNLOCKED;
	i8042->config = CONFIG_SYSTEM | CONFIG_DISABLE_AUX;
	i8042->output_port = OUTPUT_NOT_RESET | OUTPUT_A20;
	ret = bus_add(env->pio, port, 1, &data_ops, i8042, i8042->device.name);
	if (ret == 0)
		ret = bus_add(env->pio, port + I8042_COMMAND_OFFSET, 1, &command_ops, i8042,
			      i8042->device.name);
	if (ret < 0) {
		free(i8042);
		return ret;
	}
	pthread_mutex_init(&i8042->lock, NULL);
	*device = &i8042->device;
	return 0;
}
