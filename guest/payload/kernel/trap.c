/* SPDX-License-Identifier: MIT */
/*
 * What the payload kernel makes of a fault that is not its system call (entry.S): a line like those
 * that the benchmark file prints, and the end of the machine with a status of its own.
 */
#include "guest/payload/kernel/kernel.h"

#define CS_RING 3u

static uint64_t read_cr2(void)
{
	uint64_t value;

	__asm__ volatile("mov %%cr2, %0" : "=r"(value));
	return value;
}

static void print_named(const char *name, uint64_t value)
{
	print(name);
	print_number(value, 16);
}

uint64_t payload_end_machine(uint64_t value)
{
	static const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) no_idt = {0, 0};

	debug_exit((uint8_t)value);
	__asm__ volatile("lidt %0; ud2" ::"m"(no_idt));
	__builtin_unreachable();
}

void payload_trap(struct trap_frame *frame)
{
	/* The fault may have come in the middle of a line. */
	print("\n{\"event\":\"error\",\"bench\":\"payload\",\"reason\":\"fault: vector ");
	print_number(frame->vector, 10);
	print_named(", rip 0x", frame->rip);
	print_named(", error code 0x", frame->error);
	print_named(", address 0x", read_cr2());
	print_named(", ring ", frame->cs & CS_RING);
	print("\"}\n");
	payload_end_machine(PAYLOAD_FAULTED);
}
