/* SPDX-License-Identifier: MIT */
/* Where other CPUs start in real mode, for entry.S and cpus.c. */
#ifndef PAYLOAD_TRAMPOLINE_H
#define PAYLOAD_TRAMPOLINE_H

#define TRAMPOLINE 0x8000 /* a page below 1 MiB that no loader uses any more */

#endif
