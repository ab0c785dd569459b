/* SPDX-License-Identifier: MIT */
#define EXIT xor %eax, %eax; cpuid
#include "tests/kvm/guest/loop.inc"
