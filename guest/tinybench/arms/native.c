/* SPDX-License-Identifier: MIT */
/* The benchmark file as a process of this machine, and any program that stands in for it. */
#include <errno.h>
#include <unistd.h>

#include "guest/tinybench/arms/arm.h"
#include "guest/tinybench/base/file.h"

static int native_prepare(struct arm *arm, struct err *err)
{
	if (access(arm->context->bench_file, X_OK) < 0)
		return err_set(err, -ENOENT, "%s is missing; run make", arm->context->bench_file);
	return 0;
}

static void add_process(const struct arm *arm, const char *program, const struct job *job,
			struct argv *argv)
{
	if (job->net) { /* the namespace costs a start, which net.* do not measure */
		argv_add(argv, "ip");
		argv_add(argv, "netns");
		argv_add(argv, "exec");
		argv_add(argv, "%s", job->net->name);
	}
	argv_add(argv, "%s", program);
	job_add_arguments(job, arm, argv);
	if (job->disk)
		argv_add(argv, "file=%s", job->disk);
	if (job->net)
		argv_add(argv, NETLAB_LINUX_PEER);
}

static int native_command(struct arm *arm, const struct job *job, struct argv *argv,
			  struct err *err)
{
	(void)err;
	add_process(arm, arm->context->bench_file, job, argv);
	return 0;
}

static long long native_image_bytes(const struct arm *arm)
{
	return file_size(arm->context->bench_file);
}

const struct arm_class arm_native = {
	.name = "native",
	.text = "the benchmark file as a process of this machine",
	.prepare = native_prepare,
	.command = native_command,
	.image_bytes = native_image_bytes,
};

static int exec_prepare(struct arm *arm, struct err *err)
{
	if (access(arm->program, X_OK) < 0)
		return err_set(err, -ENOENT, "%s is not a program", arm->program);
	return 0;
}

static int exec_command(struct arm *arm, const struct job *job, struct argv *argv, struct err *err)
{
	(void)err;
	add_process(arm, arm->program, job, argv);
	return 0;
}

const struct arm_class arm_exec = {
	.name = "exec",
	.text = "exec:PROGRAM, which takes the benchmark file's arguments and prints its lines",
	.needs_program = true,
	.prepare = exec_prepare,
	.command = exec_command,
};
