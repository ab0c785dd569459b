/* SPDX-License-Identifier: MIT */
/* What the files of the payload kernel share. */
#ifndef PAYLOAD_KERNEL_H
#define PAYLOAD_KERNEL_H

#include "guest/payload/info.h"
#include "guest/payload/lib/payload.h"

/* Values for the debug-exit port: tinyvmm's status is 2 * value + 1. */
#define PAYLOAD_REFUSED 1 /* there is no program, or no room for it */
#define PAYLOAD_FAULTED 2

/*
 * Ends the machine, from ring 0: with `value` at the debug-exit port, or, under a VMM that has no
 * such port, by a triple fault. Does not return.
 */
uint64_t payload_end_machine(uint64_t value);

/* Says why on the serial port, as an error line, and ends the machine. */
_Noreturn void payload_refuse(const char *reason);

/* What a boot loader handed over: the command line, the program, and the machine. */
struct handover {
	const char *cmdline;
	const uint8_t *program;
	uint64_t program_size;
	bool cpus_wait; /* the other CPUs wait for a SIPI; else they start by themselves */
	uint64_t rsdp;	/* ACPI's root; 0 if only the BIOS knows where it is */
	uint64_t ram_start,
		ram_end;       /* the RAM that 1 MiB lies in, cut where something lies in it */
	uint64_t high_ram_end; /* the RAM from PAYLOAD_HIGH_RAM on; 0 if there is none */
};

/*
 * Reads a device tree, a PVH start info or Linux's boot_params, whichever the magic says, into
 * `handover` and `info`.
 */
void handover_read(const void *boot, struct handover *handover, struct payload_info *info);

/* For the readers: a range of RAM; something that lies in it; a command line, 0 for none. */
void handover_add_ram(struct handover *handover, uint64_t start, uint64_t size);
void handover_keep_out(struct handover *handover, uint64_t start);
void handover_take_cmdline(struct handover *handover, uint64_t cmdline, struct payload_info *info);

/* machine/boot_params.c */
bool boot_params_match(const void *boot);
void boot_params_read(const void *boot, struct handover *handover, struct payload_info *info);

/*
 * machine/bios.c: where a BIOS left a structure that begins with `signature`, whose `len` bytes sum
 * up to 0; or NULL.
 */
const void *bios_find(const char *signature, uint32_t len);

/* If they wait: starts the CPUs that ACPI's tables, or MP 1.4's, name besides this one. */
void cpus_start(const struct handover *handover, struct payload_info *info);

/* Starts one, which takes the next number; false if it does not come. */
bool cpus_start_one(struct payload_info *info, uint8_t apic_id);

/* machine/mp_table.c: starts those that an MP 1.4 table names. */
void mp_table_start_cpus(struct payload_info *info);

/*
 * Copies the segments of the program, a static ELF64, to their addresses; returns its entry and
 * sets the end of what it occupies.
 */
uint64_t program_load(const struct handover *handover, uint64_t *end);

/* Where everything of the kernel itself ends (payload.ld). */
extern uint8_t payload_end[];

#endif
