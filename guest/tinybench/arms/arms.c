/* SPDX-License-Identifier: MIT */
/* The table of arms, and what all of them need. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/tinybench/arms/arm.h"
#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/file.h"
#include "guest/tinybench/base/text.h"
#include "vmm/core/array.h"

static const struct arm_class *const classes[] = {
	&arm_native,	   &arm_container, &arm_vm,   &arm_linux_vm,
	&arm_qemu_microvm, &arm_kvmtool,   &arm_exec,
};

#define NR_CLASSES NR_OF(classes)

const struct arm_class *arm_class_at(size_t i)
{
	return i < NR_CLASSES ? classes[i] : NULL;
}

/* ---- names ---- */

static int unkept_name(const char *name, struct err *err)
{
	char *printable = text_printable(name);
	int ret = err_set(err, -EINVAL,
			  "--arms %s: results are UTF-8 text and cannot keep this name; give the "
			  "program another one, or a link",
			  printable);

	free(printable);
	return ret;
}

static int unknown_arm(const char *name, struct err *err)
{
	struct names known = {0};
	char nearest[128];
	size_t i;

	for (i = 0; i < NR_CLASSES; i++)
		names_add(&known, classes[i]->name);
	names_nearest(&known, name, 3, nearest, sizeof(nearest));
	names_free(&known);
	return err_set(err, -EINVAL,
		       "--arms: there is no arm \"%s\"; the nearest are %s (tinybench list "
		       "shows all)",
		       name, nearest);
}

static int parse_variant(struct arm *arm, const char *variant, struct err *err)
{
	if (arm->class->has_vcpus && strcmp(variant, "pin") == 0)
		arm->pin = true;
	else if (arm->class->has_vcpus && strcmp(variant, "nopin") == 0)
		arm->nopin = true;
	else if (strcmp(variant, "pages=4k") == 0 || strcmp(variant, "pages=thp") == 0 ||
		 strcmp(variant, "pages=2m") == 0)
		arm->pages = xstrdup(variant + strlen("pages="));
	else if (arm->class == &arm_container &&
		 (strcmp(variant, "runc") == 0 || strcmp(variant, "docker") == 0 ||
		  strcmp(variant, "podman") == 0 || strcmp(variant, "bwrap") == 0))
		arm->program = xstrdup(variant);
	else
		return err_set(err, -EINVAL,
			       "--arms %s: there is no variant \"%s\"; %s takes %spages=4k, "
			       "pages=thp and pages=2m%s",
			       arm->name, variant, arm->class->name,
			       arm->class->has_vcpus ? "pin, nopin, " : "",
			       arm->class == &arm_container ? ", runc, docker, podman and bwrap"
							    : "");
	return 0;
}

int arm_parse(struct arm *arm, const char *name, const struct arm_context *context, struct err *err)
{
	char *copy = xstrdup(name), *cursor = copy, *part = strsep(&cursor, ":");
	int ret = 0;
	size_t i;

	memset(arm, 0, sizeof(*arm));
	arm->name = name;
	arm->context = context;
	for (i = 0; i < NR_CLASSES; i++)
		if (strcmp(classes[i]->name, part) == 0)
			arm->class = classes[i];
	if (!text_is_plain(name))
		ret = unkept_name(name, err);
	else if (!arm->class)
		ret = unknown_arm(part, err);
	else if (arm->class->needs_program && !cursor)
		ret = err_set(err, -EINVAL, "--arms %s: which program? Write %s:PROGRAM", name,
			      part);
	else if (arm->class->needs_program)
		arm->program = xstrdup(cursor);
	else
		while (!ret && (part = strsep(&cursor, ":")))
			ret = parse_variant(arm, part, err);
	free(copy);
	return ret;
}

/* ---- life ---- */

void arm_prepare(struct arm *arm)
{
	arm->ready = arm->class->prepare(arm, &arm->why_not) == 0;
}

void arm_release(struct arm *arm)
{
	if (arm->class && arm->class->release)
		arm->class->release(arm);
	if (arm->work)
		file_remove_tree(arm->work);
	free(arm->work);
	free(arm->detail);
	free(arm->program);
	free(arm->pages);
	memset(arm, 0, sizeof(*arm));
}

int arm_need_kvm(const struct arm *arm, struct err *err)
{
	const char *device = arm->context->kvm_device;
	int fd = open(device, O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		close(fd);
		return 0;
	}
	if (errno == ENOENT)
		return err_set(err, -errno,
			       "there is no %s; build/venue tinybench run ... measures where there "
			       "is one",
			       device);
	return err_set(err, -errno,
		       errno == EACCES || errno == EPERM
			       ? "%s: %s; as root: adduser USER kvm, then log in again"
			       : "%s: %s; build/venue tinybench run ... measures where it works",
		       device, strerror(errno));
}

int arm_make_work(struct arm *arm, struct err *err)
{
	char *path = xasprintf("%s/arm-XXXXXX", arm->context->scratch);

	if (!mkdtemp(path)) {
		err_set(err, -errno, "%s: cannot make the directory: %s", path, strerror(errno));
		free(path);
		return -EIO;
	}
	arm->work = path;
	return 0;
}

char *arm_build_path(const struct arm *arm, const char *name)
{
	return xasprintf("%s/%s", arm->context->build_dir, name);
}

/* ---- jobs ---- */

void job_add_arguments(const struct job *job, const struct arm *arm, struct argv *argv)
{
	size_t i;

	if (!job->bench) {
		argv_add(argv, "idle");
		argv_add(argv, "seconds=%u", job->idle_s);
		return;
	}
	argv_add(argv, "run");
	argv_add(argv, "%s", job->bench);
	argv_add(argv, "samples=%u", job->samples);
	argv_add(argv, "min_ms=%u", job->min_ms);
	argv_add(argv, "cpus=%u", job->cpus);
	if (arm->pages)
		argv_add(argv, "pages=%s", arm->pages);
	for (i = 0; job->extra && i < job->extra->nr; i++)
		argv_add(argv, "%s", job->extra->at[i]);
}

char *job_command_line(const struct job *job, const struct arm *arm)
{
	struct argv argv = {0};
	char *line = xstrdup(""), *longer;
	size_t i;

	job_add_arguments(job, arm, &argv);
	for (i = 0; i < argv.nr; i++) {
		longer = xasprintf("%s%s%s", line, i ? " " : "", argv.at[i]);
		free(line);
		line = longer;
	}
	argv_free(&argv);
	return line;
}

unsigned int job_memory_mib(const struct job *job)
{
	if (!job->bench)
		return 64;
	/* STREAM's three arrays, and working sets up to 1 GiB, of which each CPU has its own. */
	return strncmp(job->bench, "mem.", 4) == 0 ? 512 + 1024 * job->cpus : 256;
}
