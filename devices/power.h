/* SPDX-License-Identifier: MIT */
/*
 * The registers through which a hardware-reduced ACPI machine is switched off and reset (ACPI 6.5,
 * 4.8.3.7 sleep control and status, 4.8.3.6 reset register). Where they are, and the values that
 * mean "off" and "reset", are the caller's: its ACPI tables tell the guest the same.
 */
#ifndef DEVICES_POWER_H
#define DEVICES_POWER_H

#include <stdint.h>

#include "vmm/core/device.h"

struct power_layout {
	uint16_t port;		      /* the first of `nr_ports` */
	uint16_t nr_ports;	      /* the registers' offsets are below it */
	uint8_t sleep_control, reset; /* offsets; the status register is any other, and reads 0 */
	uint8_t s5_type;	      /* SLP_TYP in the \_S5 object */
	uint8_t reset_value;	      /* RESET_VALUE in the FADT */
};

/* Claims the ports of the layout; uses env's pio, end and log. 0 or -errno. */
int power_create(const struct device_env *env, const struct power_layout *layout,
		 struct device **device);

#endif
