/* SPDX-License-Identifier: MIT */
/*
 * The machine that instructions are counted in: QEMU's software CPU with its instruction clock, one
 * CPU, a Debian kernel with the real kvm_amd, and the programs of the jobs. Nothing in it depends
 * on the host's time or random numbers.
 */
#ifndef GUEST_TINYBENCH_EXACT_MACHINE_H
#define GUEST_TINYBENCH_EXACT_MACHINE_H

#include "guest/tinybench/exact/plan.h"

struct machine {
	const char *build_dir;	  /* has exact/, tinyvmm and guests */
	const char *kernel_words; /* more of them, or "" */
	const char *dir;	  /* that receives everything; is there */
	int signal_fd;		  /* as in struct spawn_request */
};

/* What the machine runs on: "QEMU emulator version 7.2.22 ..."; false without QEMU. */
bool machine_qemu_version(char *text, size_t size);

/*
 * The unpacked kernel package, kernel/cloud of the build directory, which is fetched if it is not
 * there (guest/venue/fetch.sh). 0, or -errno with a reason. The caller frees *dir.
 */
int machine_find_kernel(const char *build_dir, char **dir, struct err *err);

/*
 * Runs the jobs, all of one arm. 0, or -errno with a reason. Afterwards the directory has the
 * plugin's traces and dictionary, and in files/ what level1.c wrote.
 */
int machine_run(const struct machine *machine, struct plan_job *const *jobs, size_t nr,
		struct err *err);

/* The file of level1.c, or of a job (number, what); NULL if there is none. The caller frees it. */
char *machine_file(const struct machine *machine, unsigned int job, const char *what);

#endif
