/* SPDX-License-Identifier: MIT */
/*
 * The config.json of an OCI bundle. What is in it decides what the container arm measures, so it is
 * the least that still is a container by common understanding: namespaces for processes, mounts,
 * network, IPC and host name, a read-only root with /proc and /dev, a cgroup, no capabilities.
 * There is no seccomp filter, which Docker adds and which costs each system call some tens of
 * nanoseconds.
 */
#include "guest/tinybench/arms/oci.h"

static json_t *oci_args(const struct argv *argv)
{
	json_t *args = json_array();
	size_t i;

	for (i = 0; i < argv->nr; i++)
		json_array_append_new(args, json_string(argv->at[i]));
	return args;
}

static json_t *oci_mounts(const char *disk)
{
	json_t *mounts =
		json_pack("[{s:s, s:s, s:s}, {s:s, s:s, s:s, s:[s, s, s]}]", "destination", "/proc",
			  "type", "proc", "source", "proc", "destination", "/dev", "type", "tmpfs",
			  "source", "tmpfs", "options", "nosuid", "mode=755", "size=65536k");

	if (disk &&
	    json_array_append_new(mounts, json_pack("{s:s, s:s, s:s, s:[s, s]}", "destination",
						    "/disk", "type", "bind", "source", disk,
						    "options", "bind", "rw")) < 0) {
		json_decref(mounts);
		return NULL;
	}
	return mounts;
}

static json_t *oci_linux(const struct oci_process *process)
{
	json_t *config =
		json_pack("{s:s, s:[{s:s}, {s:s}, {s:s}, {s:s}, {s:s}], s:{}}", "cgroupsPath",
			  process->cgroup, "namespaces", "type", "pid", "type", "mount", "type",
			  "ipc", "type", "uts", "type", "network", "resources");

	if (process->netns) /* the last in the list */
		json_object_set_new(json_array_get(json_object_get(config, "namespaces"), 4),
				    "path", json_sprintf("/run/netns/%s", process->netns));
	if (process->cpus)
		json_object_set_new(json_object_get(config, "resources"), "cpu",
				    json_pack("{s:s}", "cpus", process->cpus));
	return config;
}

json_t *oci_config(const struct oci_process *process)
{
	return json_pack("{s:s, s:{s:b, s:{s:i, s:i}, s:o, s:[s], s:s, s:b}, s:{s:s, s:b}, s:s, "
			 "s:o, s:o}",
			 "ociVersion", "1.0.2", "process", "terminal", 0, "user", "uid", 0, "gid",
			 0, "args", oci_args(process->argv), "env", "PATH=/", "cwd", "/",
			 "noNewPrivileges", 1, "root", "path", "rootfs", "readonly", 1, "hostname",
			 "tinybench", "mounts", oci_mounts(process->disk), "linux",
			 oci_linux(process));
}
