/* SPDX-License-Identifier: MIT */
/*
 * A virtio device's interrupt comes to the pin that the device tree names, once for each request,
 * and its acknowledgement clears the cause (virtio 1.2, 4.2.2). rounds= says how many requests.
 */
#include "guest/payload/lib/virtio.h"
#include "tests/kvm/guest/apic.h"

PAYLOAD(TINYVMM_NOTE_IRQCHIP);

#define VECTOR	    0x33
#define USED_BUFFER 1 /* bit 0 of the interrupt status */

static struct virtq queue;
static uint64_t base;
static unsigned int taken;

void payload_trap(struct trap_frame *frame)
{
	EXPECT_EQUAL(frame->vector, VECTOR);
	EXPECT_EQUAL(mmio_read32(base + VIRTIO_INTERRUPT_STATUS), USED_BUFFER);
	mmio_write32(base + VIRTIO_INTERRUPT_ACK, USED_BUFFER);
	EXPECT_EQUAL(mmio_read32(base + VIRTIO_INTERRUPT_STATUS), 0);
	apic_eoi();
	__atomic_store_n(&taken, taken + 1, __ATOMIC_RELEASE);
}

void payload_setup(const void *fdt, unsigned long cpu)
{
	struct devtree tree;

	(void)cpu;
	base = virtio_find(fdt, VIRTIO_RNG, 0); /* the only device */
	EXPECT(base != 0 && devtree_find(&tree, fdt, "virtio", "interrupts", 0));
	apic_enable();
	ioapic_route(be32(tree.value), VECTOR, 0);
	interrupts_on();
}

int payload_main(const void *fdt, unsigned long cpu)
{
	uint64_t rounds = devtree_number(fdt, "rounds=", 1);
	uint8_t bytes[32];
	struct virtio_buffer buffer = {bytes, sizeof(bytes), true};

	(void)cpu;
	virtio_negotiate(base, 0);
	virtio_add_queue(base, 0, &queue);
	virtio_driver_ok(base);
	for (unsigned int i = 1; i <= rounds; i++) {
		virtq_post(&queue, &buffer, 1);
		while (__atomic_load_n(&taken, __ATOMIC_ACQUIRE) < i)
			pause();
		EXPECT(virtq_done(&queue));
		EXPECT_EQUAL(virtq_consume(&queue), sizeof(bytes));
	}
	EXPECT_EQUAL(taken, rounds);
	return 0;
}
