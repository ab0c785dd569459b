/* SPDX-License-Identifier: MIT */
/* What the files of the payload kernel share. */
#ifndef PAYLOAD_KERNEL_H
#define PAYLOAD_KERNEL_H

#include "guest/payload/info.h"
#include "guest/payload/lib/payload.h"

/* Values for the debug-exit port: tinyvmm's status is 2 * value + 1. */
#define PAYLOAD_REFUSED 1 /* there is no program, or no room for it */
#define PAYLOAD_FAULTED 2

/* Says why on the serial port, as an error line, and ends the machine. */
_Noreturn void payload_refuse(const char *reason);

/* What a boot loader handed over: the command line, the program, and the machine. */
struct handover {
	const char *cmdline;
	const uint8_t *program;
	uint64_t program_size;
	uint64_t rsdp; /* ACPI's root, if the other CPUs are left to us; else 0 */
	uint64_t ram_start,
		ram_end; /* the RAM that 1 MiB lies in, cut where something lies in it */
};

/* Reads a device tree or a PVH start info, told apart by their magic, into `handover` and `info`.
 */
void handover_read(const void *boot, struct handover *handover, struct payload_info *info);

/* Starts the CPUs that ACPI's tables name besides this one; `rsdp` is where those begin, or 0. */
void cpus_start(uint64_t rsdp, struct payload_info *info);

/*
 * Copies the segments of the program, a static ELF64, to their addresses; returns its entry and
 * sets the end of what it occupies.
 */
uint64_t program_load(const struct handover *handover, uint64_t *end);

/* Where everything of the kernel itself ends (payload.ld). */
extern uint8_t payload_end[];

#endif
