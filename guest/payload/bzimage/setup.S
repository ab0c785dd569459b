/* SPDX-License-Identifier: MIT */
/*
 * What makes a bzImage of the payload kernel (Linux Documentation/arch/x86/boot.rst): a boot sector
 * with the setup header, real-mode code that asks the BIOS for the memory map, and behind them the
 * kernel as it lies in memory, payload.elf's own bytes.
 *
 * Loaders that know the 32-bit or 64-bit protocol, such as tinyvmm, read the header and leave the
 * real-mode code alone. kvmtool, and SeaBIOS for QEMU, begin there.
 */
#define KERNEL	     0x100000		/* payload.ld */
#define SECTOR_BYTES 512
#define PROTOCOL     0x020c		/* 2.12, the first with xloadflags */
#define LOADED_HIGH  0x01
#define XLF_KERNEL_64 0x0001
#define CMDLINE_MAX  2047
#define CR0_PE	     1
#define BOOT_CS	     0x10		/* in `gdt` below */
#define BOOT_DS	     0x18

/* In struct boot_params (zero-page.rst). */
#define E820_ENTRIES 0x1e8
#define HEADER	     0x1f1
#define E820_TABLE   0x2d0
#define E820_BYTES   20
#define E820_MAX     128

/*
 * boot.rst, "Memory Layout": the 32 KiB from the setup code on are its own. A page for boot_params,
 * the last of them for the stack.
 */
#define PARAMS	     0x1000
#define PARAMS_BYTES 0x1000
#define STACK_TOP    0x8000

.code16
.text
/* ---- the boot sector; a BIOS that takes the file for a disk would begin here ---------------- */
boot_sector:
	cli
1:	hlt
	jmp	1b

/* ---- the setup header; boot.rst, "The Real-Mode Kernel Header", has the same order ---------- */
.org HEADER
	.byte	(setup_end - boot_sector) / SECTOR_BYTES - 1 /* setup_sects */
	.word	0			/* root_flags */
	.long	(kernel_end - kernel) / 16 /* syssize */
	.word	0			/* ram_size */
	.word	0xffff			/* vid_mode: normal */
	.word	0			/* root_dev */
	.word	0xaa55			/* boot_flag */
	.byte	0xeb, start - 1f	/* jump; its second byte is the header's length as well */
1:	.ascii	"HdrS"
	.word	PROTOCOL
	.long	0			/* realmode_swtch */
	.word	0x1000			/* start_sys_seg: obsolete */
	.word	version - 0x200		/* kernel_version */
	.byte	0			/* type_of_loader */
	.byte	LOADED_HIGH		/* loadflags */
	.word	0x8000			/* setup_move_size */
	.long	KERNEL			/* code32_start */
	.long	0, 0			/* ramdisk_image, ramdisk_size */
	.long	0			/* bootsect_kludge */
	.word	0			/* heap_end_ptr */
	.byte	0, 0			/* ext_loader_ver, ext_loader_type */
	.long	0			/* cmd_line_ptr */
	.long	0x7fffffff		/* initrd_addr_max */
	.long	0x1000			/* kernel_alignment */
	.byte	0			/* relocatable_kernel: linked for 1 MiB */
	.byte	12			/* min_alignment */
	.word	XLF_KERNEL_64		/* xloadflags */
	.long	CMDLINE_MAX		/* cmdline_size */
	.long	0			/* hardware_subarch: PC */
	.quad	0			/* hardware_subarch_data */
	.long	0, 0			/* payload_offset, payload_length: nothing compressed */
	.quad	0			/* setup_data */
	.quad	KERNEL			/* pref_address */
	.long	payload_end - KERNEL	/* init_size: with .bss */
	.long	0			/* handover_offset */
header_end:

/* ---- real mode; ds is where the boot sector lies, cs that or 0x20 more ---------------------- */
start:
	cld
	mov	%ds, %ax
	mov	%ax, %es
	mov	%ax, %ss
	mov	$STACK_TOP, %sp
	push	%ax
	push	$1f
	lret				/* cs becomes ds */
1:
	/* boot_params: zero but for the header, which has the loader's answers */
	mov	$PARAMS, %di
	mov	$PARAMS_BYTES / 4, %cx
	xor	%eax, %eax
	rep stosl
	mov	$HEADER, %si
	mov	$PARAMS + HEADER, %di
	mov	$header_end - HEADER, %cx
	rep movsb

	/* ACPI 6.5, 15.1: INT 15h with E820h in eax, until ebx comes back as 0, or the carry */
	xor	%ebx, %ebx
	mov	$PARAMS + E820_TABLE, %di
2:	mov	$0xe820, %eax
	mov	$0x534d4150, %edx	/* "SMAP" */
	mov	$E820_BYTES, %ecx
	int	$0x15
	jc	3f
	cmp	$0x534d4150, %eax
	jne	3f
	add	$E820_BYTES, %di
	incb	PARAMS + E820_ENTRIES
	cmpb	$E820_MAX, PARAMS + E820_ENTRIES
	je	3f
	test	%ebx, %ebx
	jnz	2b
3:
	/* boot.rst, "32-bit Boot Protocol". No A20 gate: virtual machines start with it open. */
	cli
	xor	%ebp, %ebp
	mov	%ds, %bp
	shl	$4, %ebp
	add	%ebp, gdt_pointer + 2
	lgdtl	gdt_pointer
	lea	PARAMS(%ebp), %esi
	mov	%cr0, %eax
	or	$CR0_PE, %al
	mov	%eax, %cr0
	mov	$BOOT_DS, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	xor	%ebp, %ebp
	xor	%edi, %edi
	xor	%ebx, %ebx
	ljmpl	$BOOT_CS, $KERNEL

	.balign	8
gdt:	.quad	0, 0
	.quad	0x00cf9b000000ffff
	.quad	0x00cf93000000ffff
gdt_pointer:
	.word	. - gdt - 1
	.long	gdt			/* and where the segment lies */
version:
	.asciz	"tinyvmm payload kernel"

	.balign	SECTOR_BYTES
setup_end:
kernel:
	.incbin	"payload.bin"
	.balign	16			/* syssize counts in these */
kernel_end:
