/* SPDX-License-Identifier: MIT */
/* The test device, as QEMU's pc-testdev (hw/misc/pc-testdev.c) behaves. */
#include "devices/testdev.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "devices/isa.h"

#define FLUSHED_BYTES 4096u

struct testdev {
	struct device device;
	struct gmem *mem;
	struct irq_lines lines;
	const struct log *log;
	struct log_limit *log_limit;
	pthread_mutex_t lock; /* around what follows */
	uint8_t reg[TESTDEV_NR_REGISTERS];
	uint8_t window[TESTDEV_WINDOW_BYTES];
};

static uint8_t register_read8(void *device, uint64_t offset)
{
	struct testdev *testdev = device;

	return testdev->reg[offset];
}

static void register_write8(void *device, uint64_t offset, uint8_t value)
{
	struct testdev *testdev = device;

	testdev->reg[offset] = value;
}

static uint64_t register_read(void *device, uint64_t offset, unsigned int size)
{
	struct testdev *testdev = device;
	uint64_t value;

	pthread_mutex_lock(&testdev->lock);
	value = isa_read(testdev, offset, size, register_read8);
	pthread_mutex_unlock(&testdev->lock);
	return value;
}

static void register_write(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	struct testdev *testdev = device;

	pthread_mutex_lock(&testdev->lock);
	isa_write(testdev, offset, size, value, register_write8);
	pthread_mutex_unlock(&testdev->lock);
}

static const struct bus_ops register_ops = {
	.read = register_read,
	.write = register_write,
};

static uint64_t nothing_to_read(void *device, uint64_t offset, unsigned int size)
{
	(void)device, (void)offset, (void)size;
	return 0;
}

/*
 * Any change of a mapping's protection makes the kernel tell KVM to drop its own mapping of it
 * (mm/mprotect.c, change_protection()). To permit execution and forbid it again is a change that
 * takes no access away meanwhile from other vCPUs and the I/O thread.
 */
static void flush_write(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	struct testdev *testdev = device;
	uint64_t page = value & ~(uint64_t)(FLUSHED_BYTES - 1);
	void *hva = gmem_ptr(testdev->mem, gpa(page), FLUSHED_BYTES);
	int ret;

	(void)offset, (void)size;
	if (hva == NULL)
		return;
	ret = mprotect(hva, FLUSHED_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC);
	if (ret == 0)
		ret = mprotect(hva, FLUSHED_BYTES, PROT_READ | PROT_WRITE);
	if (ret < 0)
		log_limited(testdev->log, testdev->log_limit, LOG_WARN,
			    "%s: cannot flush a page: %s; use --mem without huge pages",
			    testdev->device.name, strerror(errno));
}

static const struct bus_ops flush_ops = {
	.read = nothing_to_read,
	.write = flush_write,
};

static void line_write8(void *device, uint64_t offset, uint8_t value)
{
	struct testdev *testdev = device;

	irq_lines_set(&testdev->lines, (unsigned int)offset, value != 0);
}

static void line_write(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	isa_write(device, offset, size, value, line_write8);
}

static const struct bus_ops line_ops = {
	.read = nothing_to_read,
	.write = line_write,
};

static uint64_t window_read(void *device, uint64_t offset, unsigned int size)
{
	struct testdev *testdev = device;
	uint64_t value = 0;

	pthread_mutex_lock(&testdev->lock);
	memcpy(&value, testdev->window + offset, size);
	pthread_mutex_unlock(&testdev->lock);
	return value;
}

static void window_write(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	struct testdev *testdev = device;

	pthread_mutex_lock(&testdev->lock);
	memcpy(testdev->window + offset, &value, size);
	pthread_mutex_unlock(&testdev->lock);
}

static const struct bus_ops window_ops = {
	.read = window_read,
	.write = window_write,
};

static void testdev_destroy(struct device *device)
{
	struct testdev *testdev = (struct testdev *)device;

	pthread_mutex_destroy(&testdev->lock);
	free(testdev);
}

static int claim(struct testdev *testdev, const struct device_env *env,
		 const struct testdev_layout *layout)
{
	const char *name = testdev->device.name;
	int ret = bus_add(env->pio, layout->registers, TESTDEV_NR_REGISTERS, &register_ops, testdev,
			  name);

	if (ret == 0)
		ret = bus_add(env->pio, layout->flush, TESTDEV_NR_FLUSH, &flush_ops, testdev, name);
	if (ret == 0)
		ret = bus_add(env->pio, layout->lines, TESTDEV_NR_LINES, &line_ops, testdev, name);
	if (ret == 0)
		ret = bus_add(env->mmio, layout->window, TESTDEV_WINDOW_BYTES, &window_ops, testdev,
			      name);
	return ret;
}

int testdev_create(const struct device_env *env, const struct testdev_layout *layout,
		   struct device **device)
{
	struct testdev *testdev = calloc(1, sizeof(*testdev));
	int ret;

	if (testdev == NULL)
		return -ENOMEM;
	testdev->device = (struct device){.name = "testdev", .destroy = testdev_destroy};
	testdev->mem = env->mem;
	testdev->lines = env->lines;
	testdev->log = env->log;
	testdev->log_limit = env->log_limit;
	pthread_mutex_init(&testdev->lock, NULL);
	ret = claim(testdev, env, layout);
	if (ret < 0) {
		testdev_destroy(&testdev->device);
		return ret;
	}
	*device = &testdev->device;
	return 0;
}
