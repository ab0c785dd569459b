/* SPDX-License-Identifier: MIT */
/*
 * The little of a PC's BIOS that kernels count on before they have drivers: a word in its data
 * area, services that say "no", and the reset vector.
 */
#include "vmm/x86/boot/internal.h"

/*
 * What a BIOS leaves in its data area as far as kernels look there: real-mode trampolines go
 * below the end of base memory. There is no extended BIOS data area, so its segment stays 0.
 */
static int put_data_area(struct boot_job *job)
{
	uint16_t base_kib = (uint16_t)(board_ram_from(job->board, 0) >> 10);

	return boot_put(job, MEMMAP_BDA_BASE_KIB, &base_kib, sizeof(base_kib),
			"the BIOS data area");
}

/* The vectors of a BIOS's services: 0x10 video, 0x13 disks, 0x15 system, 0x16 keyboard and so on.
 */
#define FIRST_SERVICE	  0x10u
#define NR_SERVICES	  16u
#define REAL_MODE_SEGMENT 0xf000u
#define VECTOR_BYTES	  4u

/*
 * Xen asks in real mode for disks and video modes, unless it is told not to. It would run into
 * zeroes if the vectors were zero, and so it gets the answer of a BIOS that lacks a service: the
 * carry flag.
 */
static int put_services(struct boot_job *job)
{
	static const uint8_t code[] = {
		0x55,			/* push %bp */
		0x89, 0xe5,		/* mov %sp, %bp */
		0x80, 0x4e, 0x06, 0x01, /* orb $1, 6(%bp): the caller's carry flag */
		0x5d,			/* pop %bp */
		0xcf,			/* iret */
	};
	uint16_t vectors[NR_SERVICES][2]; /* offset, segment */
	int ret = boot_put(job, MEMMAP_BIOS_SERVICE, code, sizeof(code), "the BIOS services");

	if (ret)
		return ret;
	for (unsigned int i = 0; i < NR_SERVICES; i++) {
		vectors[i][0] = MEMMAP_BIOS_SERVICE - (REAL_MODE_SEGMENT << 4);
		vectors[i][1] = REAL_MODE_SEGMENT;
	}
	return boot_put(job, FIRST_SERVICE * VECTOR_BYTES, vectors, sizeof(vectors),
			"the interrupt vectors");
}

/*
 * On hardware-reduced ACPI, Linux (arch/x86/kernel/reboot.c, reboot_init()) prefers to reset
 * through EFI, and without EFI "through the BIOS": it goes back to real mode and jumps to
 * F000:FFF0. So there is code there, which resets as the FADT says.
 */
static int put_reset_vector(struct boot_job *job)
{
	const uint16_t port = PORT_POWER + POWER_RESET;
	const uint8_t code[] = {
		0xba,	   port & 0xff,
		port >> 8,		      /* mov $port, %dx */
		0xb0,	   POWER_RESET_VALUE, /* mov $value, %al */
		0xee,			      /* out %al, %dx */
		0xfa,			      /* cli */
		0xf4,			      /* 1: hlt */
		0xeb,	   0xfd,	      /* jmp 1b */
	};

	return boot_put(job, MEMMAP_RESET_VECTOR, code, sizeof(code), "the reset vector");
}

int boot_put_bios(struct boot_job *job)
{
	int ret = put_data_area(job);

	if (!ret)
		ret = put_services(job);
	if (!ret)
		ret = put_reset_vector(job);
	return ret;
}
