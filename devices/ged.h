/* SPDX-License-Identifier: MIT */
/*
 * The register behind a Generic Event Device (ACPI 6.5, 5.6.9), which is how a hardware-reduced
 * machine has a power button: the interrupt makes the guest run the device's _EVT method, and that
 * reads here which events there are. The method, and the _INI method that says that the guest will
 * do so, are in the DSDT (vmm/x86/tables/acpi_dsdt.c).
 *
 * A guest without an ACPI interpreter does not listen: press() of the button that ged_create()
 * makes returns false then, and does nothing.
 */
#ifndef DEVICES_GED_H
#define DEVICES_GED_H

#include <stdint.h>

#include "vmm/core/device.h"

#define GED_NR_PORTS 1

/* Reading takes the events that are pending, and clears them. */
#define GED_POWER_BUTTON 0x01
/* Writing says that the guest listens. */
#define GED_LISTENS 0x01

/*
 * Claims `port`; fills in env's button, which outlives the device, and takes it back at its end.
 * Uses env's pio, irq and button. 0 or -errno.
 */
int ged_create(const struct device_env *env, uint16_t port, struct device **device);

#endif
