/* SPDX-License-Identifier: MIT */
/*
 * Every guest-physical address, port and interrupt of the x86 machine, in one map.
 *
 *	0x0000_0000  the 8086's interrupt vectors: zero, but for the services of a BIOS
 *	0x0000_0400  BIOS data area: the size of base memory
 *	0x0000_0500  GDT for the entry states that need one
 *	0x0000_1000  free for an image that wants low memory, up to 640 KiB, but for:
 *	0x0000_7000  Linux zero page (struct boot_params)
 *	0x0000_8000  stack for 64-bit entries, growing down from 0x9000
 *	0x0000_9000  identity page tables (PML4, PDPT, four page directories)
 *	0x0001_0000  Linux command line; what PVH and Multiboot kernels are told, which keeps off
 *the image 0x000a_0000  ACPI tables (reserved; there is no VGA, so this is plain RAM) 0x000e_0000
 *ACPI RSDP, where a BIOS would leave it (ACPI 6.5, 5.2.5.1) 0x000f_fff0  the 8086's reset vector,
 *where a BIOS would begin 0x0010_0000  images
 *	   ...       initrd, then the device tree, at the top of the RAM below 3 GiB
 *	0xc000_0000  end of low RAM, beginning of the 32-bit hole
 *	0xd000_0000  virtio-mmio slots, one page each
 *	0xfec0_0000  I/O APIC
 *	0xfee0_0000  local APIC
 *	0xff00_0000  window of the test device (--testdev)
 *	0xfffb_c000  KVM's identity map page and TSS pages (Intel without unrestricted guest)
 *	0x1_0000_0000  the rest of RAM
 */
#ifndef X86_MEMMAP_H
#define X86_MEMMAP_H

#define MEMMAP_BDA_EBDA	    0x40eu /* a word: segment of the extended BIOS data area; 0: none */
#define MEMMAP_BDA_BASE_KIB 0x413u /* a word: RAM from 0 on, in KiB */
#define MEMMAP_GDT	    0x500u
#define MEMMAP_LOW_FREE	    0x1000u
#define MEMMAP_ZERO_PAGE    0x7000u
#define MEMMAP_STACK	    0x8000u
#define MEMMAP_STACK_TOP    0x9000u
#define MEMMAP_PAGE_TABLES  0x9000u
#define MEMMAP_TABLES_END   0xf000u
#define MEMMAP_CMDLINE	    0x10000u
#define MEMMAP_CMDLINE_MAX  0x10000u /* bytes, with the final NUL */
#define MEMMAP_LOW_RAM_END  0xa0000u /* 640 KiB */
#define MEMMAP_ACPI	    0xa0000u
#define MEMMAP_ACPI_END	    0xe0000u
#define MEMMAP_RSDP	    0xe0000u
#define MEMMAP_BIOS_SERVICE 0xfff00u
#define MEMMAP_RESET_VECTOR 0xffff0u
#define MEMMAP_IMAGE	    0x100000u
#define MEMMAP_HOLE_START   0xc0000000ull
#define MEMMAP_HOLE_END	    0x100000000ull
#define MEMMAP_VIRTIO	    0xd0000000ull
#define MEMMAP_VIRTIO_SLOT  0x1000u /* bytes of each */
#define MEMMAP_IOAPIC	    0xfec00000u
#define MEMMAP_LAPIC	    0xfee00000u
#define MEMMAP_TESTDEV	    0xff000000ull /* 64 KiB */
#define MEMMAP_KVM_IDENTITY 0xfffbc000u
#define MEMMAP_KVM_TSS	    0xfffbd000u

/* Ports. */
#define PORT_I8042	    0x60 /* data; command and status are at 0x64 */
#define PORT_RTC	    0x70 /* index, data */
#define PORT_POST	    0x80
#define PORT_TESTDEV	    0xe0 /* 4 ports */
#define PORT_TESTDEV_FLUSH  0xe4 /* 4 ports */
#define PORT_DEBUGCON	    0xe9
#define PORT_DEBUG_EXIT	    0xf4
#define PORT_SERIAL	    0x3f8  /* 8 ports */
#define PORT_PCI	    0xcf8  /* 8 ports: the configuration's address and data */
#define PORT_POWER	    0x600  /* 4 ports: sleep control, sleep status, reset, (unused) */
#define PORT_BUTTON	    0x604  /* the power button's events */
#define PORT_TIMESTAMP	    0x608  /* 12 ports */
#define PORT_TESTDEV_LINES  0x2000 /* 24 ports */
#define POWER_NR_PORTS	    4
#define POWER_SLEEP_CONTROL 0
#define POWER_SLEEP_STATUS  1
#define POWER_RESET	    2
#define POWER_RESET_VALUE   1 /* what the FADT tells the guest to write */
#define POWER_S5_TYPE	    5 /* SLP_TYP of the \_S5 object */
#define BUTTON_LISTENS	    1 /* what a guest writes that wants to hear of the button */

/*
 * Interrupts: global system interrupt numbers, which are I/O APIC pins. 0 is the timer, 1 the
 * keyboard, 2 the cascade, 8 the RTC, of which only the timer may exist here (--pit); virtio slots
 * take what is left, GSI_VIRTIO_FIRST upwards.
 */
#define PIC_MASTER_BASE	 0x08 /* their vectors, as a BIOS has them */
#define PIC_SLAVE_BASE	 0x70
#define GSI_SERIAL	 4
#define GSI_BUTTON	 9 /* where a PC has its ACPI interrupt */
#define GSI_VIRTIO_FIRST 10
#define GSI_VIRTIO_LAST	 23
#define MEMMAP_MAX_SLOTS (GSI_VIRTIO_LAST - GSI_VIRTIO_FIRST + 1)

#endif
