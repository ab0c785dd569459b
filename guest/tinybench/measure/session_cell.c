/* SPDX-License-Identifier: MIT */
/* One benchmark in one arm once. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/measure/cell.h"
#include "guest/tinybench/measure/own.h"
#include "guest/tinybench/measure/session.h"
#include "vmm/core/array.h"

#define DISK_BYTES	 (256 << 20)
#define DISK_BYTES_QUICK (64 << 20)

static bool in_group(const struct bench *bench, const char *group)
{
	return strncmp(bench->name, group, strlen(group)) == 0;
}

/* Written and not only made longer: a hole would be read without a disk. */
static int fill_disk(int fd, size_t size)
{
	size_t block_size = 1 << 20, done;
	char *block = xcalloc(1, block_size);
	int error = 0;

	memset(block, 0x5a, block_size);
	for (done = 0; !error && done < size; done += block_size)
		if (write(fd, block, block_size) != (ssize_t)block_size)
			error = -(errno ? errno : ENOSPC);
	free(block);
	return error || fsync(fd) == 0 ? error : -errno;
}

/* The one raw image on which all arms read and write. */
static int need_disk(struct session *session, struct reason *reason)
{
	size_t size = session->settings->quick ? DISK_BYTES_QUICK : DISK_BYTES;
	char *path;
	int fd, error;

	if (session->disk)
		return 0;
	path = xasprintf("%s/disk.img", session->scratch);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	error = fd < 0 ? -errno : fill_disk(fd, size);
	if (fd >= 0)
		close(fd);
	if (error) {
		reason_set(reason, error, "%s: cannot make the image: %s", path, strerror(-error));
		unlink(path);
		free(path);
		return error;
	}
	session->disk = path;
	return 0;
}

/*
 * An IPI or a wake-up needs somebody to go to. What does not is run on one CPU: the payload's
 * others spin, and where the host has no more than these, VMM and vCPU then share one.
 */
static unsigned int least_cpus(const char *bench)
{
	static const char *const pairs[] = {"trap.ipi", "trap.futex_wake", "trap.eventfd_pingpong"};

	for (size_t i = 0; i < NR_OF(pairs); i++)
		if (strcmp(bench, pairs[i]) == 0 && sysconf(_SC_NPROCESSORS_ONLN) > 1)
			return 2;
	return 1;
}

/* False if the user interrupted it. */
static bool run_program(struct session *session, struct arm *arm, struct cell *cell)
{
	const struct settings *settings = session->settings;
	struct job job = {.bench = cell->bench->name,
			  .samples = settings->samples,
			  .min_ms = settings->min_ms,
			  .cpus = settings->cpus ? settings->cpus : least_cpus(cell->bench->name),
			  .extra = &settings->extra};
	struct argv argv = {0};
	struct spawn_request request = {.timeout_ms = (int)settings->timeout_s * 1000,
					.signal_fd = session->signal_fd,
					.on_line = cell_take_line,
					.opaque = cell};
	struct spawn_result result = {0};
	struct reason reason;
	int error = 0;

	if (in_group(cell->bench, "blk."))
		error = need_disk(session, &reason);
	if (in_group(cell->bench, "net.") && !session->net.name[0])
		error = netlab_make(&session->net, session->bench_file, &reason);
	job.net = in_group(cell->bench, "net.") ? &session->net : NULL;
	job.disk = session->disk && in_group(cell->bench, "blk.") ? session->disk : NULL;
	if (!error)
		error = arm->class->command(arm, &job, &argv, &reason);
	request.argv = argv.at;
	if (!error)
		error = spawn_run(&request, &result, &reason);
	if (error)
		cell_cannot_run(cell, error, &reason);
	else
		cell_program_ended(cell, arm, &result);
	if (result.end != SPAWN_EXITED && arm->class->clean_up)
		arm->class->clean_up(arm);
	argv_free(&argv);
	return result.end != SPAWN_INTERRUPTED;
}

bool session_run_cell(struct session *session, struct arm *arm, const struct bench *bench,
		      unsigned int round, bool warmup)
{
	const struct own_bench *own = own_find(bench->name);
	struct dataset *data = &session->data;
	struct cell cell = {.data = data,
			    .bench = catalog_add(&data->benches, bench->name, bench->unit,
						 bench->higher_is_better, bench->text),
			    .arm = dataset_arm(data, arm->name),
			    .noisy = arm->class->noisy,
			    .round = round,
			    .warmup = warmup};
	bool goes_on = own ? own->measure(session, arm, &cell) : run_program(session, arm, &cell);

	if (!goes_on) { /* what was measured of it is not kept */
		free(cell.staged);
		return false;
	}
	cell_commit(&cell);
	return true;
}
