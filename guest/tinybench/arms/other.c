/* SPDX-License-Identifier: MIT */
/* Other hypervisors with the same payload kernel and the same benchmark file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/arms/arm.h"
#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/file.h"
#include "guest/tinybench/base/text.h"
#include "vmm/core/array.h"

static int need_program(struct arm *arm, const char *name, const char *package, struct err *err)
{
	char path[4096];

	if (!file_find_program(name, path, sizeof(path)))
		return err_set(err, -ENOENT, "%s is not installed (package %s)", name, package);
	arm->program = xstrdup(path);
	return arm_need_kvm(arm, err);
}

static int need_payload(const struct arm *arm, const char *name, struct err *err)
{
	char *path = arm_build_path(arm, name);
	int ret = 0;

	if (!file_exists(path))
		ret = err_set(err, -ENOENT, "%s is missing; run make", path);
	free(path);
	return ret;
}

/* ---- QEMU's microvm machine ---- */

static int qemu_prepare(struct arm *arm, struct err *err)
{
	int ret = need_program(arm, "qemu-system-x86_64", "qemu-system-x86", err);

	return ret ? ret : need_payload(arm, "guest/payload.elf", err);
}

static int qemu_command(struct arm *arm, const struct job *job, struct argv *argv, struct err *err)
{
	/*
	 * acpi=off: with ACPI, microvm lists its virtio-mmio slots in the DSDT only, which the
	 * payload has no AML interpreter for; without, it appends virtio_mmio.device= to the
	 * command line. CPUs are then found in its MP table.
	 */
	static const char *const fixed[] = {
		"-M",
		"microvm,acpi=off,pit=off,pic=on,rtc=off,isa-serial=on",
		"-accel",
		"kvm",
		"-nodefaults",
		"-no-user-config",
		"-no-reboot",
		"-display",
		"none",
		"-serial",
		"stdio",
		"-device",
		"isa-debug-exit,iobase=0xf4,iosize=0x04",
		"-global",
		"virtio-mmio.force-legacy=false",
	};
	char *line = job_command_line(job, arm);
	size_t i;

	(void)err;
	argv_add(argv, "%s", arm->program);
	for (i = 0; i < NR_OF(fixed); i++)
		argv_add(argv, "%s", fixed[i]);
	/* kvm_pvm has not all the MSRs that QEMU sets for the host's own model. */
	argv_add(argv, "-cpu");
	argv_add(argv, arm->context->software_kvm ? "qemu64" : "host");
	argv_add(argv, "-smp");
	argv_add(argv, "%u", job->cpus);
	argv_add(argv, "-m");
	argv_add(argv, "%u", job_memory_mib(job));
	argv_add(argv, "-kernel");
	argv_add(argv, "%s/guest/payload.elf", arm->context->build_dir);
	argv_add(argv, "-initrd");
	argv_add(argv, "%s", arm->context->bench_file);
	argv_add(argv, "-append");
	argv_add(argv, "%s%s", line, job->net ? " " NETLAB_VM_PEER " " NETLAB_VM_ADDRESS : "");
	if (job->net) {
		argv_add(argv, "-netdev");
		argv_add(argv, "tap,id=net,script=no,downscript=no,ifname=%s", job->net->tap);
		argv_add(argv, "-device");
		argv_add(argv, "virtio-net-device,netdev=net");
	}
	if (job->disk) {
		char *path = text_option_path(job->disk);

		argv_add(argv, "-drive");
		argv_add(argv, "if=none,id=disk,format=raw,cache=none,aio=native,file=%s", path);
		free(path);
		argv_add(argv, "-device");
		argv_add(argv, "virtio-blk-device,drive=disk");
	}
	free(line);
	return 0;
}

const struct arm_class arm_qemu_microvm = {
	.name = "qemu-microvm",
	.text = "QEMU's microvm machine on KVM with the same payload kernel",
	.noisy = true, /* its firmware speaks on the serial port */
	.prepare = qemu_prepare,
	.command = qemu_command,
};

/* ---- kvmtool ---- */

static int kvmtool_prepare(struct arm *arm, struct err *err)
{
	int ret = need_program(arm, "lkvm", "kvmtool", err);

	if (!ret && arm->context->software_kvm)
		ret = err_set(err, -EOPNOTSUPP,
			      "kvmtool refuses CPUs without vmx or svm, and this host's KVM is "
			      "kvm_pvm, which needs neither");
	return ret ? ret : need_payload(arm, "guest/payload.bzImage", err);
}

static int kvmtool_command(struct arm *arm, const struct job *job, struct argv *argv,
			   struct err *err)
{
	/* Options that need no value of this run; --nodefaults: the command line as it is given. */
	static const char *const fixed[] = {
		"run", "--nodefaults", "--console", "serial", "--network", "mode=none",
	};
	char *line;
	size_t i;

	if (job->disk || job->net)
		return err_set(err, -EOPNOTSUPP,
			       "kvmtool on x86 has virtio over PCI only, and the payload kernel "
			       "drives virtio-mmio only");
	line = job_command_line(job, arm);
	argv_add(argv, "%s", arm->program);
	for (i = 0; i < NR_OF(fixed); i++)
		argv_add(argv, "%s", fixed[i]);
	argv_add(argv, "--cpus");
	argv_add(argv, "%u", job->cpus);
	argv_add(argv, "--mem");
	argv_add(argv, "%u", job_memory_mib(job));
	argv_add(argv, "--kernel");
	argv_add(argv, "%s/guest/payload.bzImage", arm->context->build_dir);
	argv_add(argv, "--initrd");
	argv_add(argv, "%s", arm->context->bench_file);
	argv_add(argv, "--params");
	argv_add(argv, "%s", line);
	free(line);
	return 0;
}

const struct arm_class arm_kvmtool = {
	.name = "kvmtool",
	.text = "kvmtool with the same payload kernel, wrapped as a bzImage",
	.noisy = true,
	.prepare = kvmtool_prepare,
	.command = kvmtool_command,
};
