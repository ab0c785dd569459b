/* SPDX-License-Identifier: MIT */
#define EXIT in $0x80, %al
#include "tests/kvm/guest/loop.inc"
