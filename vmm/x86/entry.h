/* SPDX-License-Identifier: MIT */
/*
 * How a processor starts: what the loader of an image (boot/) decides, and what cpu.c makes KVM's
 * registers from. Plain data, no KVM.
 */
#ifndef VMM_X86_ENTRY_H
#define VMM_X86_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

enum boot_mode {
	BOOT_MODE_PROTECTED32, /* flat segments, paging off */
	BOOT_MODE_LONG64,      /* flat segments, the identity map of the first 4 GiB at `cr3` */
};

/* How the boot processor starts. Everything not named here is as after a reset. */
struct boot_entry {
	enum boot_mode mode;
	uint64_t rip, rsp, rax, rbx, rcx, rdx, rsi, rdi;
	uint64_t cr3; /* LONG64 */
	uint64_t gdt; /* guest-physical address of the GDT that boot_load() wrote */
	uint16_t gdt_limit;
	uint16_t code_selector, data_selector;
	uint16_t tss_selector; /* 0: none needed beyond KVM's own */
	/* Every vCPU starts here, with its number in rsi; else the others wait for a SIPI. */
	bool all_cpus;
};

#endif
