/* SPDX-License-Identifier: MIT */
#define EXIT mov (%rdi), %eax
#include "tests/kvm/guest/loop.inc"
