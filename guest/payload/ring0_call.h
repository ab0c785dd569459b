/* SPDX-License-Identifier: MIT */
/* In rcx of the payload kernel's only system call; see payload_ring0(). For C and assembly. */
#ifndef PAYLOAD_RING0_CALL_H
#define PAYLOAD_RING0_CALL_H

#define PAYLOAD_RING0_CALL 0x74696e79766d6d30

#endif
