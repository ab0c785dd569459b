/* SPDX-License-Identifier: MIT */
/* PCI configuration mechanism #1 with a host bridge alone on its bus (PCI Local Bus 3.0). */
#include "devices/pci_host.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

/* 3.2.2.3.2: CONFIG_ADDRESS is one register of 32 bits, and CONFIG_DATA its window. */
#define DATA_OFFSET	 4
#define ADDRESS_ENABLE	 0x80000000u
#define ADDRESS_FUNCTION 0x00ffff00u /* bus, device, function: the bridge has 0 in each */
#define ADDRESS_REGISTER 0x000000fcu

/*
 * 6.1: the bridge's header, by dwords; what is not here is zero and read-only. The ids are those of
 * QEMU's generic host bridge (its docs/specs/pci-ids.rst), which no driver binds to.
 */
#define ID_REGISTER    0x00
#define BRIDGE_ID      0x00081b36u
#define CLASS_REGISTER 0x08
#define BRIDGE_CLASS   0x06000000u /* host bridge, revision 0 */

struct pci_host {
	struct device device;
	_Atomic uint32_t address;
};

/* 6.1: a function that is not there reads as all ones. */
static uint32_t read_config(uint32_t address)
{
	if (!(address & ADDRESS_ENABLE) || (address & ADDRESS_FUNCTION) != 0)
		return UINT32_MAX;
	switch (address & ADDRESS_REGISTER) {
	case ID_REGISTER:
		return BRIDGE_ID;
	case CLASS_REGISTER:
		return BRIDGE_CLASS;
	default:
		return 0;
	}
}

/* Narrower accesses to the address are ordinary port I/O, and nothing else is there. */
static uint64_t pci_host_read(void *device, uint64_t offset, unsigned int size)
{
	struct pci_host *host = device;
	uint32_t address = atomic_load(&host->address);

	if (offset >= DATA_OFFSET && size <= 4)
		return read_config(address) >> 8 * (offset - DATA_OFFSET);
	if (offset == 0 && size == 4)
		return address;
	return UINT64_MAX;
}

static void pci_host_write(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	struct pci_host *host = device;

	/* Bits 30 to 24 are reserved, and bits 1 and 0 zero. */
	if (offset == 0 && size == 4)
		atomic_store(&host->address, (uint32_t)value & (ADDRESS_ENABLE | ADDRESS_FUNCTION |
								ADDRESS_REGISTER));
}

static const struct bus_ops pci_host_ops = {
	.read = pci_host_read,
	.write = pci_host_write,
};

static void pci_host_destroy(struct device *device)
{
	free(device);
}

int pci_host_create(const struct device_env *env, uint16_t port, struct device **device)
{
	struct pci_host *host = calloc(1, sizeof(*host));
	int ret;

	if (host == NULL)
		return -ENOMEM;
	host->device = (struct device){.name = "pci-host", .destroy = pci_host_destroy};
	ret = bus_add(env->pio, port, PCI_HOST_NR_PORTS, &pci_host_ops, host, host->device.name);
	if (ret < 0) {
		free(host);
		return ret;
	}
	*device = &host->device;
	return 0;
}
