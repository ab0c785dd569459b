/* SPDX-License-Identifier: MIT */
#define EXIT mov %eax, (%rdi)
#include "tests/kvm/guest/loop.inc"
