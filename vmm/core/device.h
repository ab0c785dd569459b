/* SPDX-License-Identifier: MIT */
/*
 * The one shape of a device, and the environment that it lives in.
 *
 * A device is created by its own function, `<chip>_create(env, ..., &device)`, which claims its
 * bus regions and returns 0 or -errno. It sees nothing but this environment: not the machine, not
 * KVM. It keeps no file-scope state, so two of the same kind work. A machine reset destroys
 * every device and creates it anew, which is why there is no reset entry here; what outlives a
 * reset (an open disk image, a TAP, the console) is a host back end handed to the device.
 */
#ifndef CORE_DEVICE_H
#define CORE_DEVICE_H

#include "vmm/core/bus.h"
#include "vmm/core/button.h"
#include "vmm/core/chario.h"
#include "vmm/core/doorbell.h"
#include "vmm/core/evloop.h"
#include "vmm/core/exit_clock.h"
#include "vmm/core/gmem.h"
#include "vmm/core/guest_end.h"
#include "vmm/core/irq.h"
#include "vmm/core/log.h"

struct device_env {
	struct gmem *mem;
	struct bus *pio;
	struct bus *mmio;
	struct irq irq;		/* this device's own line; not connected if it has none */
	struct irq_lines lines; /* all others; for a test device alone */
	struct doorbell doorbell;
	struct evloop *loop;
	const struct chario_host *console; /* where the guest's output goes; outlives the device */
	struct guest_end end;
	struct button *button; /* for the device that is the power button to fill in */
	struct exit_clock clock;
	const struct log *log;
	struct log_limit *log_limit; /* for what a guest can cause; outlives a reset */
};

struct device {
	const char *name;
	/*
	 * Frees the device; the vCPUs and the event loop have stopped. Its regions go with the bus.
	 */
	void (*destroy)(struct device *device);
};

static inline void device_destroy(struct device *device)
{
	if (device != NULL)
		device->destroy(device);
}

#endif
