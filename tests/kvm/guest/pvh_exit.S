/* SPDX-License-Identifier: MIT */
/* The shortest PVH image: ends by the debug-exit port, which QEMU has too; status 1. */
#include "guest/abi.h"

#define XEN_ELFNOTE_PHYS32_ENTRY 18

	.pushsection .note.Xen, "a", @note
	.balign	4
	.long	4, 4, XEN_ELFNOTE_PHYS32_ENTRY
	.asciz	"Xen"
	.long	_start
	.popsection

.code32
.text
.globl _start
_start:
	mov	$TINYVMM_PORT_DEBUG_EXIT, %edx
	xor	%eax, %eax
	out	%al, %dx
	hlt
