/* SPDX-License-Identifier: MIT */
/* The debug-exit port, as QEMU's isa-debug-exit (hw/misc/debugexit.c) behaves. */
#include "devices/debug_exit.h"

#include <errno.h>
#include <stdlib.h>

struct debug_exit {
	struct device device;
	struct guest_end end;
};

static uint64_t debug_exit_read(void *device, uint64_t offset, unsigned int size)
{
	(void)device, (void)offset, (void)size;
	return 0;
}

/* Whichever of its ports and however wide: each write ends the machine. */
static void debug_exit_write(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	struct debug_exit *debug_exit = device;

	(void)offset, (void)size;
	guest_end_report(&debug_exit->end, GUEST_END_DEBUG_EXIT, (uint32_t)value);
}

static const struct bus_ops debug_exit_ops = {
	.read = debug_exit_read,
	.write = debug_exit_write,
};

static void debug_exit_destroy(struct device *device)
{
	free(device);
}

int debug_exit_create(const struct device_env *env, uint16_t port, struct device **device)
{
	struct debug_exit *debug_exit = calloc(1, sizeof(*debug_exit));
	int ret;

	if (debug_exit == NULL)
		return -ENOMEM;
	debug_exit->device = (struct device){.name = "debug-exit", .destroy = debug_exit_destroy};
	debug_exit->end = env->end;
	ret = bus_add(env->pio, port, DEBUG_EXIT_NR_PORTS, &debug_exit_ops, debug_exit,
		      debug_exit->device.name);
	if (ret < 0) {
		free(debug_exit);
		return ret;
	}
	*device = &debug_exit->device;
	return 0;
}
