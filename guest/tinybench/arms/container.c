/* SPDX-License-Identifier: MIT */
/*
 * The benchmark file in a Linux container. Engines, best first: runc with a bundle of our own;
 * Docker and Podman where their engine answers; bubblewrap, which makes the same namespaces but no
 * cgroup and is labelled as a fallback.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/tinybench/arms/arm.h"
#include "guest/tinybench/arms/oci.h"
#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/file.h"
#include "vmm/core/array.h"

static bool is_engine(const struct arm *arm, const char *engine)
{
	return arm->program && strcmp(arm->program, engine) == 0;
}

/*
 * Docker and Podman: they take no bundle but an image of their own store, and their containers are
 * children of a daemon or of conmon.
 */
static bool has_images(const struct arm *arm)
{
	return is_engine(arm, "docker") || is_engine(arm, "podman");
}

static char *image_name(pid_t pid)
{
	return xasprintf("tinybench-%d", (int)pid);
}

/* For commands whose failure changes nothing: most often there is nothing left to remove. */
static void run_quietly(const struct argv *argv)
{
	struct err why;

	free(spawn_capture(argv->at, &why));
}

/* ---- the root file system: the benchmark file and mount points ---- */

static int copy_file(const char *from, const char *to, struct err *err)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out = -1, ret = 0;
	struct stat st;

	if (in >= 0)
		out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	if (in < 0 || out < 0 || fstat(in, &st) < 0 ||
	    sendfile(out, in, NULL, (size_t)st.st_size) != st.st_size)
		ret = err_set(err, -EIO, "%s: cannot copy to %s: %s", from, to, strerror(errno));
	if (in >= 0)
		close(in);
	if (out >= 0 && close(out) < 0 && !ret)
		ret = err_set(err, -errno, "%s: %s", to, strerror(errno));
	return ret;
}

static int make_root(struct arm *arm, struct err *err)
{
	static const char *const directories[] = {"", "/proc", "/dev"};
	char *path;
	size_t i;
	int ret = arm_make_work(arm, err);

	for (i = 0; !ret && i < NR_OF(directories); i++) {
		path = xasprintf("%s/rootfs%s", arm->work, directories[i]);
		ret = file_make_directory(path, err);
		free(path);
	}
	if (ret)
		return ret;
	path = xasprintf("%s/rootfs/bench", arm->work);
	ret = copy_file(arm->context->bench_file, path, err);
	free(path);
	return ret;
}

/* ---- runc ---- */

static int write_config(FILE *file, const void *opaque)
{
	return opaque && json_dumpf(opaque, file, JSON_INDENT(1)) == 0 ? 0 : -EILSEQ;
}

/* A container's name, unique on this machine as long as it runs. */
static char *container_name(const struct arm *arm)
{
	return xasprintf("tinybench-%d-%u", (int)getpid(), arm->runs);
}

static int runc_command(struct arm *arm, const struct job *job, struct argv *argv, struct err *err)
{
	struct argv inside = {0};
	char *name, *cgroup;
	json_t *config;
	int ret;

	arm->runs++;
	name = container_name(arm);
	cgroup = xasprintf("/%s", name);
	argv_add(&inside, "/bench");
	job_add_arguments(job, arm, &inside);
	if (job->disk)
		argv_add(&inside, "file=/disk");
	if (job->net)
		argv_add(&inside, NETLAB_LINUX_PEER);
	config = oci_config(&(struct oci_process){.argv = &inside,
						  .cgroup = cgroup,
						  .cpus = arm->context->pin,
						  .disk = job->disk,
						  .netns = job->net ? job->net->name : NULL});
	ret = file_replace(arm->work, "config.json", write_config, config, err);
	json_decref(config);
	argv_free(&inside);
	argv_add(argv, "runc");
	argv_add(argv, "run");
	argv_add(argv, "--bundle");
	argv_add(argv, "%s", arm->work);
	argv_add(argv, "%s", name);
	free(cgroup);
	free(name);
	return ret;
}

/* ---- Docker, Podman ---- */

static int engine_command(struct arm *arm, const struct job *job, struct argv *argv)
{
	char *name, *image = image_name(getpid());

	arm->runs++;
	name = container_name(arm);
	argv_add(argv, "%s", arm->program);
	argv_add(argv, "run");
	argv_add(argv, "--rm");
	argv_add(argv, "--name=%s", name);
	argv_add(argv, "--network=none");
	/*
	 * Podman asks for 1048576 of each, which root without CAP_SYS_RESOURCE, as in a container,
	 * may not give. Less than this no host allows, and the benchmark file needs a few.
	 */
	if (is_engine(arm, "podman")) {
		argv_add(argv, "--ulimit=nofile=1024:1024");
		argv_add(argv, "--ulimit=nproc=1024:1024");
	}
	if (arm->context->pin)
		argv_add(argv, "--cpuset-cpus=%s", arm->context->pin);
	if (job->disk) {
		argv_add(argv, "--volume");
		argv_add(argv, "%s:/disk", job->disk);
	}
	argv_add(argv, "%s", image);
	argv_add(argv, "/bench");
	job_add_arguments(job, arm, argv);
	if (job->disk)
		argv_add(argv, "file=/disk");
	free(image);
	free(name);
	return 0;
}

/* ---- bubblewrap ---- */

static int bwrap_command(struct arm *arm, const struct job *job, struct argv *argv)
{
	argv_add(argv, "bwrap");
	argv_add(argv, "--unshare-all");
	argv_add(argv, "--die-with-parent");
	argv_add(argv, "--ro-bind");
	argv_add(argv, "%s/rootfs", arm->work);
	argv_add(argv, "/");
	argv_add(argv, "--proc");
	argv_add(argv, "/proc");
	argv_add(argv, "--dev");
	argv_add(argv, "/dev");
	if (job->disk) {
		argv_add(argv, "--bind");
		argv_add(argv, "%s", job->disk);
		argv_add(argv, "/dev/disk");
	}
	argv_add(argv, "/bench");
	job_add_arguments(job, arm, argv);
	if (job->disk)
		argv_add(argv, "file=/dev/disk");
	return 0;
}

/* ---- the arm ---- */

static int container_command(struct arm *arm, const struct job *job, struct argv *argv,
			     struct err *err)
{
	if (is_engine(arm, "runc"))
		return runc_command(arm, job, argv, err);
	if (job->net)
		return err_set(err, -EOPNOTSUPP,
			       "%s cannot join the network namespace that runc can", arm->program);
	if (is_engine(arm, "bwrap"))
		return bwrap_command(arm, job, argv);
	return engine_command(arm, job, argv);
}

static int import_image(struct arm *arm, struct err *err)
{
	char *image = image_name(getpid()), *output;
	char *script = xasprintf("tar -C '%s/rootfs' -c . | %s import - %s", arm->work,
				 arm->program, image);
	char shell[] = "sh", option[] = "-c";
	char *const argv[] = {shell, option, script, NULL};

	output = spawn_capture(argv, err);
	free(script);
	free(image);
	free(output);
	return output ? 0 : -EIO;
}

/* What exactly runs. Docker's client answers for its version also when no server does. */
static void add_version_question(const struct arm *arm, struct argv *argv)
{
	if (is_engine(arm, "docker")) {
		argv_add(argv, "info");
		argv_add(argv, "--format=docker {{.ServerVersion}}");
	} else if (is_engine(arm, "podman")) {
		argv_add(argv, "info");
		argv_add(argv, "--format=podman {{.Version.Version}}");
	} else {
		argv_add(argv, "--version");
	}
}

static int ask_engine(struct arm *arm, struct err *err)
{
	struct argv argv = {0};
	struct err why;
	char path[4096], *output;

	if (!file_find_program(arm->program, path, sizeof(path)))
		return err_set(err, -ENOENT, "%s is not installed", arm->program);
	argv_add(&argv, "%s", path);
	add_version_question(arm, &argv);
	output = spawn_capture(argv.at, &why);
	argv_free(&argv);
	if (!output)
		return err_set(err, -ENOENT, "%s does not answer: %.200s", arm->program, why.text);
	output[strcspn(output, "\n")] = '\0';
	free(arm->detail);
	arm->detail =
		xstrdup(is_engine(arm, "bwrap") ? "bubblewrap, a fallback: no cgroup" : output);
	free(output);
	return 0;
}

/* A container that cannot start here should say so now, and not in each round. */
static int try_start(struct arm *arm, struct err *err)
{
	struct argv argv = {0};
	struct job nothing = {0};
	struct err why;
	char *output;
	int ret = container_command(arm, &nothing, &argv, err);

	if (ret)
		goto out;
	output = spawn_capture(argv.at, &why);
	if (!output)
		ret = err_set(err, -EIO, "%s cannot start a container: %.300s", arm->program,
			      why.text);
	free(output);
out:
	argv_free(&argv);
	return ret;
}

/* ---- what is left ---- */

static void remove_container(const struct arm *arm, const char *name)
{
	struct argv argv = {0};

	argv_add(&argv, "%s", arm->program);
	argv_add(&argv, is_engine(arm, "runc") ? "delete" : "rm");
	argv_add(&argv, "--force");
	argv_add(&argv, "%s", name);
	run_quietly(&argv);
	argv_free(&argv);
}

/* Docker and Podman would keep it for ever. */
static void remove_image(const struct arm *arm, pid_t pid)
{
	struct argv argv = {0};
	char *image;

	if (!has_images(arm) || !arm->detail)
		return;
	image = image_name(pid);
	argv_add(&argv, "%s", arm->program);
	argv_add(&argv, "rmi");
	argv_add(&argv, "--force");
	argv_add(&argv, "%s", image);
	run_quietly(&argv);
	argv_free(&argv);
	free(image);
}

/* The names of all containers, a line each, or NULL. */
static char *list_containers(const struct arm *arm)
{
	struct argv argv = {0};
	struct err why;
	char *output;

	argv_add(&argv, "%s", arm->program);
	argv_add(&argv, is_engine(arm, "runc") ? "list" : "ps");
	argv_add(&argv, is_engine(arm, "runc") ? "--quiet" : "--all");
	if (has_images(arm))
		argv_add(&argv, "--format={{.Names}}");
	output = spawn_capture(argv.at, &why);
	argv_free(&argv);
	return output;
}

/* Removes containers with the process number of a killed tinybench in their name. */
static void sweep(const struct arm *arm)
{
	pid_t dead = arm->context->dead;
	char *names, *cursor, *name, *prefix;

	if (dead <= 0 || is_engine(arm, "bwrap") || !spawn_is_gone(dead))
		return;
	prefix = xasprintf("tinybench-%d-", (int)dead);
	cursor = names = list_containers(arm);
	while ((name = strsep(&cursor, "\n")))
		if (strncmp(name, prefix, strlen(prefix)) == 0)
			remove_container(arm, name);
	remove_image(arm, dead);
	free(names);
	free(prefix);
}

static int prepare_engine(struct arm *arm, struct err *err)
{
	int ret = ask_engine(arm, err);

	if (!ret)
		sweep(arm);
	if (!ret && has_images(arm))
		ret = import_image(arm, err);
	return ret ? ret : try_start(arm, err);
}

static int container_prepare(struct arm *arm, struct err *err)
{
	static const char *const engines[] = {"runc", "docker", "podman", "bwrap"};
	struct err why;
	size_t i, length = 0;
	int ret = make_root(arm, err);

	if (ret || arm->program)
		return ret ? ret : prepare_engine(arm, err);
	err->text[0] = '\0';
	for (i = 0; i < NR_OF(engines); i++) {
		arm->program = xstrdup(engines[i]);
		if (prepare_engine(arm, &why) == 0)
			return 0;
		remove_image(arm, getpid());
		free(arm->detail);
		free(arm->program);
		arm->detail = arm->program = NULL;
		if (length < sizeof(err->text))
			length += (size_t)snprintf(err->text + length, sizeof(err->text) - length,
						   "%s%.120s", i ? "; " : "", why.text);
	}
	return -ENOENT;
}

/* runc's container is in a session of its own, out of the reach of a kill of the process group. */
static void container_clean_up(struct arm *arm)
{
	char *name = container_name(arm);

	if (!is_engine(arm, "bwrap"))
		remove_container(arm, name);
	free(name);
}

static void container_release(struct arm *arm)
{
	remove_image(arm, getpid());
}

static long long container_image_bytes(const struct arm *arm)
{
	char *config = xasprintf("%s/config.json", arm->work);
	long long size = file_size(config);

	free(config);
	return file_size(arm->context->bench_file) + (size > 0 ? size : 0);
}

const struct arm_class arm_container = {
	.name = "container",
	.text = "the benchmark file in a container: runc, or the engine after a colon",
	.prepare = container_prepare,
	.command = container_command,
	.clean_up = container_clean_up,
	.release = container_release,
	.out_of_sight = has_images,
	.image_bytes = container_image_bytes,
};
