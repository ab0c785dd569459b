/* SPDX-License-Identifier: MIT */
#define EXIT out %al, $0x80
#include "tests/kvm/guest/loop.inc"
