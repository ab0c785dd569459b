/* SPDX-License-Identifier: MIT */
/* Linux system calls without a libc (System V psABI for x86-64, A.2.1). Results are as the
 * kernel's: negative errno for errors. */
#ifndef BENCH_LINUX_SYSCALL_H
#define BENCH_LINUX_SYSCALL_H

#include <asm/unistd_64.h>

static inline long linux_call6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "+a"(nr)
			 : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return nr;
}

#define linux_call0(nr)		 linux_call6(nr, 0, 0, 0, 0, 0, 0)
#define linux_call1(nr, a)	 linux_call6(nr, (long)(a), 0, 0, 0, 0, 0)
#define linux_call2(nr, a, b)	 linux_call6(nr, (long)(a), (long)(b), 0, 0, 0, 0)
#define linux_call3(nr, a, b, c) linux_call6(nr, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define linux_call4(nr, a, b, c, d) \
	linux_call6(nr, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

#endif
