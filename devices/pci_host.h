/* SPDX-License-Identifier: MIT */
/*
 * The least that is a PCI bus: configuration mechanism #1 (PCI 3.0, 3.2.2.3.2), and on bus 0
 * nothing but the host bridge itself. No memory, no interrupt and no port can be reached through
 * it.
 *
 * A Linux kernel that is built with PCI, as every distribution's is, complains of a fatal error
 * where it finds no way to the configuration space. With this one it finds an empty bus.
 */
#ifndef DEVICES_PCI_HOST_H
#define DEVICES_PCI_HOST_H

#include <stdint.h>

#include "vmm/core/device.h"

#define PCI_HOST_NR_PORTS 8 /* address, data */

/* Claims PCI_HOST_NR_PORTS ports from `port` on; uses env's pio. 0 or -errno. */
int pci_host_create(const struct device_env *env, uint16_t port, struct device **device);

#endif
