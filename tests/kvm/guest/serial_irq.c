/* SPDX-License-Identifier: MIT */
/*
 * The serial port's transmitter interrupt, through the I/O APIC and the local APIC, feeds out a
 * text one byte each time, while payload_main() only waits.
 */
#include "tests/kvm/guest/apic.h"

PAYLOAD(TINYVMM_NOTE_IRQCHIP);

#define GSI_SERIAL 4
#define VECTOR	   0x24

static const char text[] = "sent by interrupts\n";
static unsigned int sent;

void payload_trap(struct trap_frame *frame)
{
	EXPECT_EQUAL(frame->vector, VECTOR);
	EXPECT_EQUAL(inb(TINYVMM_PORT_SERIAL + 2) & 0x0f, 0x02); /* IIR: transmitter empty */
	if (sent < sizeof(text) - 1)
		outb(TINYVMM_PORT_SERIAL, (uint8_t)text[sent]);
	__atomic_store_n(&sent, sent + 1, __ATOMIC_RELEASE);
	apic_eoi();
}

void payload_setup(const void *fdt, unsigned long cpu)
{
	(void)fdt, (void)cpu;
	apic_enable();
	ioapic_route(GSI_SERIAL, VECTOR, 0);
	outb(TINYVMM_PORT_SERIAL + 4, 0x08); /* MCR: OUT2 connects the line */
	interrupts_on();
}

int payload_main(const void *fdt, unsigned long cpu)
{
	(void)fdt, (void)cpu;
	EXPECT_EQUAL(sent, 0);
	outb(TINYVMM_PORT_SERIAL + 1, 0x02); /* IER: transmitter empty, which it is */
	while (__atomic_load_n(&sent, __ATOMIC_ACQUIRE) < sizeof(text))
		pause();
	return 0;
}
