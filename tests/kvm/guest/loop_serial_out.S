/* SPDX-License-Identifier: MIT */
#define EXIT outb_imm TINYVMM_PORT_SERIAL, '.'
#include "tests/kvm/guest/loop.inc"
