/* SPDX-License-Identifier: MIT */
/* Power-off and reset of a hardware-reduced ACPI machine (ACPI 6.5, 4.8.3.6 and 4.8.3.7). */
#include "devices/power.h"

#include <errno.h>
#include <stdlib.h>

#include "devices/isa.h"

/* 4.8.3.7, table 4.16: the sleep control register. */
#define SLEEP_TYPE_SHIFT 2
#define SLEEP_TYPE_MASK	 7
#define SLEEP_ENABLE	 0x20

struct power {
	struct device device;
	struct guest_end end;
	const struct log *log;
	struct log_limit *log_limit;
	struct power_layout layout;
};

/* Write-only bits and WAK_STS (nothing ever wakes this machine, it never sleeps) read as 0. */
static uint8_t power_read8(void *device, uint64_t offset)
{
	(void)device, (void)offset;
	return 0;
}

static void write_sleep_control(struct power *power, uint8_t value)
{
	uint8_t type = (value >> SLEEP_TYPE_SHIFT) & SLEEP_TYPE_MASK;

	if (!(value & SLEEP_ENABLE))
		return;
	if (type == power->layout.s5_type)
		guest_end_report(&power->end, GUEST_END_POWER_OFF, 0);
	else
		log_limited(power->log, power->log_limit, LOG_WARN,
			    "%s: the guest asked for sleep type %u, which no table offers",
			    power->device.name, type);
}

static void power_write8(void *device, uint64_t offset, uint8_t value)
{
	struct power *power = device;

	if (offset == power->layout.sleep_control)
		write_sleep_control(power, value);
	else if (offset == power->layout.reset && value == power->layout.reset_value)
		guest_end_report(&power->end, GUEST_END_RESET, 0);
}

static uint64_t power_read(void *device, uint64_t offset, unsigned int size)
{
	return isa_read(device, offset, size, power_read8);
}

static void power_write(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	isa_write(device, offset, size, value, power_write8);
}

static const struct bus_ops power_ops = {
	.read = power_read,
	.write = power_write,
};

static void power_destroy(struct device *device)
{
	free(device);
}

int power_create(const struct device_env *env, const struct power_layout *layout,
		 struct device **device)
{
	struct power *power = calloc(1, sizeof(*power));
	int ret;

	if (power == NULL)
		return -ENOMEM;
	power->device = (struct device){.name = "power", .destroy = power_destroy};
	power->end = env->end;
	power->log = env->log;
	power->log_limit = env->log_limit;
	power->layout = *layout;
	ret = bus_add(env->pio, layout->port, layout->nr_ports, &power_ops, power,
		      power->device.name);
	if (ret < 0) {
		free(power);
		return ret;
	}
	*device = &power->device;
	return 0;
}
