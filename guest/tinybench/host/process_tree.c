/* SPDX-License-Identifier: MIT */
/* What a process and all that descend from it use (proc(5)). */
#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/file.h"
#include "guest/tinybench/host/process_tree.h"

struct process {
	pid_t pid, parent;
};

/* The parent is the second field after the command's name, which may contain anything. */
static pid_t parent_of(pid_t pid)
{
	char path[64], text[512], *after;
	int parent = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	after = strrchr(file_read_line(path, text, sizeof(text)), ')');
	if (!after || sscanf(after, ") %*c %d", &parent) != 1)
		return 0;
	return parent;
}

static size_t list_processes(struct process **processes)
{
	size_t nr = 0, capacity = 0;
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	*processes = NULL;
	while (dir && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		*processes = xgrow(*processes, nr, &capacity, sizeof(**processes));
		(*processes)[nr].pid = (pid_t)atoi(entry->d_name);
		(*processes)[nr].parent = parent_of((*processes)[nr].pid);
		nr++;
	}
	if (dir)
		closedir(dir);
	return nr;
}

static uint64_t number_after(const char *text, const char *key)
{
	const char *at = text ? strstr(text, key) : NULL;

	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static void add_thread(pid_t pid, const char *thread, struct tree_usage *usage)
{
	char path[128], text[128], *status;
	uint64_t ran = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%.20s/schedstat", (int)pid, thread);
	if (sscanf(file_read_line(path, text, sizeof(text)), "%" SCNu64, &ran) == 1)
		usage->cpu_ns += ran;
	(void)snprintf(path, sizeof(path), "/proc/%d/task/%.20s/status", (int)pid, thread);
	status = file_read(path);
	usage->switches += number_after(status, "\nvoluntary_ctxt_switches:");
	usage->switches += number_after(status, "\nnonvoluntary_ctxt_switches:");
	free(status);
}

static void add_process(pid_t pid, struct tree_usage *usage)
{
	struct dirent *entry;
	char path[64], *text;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	text = file_read(path);
	usage->pss_kib += number_after(text, "\nPss:");
	usage->processes += text != NULL;
	free(text);
	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]))
			add_thread(pid, entry->d_name, usage);
	if (dir)
		closedir(dir);
}

static pid_t find_parent(const struct process *processes, size_t nr, pid_t pid)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (processes[i].pid == pid)
			return processes[i].parent;
	return 0;
}

void process_tree_read(pid_t root, struct tree_usage *usage)
{
	struct process *processes;
	size_t nr = list_processes(&processes), i, depth;
	pid_t pid;

	memset(usage, 0, sizeof(*usage));
	for (i = 0; i < nr; i++) {
		/* The list is not of one moment, so a loop of parents is thinkable: bounded. */
		pid = processes[i].pid;
		for (depth = 0; pid != root && pid > 1 && depth < 64; depth++)
			pid = find_parent(processes, nr, pid);
		if (pid == root)
			add_process(processes[i].pid, usage);
	}
	free(processes);
}
