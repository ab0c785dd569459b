/* SPDX-License-Identifier: MIT */
/*
 * What tinyvmm's exit status says. Even numbers are tinyvmm's own; every odd one is a write to the
 * debug-exit port, (value << 1 | 1) & 0xff, which is never even (guest/abi.h), so that a test in a
 * guest and its hypervisor cannot be mistaken for each other. docs/tinyvmm.1 and --help list the
 * same.
 *
 * SIGINT, SIGTERM and SIGHUP press the guest's power button (vmm/ending.h); a guest that switches
 * itself off in time has status 0 as ever. If it is ended instead, tinyvmm dies by that signal,
 * which a shell shows as 130, 143 or 129. Ended from the console (Ctrl-A x) it reports success.
 */
#ifndef VMM_CORE_EXIT_STATUS_H
#define VMM_CORE_EXIT_STATUS_H

enum exit_status {
	EXIT_STATUS_OK = 0,	       /* powered off, halted for good, or ended from the console */
	EXIT_STATUS_USAGE = 2,	       /* bad usage or input; the guest has not started */
	EXIT_STATUS_RESET = 4,	       /* the guest reset itself, with --on-reset exit */
	EXIT_STATUS_TRIPLE_FAULT = 6,  /* the guest shut down (KVM_EXIT_SHUTDOWN) */
	EXIT_STATUS_EMULATION = 8,     /* KVM could not emulate an instruction */
	EXIT_STATUS_UNKNOWN_EXIT = 10, /* an unexpected exit, or KVM refused to enter the guest */
	EXIT_STATUS_HOST = 12,	       /* something on the host failed while the guest ran */
};

#endif
