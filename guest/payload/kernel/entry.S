/* SPDX-License-Identifier: MIT */
/*
 * The payload kernel's ring 0: the ways in (linux_entry.S has two more), and the way to ring 3. With lib/traps.inc and
 * trap.c that is all of it; loader.c runs in ring 3 already.
 *
 * On a host that interprets ring 0 each instruction here counts.
 */
#define OWN_PAYLOAD_TRAP
#define COUNT_INTERRUPTS
#define RING0_CALLS
#include "guest/payload/lib/traps.inc"
#include "guest/payload/kernel/trampoline.h"
#include "guest/payload/ring0_call.h"

payload_note flags=TINYVMM_NOTE_ALL_CPUS

#define XEN_ELFNOTE_PHYS32_ENTRY 18
.pushsection .note.xen, "a", @note
	.balign	4
	.long	4, 8, XEN_ELFNOTE_PHYS32_ENTRY
	.asciz	"Xen"
	.quad	pvh_start		/* eight bytes, as a 64-bit Linux writes them */
.popsection

/* ---- from 64-bit mode, as guest/abi.h says: device tree in rdi, number of the vCPU in rsi ------ */
.globl _start
_start:
	traps_init
	mov	%cr3, %rdx
	mov	%rsp, %rax
	and	$-16, %rax
	sub	$8, %rax		/* as if loader_main had been called */
	pushq	$USER_DS
	push	%rax
	pushq	$(RFLAGS_FIXED | RFLAGS_IF)
	pushq	$USER_CS
	pushq	$loader_main		/* in ring 3: (device tree, vCPU, page table) */
	iretq

/* ---- page tables of our own, in 32-bit and in 64-bit mode: the identity map of 4 GiB -------- */
#define MSR_EFER    0xc0000080
#define EFER_LME    (1 << 8)
#define CR0_LONG    0x80010033		/* PG, WP, NE, ET, MP, PE */
#define CR4_LONG    0x620		/* PAE, OSFXSR, OSXMMEXCPT */
#define PTE_TABLE   0x27		/* present, writable, user, accessed */
#define PTE_2M	    0xe7		/* and dirty, large */
#define TABLE_BYTES 4096
#define IDENTITY_2M (4 * 512)		/* 4 GiB */
#define PIC_MASTER_MASK 0x21
#define PIC_SLAVE_MASK	0xa1

.macro build_tables
	movl	$pdpt + PTE_TABLE, pml4
	mov	$directories + PTE_TABLE, %eax
	mov	$pdpt, %edi
1:	mov	%eax, (%edi)
	add	$8, %edi
	add	$TABLE_BYTES, %eax
	cmp	$pdpt + 4 * 8, %edi
	jb	1b
	mov	$PTE_2M, %eax
	mov	$directories, %edi
	mov	$IDENTITY_2M, %ecx
2:	mov	%eax, (%edi)
	add	$8, %edi
	add	$0x200000, %eax
	loop	2b
.endm

/*
 * ---- the system call, as info.h defines it: an invalid opcode in ring 3 with the magic in rcx -----
 *
 * Not by trap_entry: where each instruction is interpreted, saving what the caller expects to lose
 * costs as much as printing six characters.
 */
#define UD2_BYTES 2
ring0_call:				/* vector, error code, rip, cs, ... are on the stack */
	push	%rdx
	movabs	$PAYLOAD_RING0_CALL, %rdx
	cmp	%rdx, %rcx
	pop	%rdx
	jne	trap_entry
	testb	$3, 24(%rsp)
	jz	trap_entry
	sub	$8, %rsp		/* a multiple of 16 at the call; the CPU has aligned the frame */
	call	*%rax
	add	$24, %rsp
	addq	$UD2_BYTES, (%rsp)
	iretq

/* ---- from PVH (Xen docs/misc/pvh.pandoc): 32-bit protected mode, start info in ebx -------------- */
.code32
.globl pvh_start
pvh_start:
	cld
	build_tables
	mov	$CR4_LONG, %eax
	mov	%eax, %cr4
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	rdmsr
	or	$EFER_LME, %eax
	wrmsr
	mov	$CR0_LONG, %eax
	mov	%eax, %cr0
	lgdt	gdt_pointer
	ljmp	$KERNEL_CS, $boot_cpu

/* ---- from 64-bit mode with another's page tables: boot_params in ebx (linux_entry.S) ---------- */
.code64
.globl long_start
long_start:
	build_tables
	mov	$CR4_LONG, %eax
	mov	%rax, %cr4
	mov	$pml4, %eax
	mov	%rax, %cr3
	mov	$CR0_LONG, %eax
	mov	%rax, %cr0
boot_cpu:
	mov	$0xff, %al		/* what a BIOS left running ends here: mask all at both 8259A */
	out	%al, $PIC_MASTER_MASK
	out	%al, $PIC_SLAVE_MASK
	mov	%ebx, %edi		/* takes the device tree's place; handover.c tells them apart */
	xor	%esi, %esi
	jmp	_start

/*
 * ---- from a start-up IPI: real mode, at a page below 1 MiB to which cpus.c copies this ----------
 *
 * Long mode can be entered from real mode at once (AMD APM vol. 2, 14.6), and the boot CPU's tables
 * are there already.
 */
.section .rodata
.code16
.globl trampoline_start, trampoline_end
trampoline_start:
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	lgdtl	TRAMPOLINE + trampoline_gdt - trampoline_start
	mov	$CR4_LONG, %eax
	mov	%eax, %cr4
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	rdmsr
	or	$EFER_LME, %eax
	wrmsr
	mov	$CR0_LONG, %eax
	mov	%eax, %cr0
	ljmpl	$KERNEL_CS, $next_cpu
trampoline_gdt:
	.word	gdt_end - gdt - 1
	.long	gdt
trampoline_end:

.text
.code64
next_cpu:
	mov	$1, %esi
	lock xadd %esi, nr_started
	xor	%edi, %edi
	jmp	_start

.data
	.balign	4
nr_started:
	.long	1			/* the boot CPU */

.bss
	.balign	TABLE_BYTES
pml4:	.skip	TABLE_BYTES
pdpt:	.skip	TABLE_BYTES
directories:
	.skip	4 * TABLE_BYTES
