/* SPDX-License-Identifier: MIT */
/* One benchmark in one arm once. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/measure/cell.h"
#include "guest/tinybench/measure/job_run.h"
#include "guest/tinybench/measure/own.h"
#include "guest/tinybench/measure/session.h"
#include "vmm/core/array.h"

#define DISK_BYTES	 (256 << 20)
#define DISK_BYTES_QUICK (64 << 20)

/* Written and not only made longer: a hole would be read without a disk. */
static int fill_disk(int fd, size_t size)
{
	size_t block_size = 1 << 20, done;
	char *block = xcalloc(1, block_size);
	int ret = 0;

	memset(block, 0x5a, block_size);
	for (done = 0; !ret && done < size; done += block_size) {
		errno = ENOSPC; /* of a write that is only short */
		if (write(fd, block, block_size) != (ssize_t)block_size)
			ret = -errno;
	}
	free(block);
	return ret || fsync(fd) == 0 ? ret : -errno;
}

/* The one raw image on which all arms read and write. */
static int need_disk(struct session *session, struct err *err)
{
	size_t size = session->settings->quick ? DISK_BYTES_QUICK : DISK_BYTES;
	char *path;
	int fd, ret;

	if (session->disk)
		return 0;
	path = xasprintf("%s/disk.img", session->claim.path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ret = fd < 0 ? -errno : fill_disk(fd, size);
	if (fd >= 0 && close(fd) < 0 && !ret)
		ret = -errno;
	if (ret) {
		err_set(err, ret, "%s: cannot make the image: %s", path, strerror(-ret));
		unlink(path);
		free(path);
		return ret;
	}
	session->disk = path;
	return 0;
}

/* An IPI or a wake-up needs another CPU to go to. */
static unsigned int least_cpus(const char *bench)
{
	static const char *const pairs[] = {"trap.ipi", "trap.futex_wake", "trap.eventfd_pingpong"};

	for (size_t i = 0; i < NR_OF(pairs); i++)
		if (strcmp(bench, pairs[i]) == 0)
			return 2;
	return 1;
}

/* What the job needs besides an arm. 0, or -errno and why there is none. */
static int need_devices(struct session *session, struct job *job, struct err *err)
{
	int ret = 0;

	if (strncmp(job->bench, "blk.", 4) == 0) {
		ret = need_disk(session, err);
		job->disk = session->disk;
	} else if (strncmp(job->bench, "net.", 4) == 0) {
		if (!session->net.name[0])
			ret = netlab_make(&session->net, session->bench_file, err);
		job->net = &session->net;
	}
	return ret;
}

/* False if the user interrupted it. */
static bool run_program(struct session *session, struct arm *arm, struct cell *cell)
{
	const struct settings *settings = session->settings;
	unsigned int least = least_cpus(cell->bench->name);
	struct job job = {.bench = cell->bench->name,
			  .samples = settings->samples,
			  .min_ms = settings->min_ms,
			  .cpus = settings->cpus ? settings->cpus : least,
			  .extra = &settings->extra};
	struct job_watch watch = {.takes_lines = true};
	struct spawn_result result;
	struct err why;
	int ret;

	if (session->nr_cpus < least) {
		cell_skip(cell, "it needs two CPUs, and this run may use one (taskset -p $$ and "
				"--pin decide)");
		return true;
	}
	ret = need_devices(session, &job, &why);
	if (ret) {
		cell_cannot_run(cell, ret, &why);
		return true;
	}
	return job_run(session, arm, cell, &job, &watch, &result);
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
	bool continues = own ? own->measure(session, arm, &cell) : run_program(session, arm, &cell);

	if (!continues) { /* what was measured of it is not kept */
		free(cell.staged);
		return false;
	}
	cell_commit(&cell);
	return true;
}
