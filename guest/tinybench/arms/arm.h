/* SPDX-License-Identifier: MIT */
/*
 * An arm is a way to run the benchmark file: natively, in a container, in a virtual machine. Each
 * kind is a row of one table (arms.c) and a file beside it; a variant is the same kind with
 * settings behind colons, as in "vm:nopin" or "vm:pages=2m", and counts as an arm of its own.
 */
#ifndef GUEST_TINYBENCH_ARMS_ARM_H
#define GUEST_TINYBENCH_ARMS_ARM_H

#include <stdbool.h>

#include "guest/tinybench/arms/netlab.h"
#include "guest/tinybench/base/catalog.h"
#include "guest/tinybench/base/names.h"
#include "guest/tinybench/base/spawn.h"
#include "vmm/core/err.h"

/* What all arms of a run share. Strings belong to the caller and outlive the arms. */
struct arm_context {
	const char *build_dir;	/* has tinyvmm and guest/ */
	const char *bench_file; /* absolute */
	const char *scratch;	/* absolute; arms make files below it */
	const char *pin;	/* CPU list that the run is confined to, or NULL */
	const char *kvm_device; /* "/dev/kvm" but in tests */
	pid_t dead;		/* a tinybench that was killed and may have left something, or 0 */
	bool software_kvm;	/* kvm_pvm: ring 0 is interpreted */
};

/* One run of the benchmark file. */
struct job {
	const char *bench; /* NULL: sleep for idle_s seconds, then end */
	unsigned int idle_s;
	unsigned int samples, min_ms, cpus;
	const char *disk;	   /* a raw image for blk.*, or NULL */
	const struct netlab *net;  /* for net.*, or NULL */
	const struct names *extra; /* more KEY=VALUE arguments, or NULL */
};

struct arm;

struct arm_class {
	const char *name;
	const char *text;   /* one sentence */
	bool has_vcpus;	    /* takes :pin and :nopin */
	bool noisy;	    /* other lines than the benchmark's may be on its console */
	bool needs_program; /* NAME:PROGRAM */

	/* Whether it can run on this machine; makes what its runs need. 0, or -errno and why not.
	 */
	int (*prepare)(struct arm *arm, struct err *err);
	/* Builds the command line of a run. 0, or -errno and why not. */
	int (*command)(struct arm *arm, const struct job *job, struct argv *argv, struct err *err);
	/* After a run that had to be killed: what is left that is not in the process group. */
	void (*clean_up)(struct arm *arm);
	/* Removes what prepare() has made elsewhere than in arm->work. May be NULL. */
	void (*release)(struct arm *arm);
	/* Whether its processes are no children of the one that command() starts. May be NULL. */
	bool (*out_of_sight)(const struct arm *arm);
	/* Says what an exit status means, if it knows. May be NULL. */
	const char *(*status_text)(int status);
	/* Bytes of the files that another host needs to run this arm. May be NULL. */
	long long (*image_bytes)(const struct arm *arm);
};

struct arm {
	const struct arm_class *class;
	const struct arm_context *context;
	const char *name; /* as typed; belongs to the caller */
	char *program;	  /* exec: the program; container: the engine */
	char *pages;	  /* 4k, thp, 2m, or NULL */
	bool pin, nopin;
	bool ready;	    /* prepare() succeeded */
	struct err why_not; /* if it is not */
	char *detail;	    /* what exactly runs ("runc 1.1.5"), or NULL */
	char *work;	    /* its directory below scratch, or NULL */
	unsigned int runs;  /* so far, to make names with */
};

/* Fills an arm from its name. 0, or -EINVAL with a reason that lists the nearest names. */
int arm_parse(struct arm *arm, const char *name, const struct arm_context *context,
	      struct err *err);

/* Sets ready, or why_not. */
void arm_prepare(struct arm *arm);

/* Frees it and removes what it made. */
void arm_release(struct arm *arm);

/* All kinds, for `list`. */
const struct arm_class *arm_class_at(size_t i);

/* Adds "run NAME samples=N ..." or "idle ..." as the benchmark file wants it. */
void job_add_arguments(const struct job *job, const struct arm *arm, struct argv *argv);

/* The same joined by blanks, as a kernel command line; the caller frees it. */
char *job_command_line(const struct job *job, const struct arm *arm);

/* The guest memory that a benchmark's group needs, in MiB. */
unsigned int job_memory_mib(const struct job *job);

/* Whether KVM can be used. 0, or -errno and why not, with the way to an arm that can. */
int arm_need_kvm(const struct arm *arm, struct err *err);

/* Makes arm->work, a directory of its own. 0, or -errno and why. */
int arm_make_work(struct arm *arm, struct err *err);

/* Where a file of the build directory is; the caller frees it. */
char *arm_build_path(const struct arm *arm, const char *name);

extern const struct arm_class arm_native, arm_exec, arm_container, arm_vm, arm_linux_vm,
	arm_qemu_microvm, arm_kvmtool;

#endif
