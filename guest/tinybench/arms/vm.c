/* SPDX-License-Identifier: MIT */
/* tinyvmm: with the payload kernel, and with a Linux kernel around the same benchmark file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/arms/arm.h"
#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/file.h"
#include "guest/tinybench/base/text.h"
#include "vmm/core/exit_status.h"

static int need_file(const struct arm *arm, const char *name, const char *remedy, struct err *err)
{
	char *path = arm_build_path(arm, name);
	int ret = 0;

	if (!file_exists(path))
		ret = err_set(err, -ENOENT, "%s is missing; %s", path, remedy);
	free(path);
	return ret;
}

static bool has_huge_pages(const struct arm *arm)
{
	return arm->pages && strcmp(arm->pages, "2m") == 0;
}

/* Huge pages have to be set aside before; tinyvmm that refuses to start would say it less well. */
static int need_huge_pages(const struct arm *arm, unsigned int memory_mib, struct err *err)
{
	unsigned int nr = (memory_mib + 1) / 2;
	char text[32];

	if (!has_huge_pages(arm))
		return 0;
	file_read_line("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", text,
		       sizeof(text));
	if (atol(text) < (long)nr)
		return err_set(err, -EOPNOTSUPP,
			       "%ld free 2 MiB pages, %u are needed; echo %u > "
			       "/proc/sys/vm/nr_hugepages",
			       atol(text), nr, nr);
	return 0;
}

static void add_tinyvmm(const struct arm *arm, const struct job *job, unsigned int memory_mib,
			struct argv *argv)
{
	argv_add(argv, "%s/tinyvmm", arm->context->build_dir);
	argv_add(argv, "--cpus");
	argv_add(argv, "%u", job->cpus);
	argv_add(argv, "--mem");
	argv_add(argv, arm->pages ? "%uM,pages=%s" : "%uM", memory_mib, arm->pages);
	if (arm->pin || (arm->context->pin && !arm->nopin))
		argv_add(argv, arm->context->pin ? "--pin=%s" : "--pin", arm->context->pin);
	/* A start is faster without; but nothing else ends a sleep, and traps are about them. */
	if ((!job->bench && job->idle_s) || (job->bench && strncmp(job->bench, "trap.", 5) == 0)) {
		argv_add(argv, "--irqchip=kernel");
		argv_add(argv, "--rng");
	}
	if (job->net) {
		argv_add(argv, "--net");
		argv_add(argv, "tap=%s", job->net->tap);
	}
	if (job->disk) {
		char *path = text_option_path(job->disk);

		argv_add(argv, "--disk");
		argv_add(argv, "%s,cache=none", path);
		free(path);
	}
}

/* What the payload writes to the debug-exit port, as tinyvmm's exit status has it. */
enum {
	PAYLOAD_FAILED = 3,
	PAYLOAD_FAULTED = 5,
};

static const char *vm_status_text(int status)
{
	switch (status) {
	case EXIT_STATUS_USAGE:
		return "tinyvmm refused to start it";
	case PAYLOAD_FAILED:
		return "a benchmark in the payload failed";
	case EXIT_STATUS_RESET:
		return "the guest reset itself";
	case PAYLOAD_FAULTED:
		return "the payload faulted";
	case EXIT_STATUS_TRIPLE_FAULT:
		return "the guest shut down with a triple fault";
	case EXIT_STATUS_EMULATION:
		return "KVM could not emulate an instruction of the guest";
	case EXIT_STATUS_UNKNOWN_EXIT:
		return "KVM refused to enter the guest";
	case EXIT_STATUS_HOST:
		return "tinyvmm failed on the host's side";
	default:
		return NULL;
	}
}

/* ---- vm ---- */

static int vm_prepare(struct arm *arm, struct err *err)
{
	int ret = need_file(arm, "tinyvmm", "run make", err);

	ret = ret ? ret : need_file(arm, "guest/payload.elf", "run make", err);
	return ret ? ret : arm_need_kvm(arm, err);
}

static int vm_command(struct arm *arm, const struct job *job, struct argv *argv, struct err *err)
{
	unsigned int memory_mib = job_memory_mib(job);
	int ret = need_huge_pages(arm, memory_mib, err);
	char *line;

	if (ret)
		return ret;
	line = job_command_line(job, arm);
	add_tinyvmm(arm, job, memory_mib, argv);
	argv_add(argv, "--kernel");
	argv_add(argv, "%s/guest/payload.elf", arm->context->build_dir);
	argv_add(argv, "--initrd");
	argv_add(argv, "%s", arm->context->bench_file);
	argv_add(argv, "--append");
	argv_add(argv, "%s%s", line, job->net ? " " NETLAB_VM_PEER " " NETLAB_VM_ADDRESS : "");
	free(line);
	return 0;
}

static long long vm_image_bytes(const struct arm *arm)
{
	char *payload = arm_build_path(arm, "guest/payload.elf");
	long long size = file_size(payload) + file_size(arm->context->bench_file);

	free(payload);
	return size;
}

const struct arm_class arm_vm = {
	.name = "vm",
	.text = "tinyvmm with the payload kernel, which runs the benchmark file in ring 3",
	.has_vcpus = true,
	.prepare = vm_prepare,
	.command = vm_command,
	.status_text = vm_status_text,
	.image_bytes = vm_image_bytes,
};

/* ---- linux-vm ---- */

#define LINUX_KERNEL  "guest/linux/vmlinuz"
#define LINUX_INITRD  "guest/linux/bench.cpio"
#define LINUX_VERSION "guest/linux/version"

#define LINUX_LEAST_MIB 256

/* Which kernel it is, for the results. */
static char *linux_detail(const struct arm *arm)
{
	char *path = arm_build_path(arm, LINUX_VERSION), version[128];

	file_read_line(path, version, sizeof(version));
	free(path);
	return version[0] ? xasprintf("Linux %s", version) : NULL;
}

static int linux_prepare(struct arm *arm, struct err *err)
{
	int ret = need_file(arm, "tinyvmm", "run make", err);

	ret = ret ? ret : arm_need_kvm(arm, err);
	if (ret)
		return ret;
	if (arm->context->software_kvm)
		return err_set(
			err, -EOPNOTSUPP,
			"this host's KVM is kvm_pvm, which interprets ring 0, and a Linux "
			"kernel stops early there; build/venue tinybench run ... has another");
	ret = need_file(arm, LINUX_KERNEL, "run make linux-guest", err);
	ret = ret ? ret : need_file(arm, LINUX_INITRD, "run make linux-guest", err);
	if (!ret)
		arm->detail = linux_detail(arm);
	return ret;
}

static int linux_command(struct arm *arm, const struct job *job, struct argv *argv, struct err *err)
{
	unsigned int memory_mib = job_memory_mib(job);
	char *line;
	int ret;

	if (memory_mib < LINUX_LEAST_MIB)
		memory_mib = LINUX_LEAST_MIB;
	ret = need_huge_pages(arm, memory_mib, err);
	if (ret)
		return ret;
	line = job_command_line(job, arm);
	add_tinyvmm(arm, job, memory_mib, argv);
	argv_add(argv, "--kernel");
	argv_add(argv, "%s/" LINUX_KERNEL, arm->context->build_dir);
	argv_add(argv, "--initrd");
	argv_add(argv, "%s/" LINUX_INITRD, arm->context->build_dir);
	argv_add(argv, "--append");
	/*
	 * loglevel=1: the console is the benchmark's alone, but for a panic. 2 MiB pages in the
	 * guest too, in half of its memory. What follows the two dashes goes to init, which hands
	 * it to the benchmark file and gives eth0 the address.
	 */
	argv_add(argv, "console=ttyS0 quiet loglevel=1 panic=-1 hugepages=%u -- %s%s%s",
		 has_huge_pages(arm) ? memory_mib / 2 / 2 : 0, line,
		 job->disk ? " file=/dev/vda" : "",
		 job->net ? " " NETLAB_VM_PEER " " NETLAB_VM_ADDRESS : "");
	free(line);
	return 0;
}

static long long linux_image_bytes(const struct arm *arm)
{
	char *kernel = arm_build_path(arm, LINUX_KERNEL);
	char *initrd = arm_build_path(arm, LINUX_INITRD);
	long long size = file_size(kernel) + file_size(initrd);

	free(kernel);
	free(initrd);
	return size;
}

const struct arm_class arm_linux_vm = {
	.name = "linux-vm",
	.text = "tinyvmm with a Linux kernel that runs the benchmark file as its only process",
	.has_vcpus = true,
	.prepare = linux_prepare,
	.command = linux_command,
	.status_text = vm_status_text,
	.image_bytes = linux_image_bytes,
};
