/* SPDX-License-Identifier: MIT */
/*
 * What tinyvmm and its own payloads agree on. Included by both sides; self-contained.
 *
 * A payload is an ELF64 with a note (name "tinyvmm", type TINYVMM_NOTE_TYPE) whose descriptor is
 * struct tinyvmm_note. It is entered at e_entry in 64-bit mode, interrupts off, on an identity map
 * of the first 4 GiB in 2 MiB pages (supervisor and user may both use it), with
 *
 *	rdi  guest-physical address of the device tree
 *	rsi  number of this vCPU, from 0
 *	rsp  top of a small stack (of the boot vCPU; others bring their own: it is 0 for them)
 *
 * and everything else as vmm/x86/entry.h's struct boot_entry says.
 */
#ifndef GUEST_ABI_H
#define GUEST_ABI_H

#define TINYVMM_NOTE_NAME    "tinyvmm"
#define TINYVMM_NOTE_TYPE    1
#define TINYVMM_NOTE_VERSION 1

/* The payload wants in-kernel interrupt controllers; without, none is made (it is faster). */
#define TINYVMM_NOTE_IRQCHIP 1
/* Every vCPU starts at the entry; without, only the boot vCPU does. */
#define TINYVMM_NOTE_ALL_CPUS	 2
#define TINYVMM_NOTE_KNOWN_FLAGS (TINYVMM_NOTE_IRQCHIP | TINYVMM_NOTE_ALL_CPUS)

/* Ports that payloads use; the machine's map (vmm/x86/memmap.h) has the same values. */
#define TINYVMM_PORT_SERIAL	0x3f8
#define TINYVMM_PORT_DEBUGCON	0xe9
#define TINYVMM_PORT_DEBUG_EXIT 0xf4
#define TINYVMM_PORT_POWER	0x600 /* ACPI sleep control register */
#define TINYVMM_PORT_RESET	0x602 /* ACPI reset register */
/*
 * The VMM's time stamps of an exit, 32 bits each: write 1 to the first to have them taken, and see
 * there (reads 1) whether they are in ticks of the payload's own time stamp counter. The others are
 * the low halves of the counter when the last exit but this had left the guest, and when the guest
 * was entered again, to be read in this order (devices/timestamp.h).
 */
#define TINYVMM_PORT_TIMESTAMP_CONTROL 0x608
#define TINYVMM_PORT_TIMESTAMP_LEFT    0x60c
#define TINYVMM_PORT_TIMESTAMP_ENTERED 0x610

/* What ends the machine when written there (ACPI 6.5, 4.8.3.7: SLP_EN with SLP_TYP of \_S5). */
#define TINYVMM_POWER_OFF_VALUE 0x34
#define TINYVMM_RESET_VALUE	1

/* tinyvmm's exit status after `value` at the debug-exit port, as with QEMU's isa-debug-exit. */
#define TINYVMM_DEBUG_EXIT_STATUS(value) ((((value) << 1) | 1) & 0xff)

/*
 * Markers for an instrument that watches the CPU from outside, as `tinybench exact` does: an
 * instruction that does nothing, nopl DISPLACEMENT(%rax,%rax,1), whose displacement is TINYVMM_MARK
 * with what it means in its low half. On hardware it is eight bytes of nop. START and STOP enclose
 * what is counted, wherever they are executed; the others are for level 1, before it starts a
 * program: a number for what follows (0: nothing of interest), as JOB | number, or LIFE | number if
 * the first START is to be recorded, too, and not taken for a warm-up.
 */
#define TINYVMM_MARK	      0x766d0000
#define TINYVMM_MARK_START    0x0001
#define TINYVMM_MARK_STOP     0x0002
#define TINYVMM_MARK_LIFE     0x4000
#define TINYVMM_MARK_JOB      0x8000
#define TINYVMM_MARK_JOB_MASK 0x3fff

#ifndef __ASSEMBLER__
#define TINYVMM_MARKER(what) \
	__asm__ volatile("nopl %c0(%%rax,%%rax,1)" ::"i"(TINYVMM_MARK | (what)) : "memory")

struct tinyvmm_note {
	unsigned int version; /* TINYVMM_NOTE_VERSION */
	unsigned int flags;   /* TINYVMM_NOTE_* */
};
#endif

#endif
