/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/file.h"
#include "guest/tinybench/exact/machine.h"
#include "vmm/core/array.h"

#define QEMU	   "qemu-system-x86_64"
#define DISK_BYTES (64 << 20)
/* In the machine's time, which is instructions: a nanosecond each. Sleeping takes none of ours. */
#define JOB_SECONDS 20
/* Of the host's CPU, however busy that is; a job takes about two, a start six. */
#define START_CPU_SECONDS   120
#define PER_JOB_CPU_SECONDS 60
/* For a machine that does not even use the CPU. */
#define HOST_TIMEOUT_MS (4 * 3600 * 1000)

static const char kernel_words[] =
	"console=ttyS0 panic=-1 quiet mitigations=off cryptomgr.notests no_timer_check "
	"tsc=reliable tsc_early_khz=1000000 nokaslr norandmaps randomize_kstack_offset=off";

/* ---- what it is made of ------------------------------------------------------------------------
 */

bool machine_qemu_version(char *text, size_t size)
{
	char *const argv[] = {(char *)QEMU, (char *)"--version", NULL};
	struct err err;
	char *output = spawn_capture(argv, &err);

	if (output)
		(void)snprintf(text, size, "%.*s", (int)strcspn(output, "\n"), output);
	free(output);
	return output != NULL;
}

int machine_find_kernel(const char *build_dir, char **dir, struct err *err)
{
	char *kernel = xasprintf("%s/kernel/cloud", build_dir);
	char *image = xasprintf("%s/vmlinuz", kernel);
	char *fetch = xasprintf("%s/guest/venue/fetch.sh", build_dir);
	char *const argv[] = {fetch, (char *)build_dir, (char *)"cloud", NULL};
	int ret = 0;

	if (!file_exists(image)) {
		char *output = spawn_capture(argv, err);

		ret = output ? 0 : -ENOENT;
		free(output);
	}
	if (!ret)
		*dir = kernel;
	else
		free(kernel);
	free(image);
	free(fetch);
	return ret;
}

static void carry(struct argv *argv, const char *inside, const char *file)
{
	if (file_exists(file) && argv->nr + 2 < NR_OF(argv->at))
		argv_add(argv, "%s=%s", inside, file);
}

static void carry_built(struct argv *argv, const char *build_dir, const char *name)
{
	char *inside = xasprintf(PLAN_BUILD "/%s", name),
	     *file = xasprintf("%s/%s", build_dir, name);

	carry(argv, inside, file);
	free(inside);
	free(file);
}

static void carry_guests(struct argv *argv, const char *build_dir, const struct plan_job *job,
			 struct names *carried)
{
	for (size_t i = 0; i < job->guests.nr; i++) {
		if (names_have(carried, job->guests.at[i]))
			continue;
		names_add(carried, job->guests.at[i]);
		carry_built(argv, build_dir, job->guests.at[i]);
	}
}

/* QEMU as an arm needs its firmware as well. */
static void carry_program(struct argv *argv, const char *arm)
{
	static const char *const roms[] = {"bios-microvm.bin", "qboot.rom", "linuxboot_dma.bin",
					   "pvh.bin", "kvmvapic.bin"};
	static const char *const dirs[] = {"/usr/share/qemu", "/usr/share/seabios"};
	char *program = plan_program(arm);

	if (program)
		carry(argv, program, program);
	for (size_t i = 0; program && strstr(program, QEMU) && i < NR_OF(roms); i++) {
		for (size_t j = 0; j < NR_OF(dirs); j++) {
			char *file = xasprintf("%s/%s", dirs[j], roms[i]);
			char *inside = xasprintf("/usr/share/qemu/%s", roms[i]);

			carry(argv, inside, file);
			free(file);
			free(inside);
		}
	}
	free(program);
}

static int pack(const struct machine *machine, const char *kernel, struct plan_job *const *jobs,
		size_t nr, const char *cpio, struct err *err)
{
	static const char *const built[] = {"tinyvmm", "tests/bench/floor", "guest/linux/vmlinuz",
					    "guest/linux/bench.cpio"};
	struct argv argv = {0};
	struct names carried = {0};
	char *list = xasprintf("%s/jobs", machine->dir), *output;

	argv_add(&argv, "%s/exact/pack.sh", machine->build_dir);
	argv_add(&argv, "%s/exact", machine->build_dir);
	argv_add(&argv, "%s", kernel);
	argv_add(&argv, "%s", cpio);
	carry(&argv, "jobs", list);
	for (size_t i = 0; i < NR_OF(built); i++)
		carry_built(&argv, machine->build_dir, built[i]);
	carry_built(&argv, machine->build_dir, "guest/bench.elf");
	carry_built(&argv, machine->build_dir, "guest/payload.elf");
	names_add(&carried, "guest/bench.elf");
	names_add(&carried, "guest/payload.elf");
	for (size_t i = 0; i < nr; i++)
		carry_guests(&argv, machine->build_dir, jobs[i], &carried);
	carry_program(&argv, jobs[0]->arm);
	output = spawn_capture(argv.at, err);
	argv_free(&argv);
	names_free(&carried);
	free(list);
	free(output);
	return output ? 0 : -EIO;
}

/* ---- jobs --------------------------------------------------------------------------------------
 */

static void put_argv(FILE *file, const struct argv *argv)
{
	for (size_t i = 0; i < argv->nr; i++)
		fprintf(file, "\t%s", argv->at[i]);
	fputc('\n', file);
}

struct list {
	struct plan_job *const *jobs;
	size_t nr;
};

/* What several jobs need is set up once. */
static int put_jobs(FILE *file, const void *opaque)
{
	const struct list *list = opaque;
	struct names done = {0};
	bool has_peer = false;

	for (size_t i = 0; i < list->nr; i++) {
		const struct plan_job *job = list->jobs[i];

		for (size_t j = 0; j < job->setup.nr; j++) {
			if (names_have(&done, job->setup.at[j]))
				continue;
			names_add(&done, job->setup.at[j]);
			fprintf(file, "0\tsetup\t%d\t/bin/sh\t-c\t%s\n", JOB_SECONDS,
				job->setup.at[j]);
		}
		if (job->peer.nr && !has_peer) {
			fprintf(file, "0\tpeer\t0");
			put_argv(file, &job->peer);
			has_peer = true;
		}
		fprintf(file, "%u\t%s\t%d", job->number, job->is_life ? "life" : "pass",
			JOB_SECONDS);
		put_argv(file, &job->argv);
	}
	names_free(&done);
	return 0;
}

/* ---- what comes out
 * ------------------------------------------------------------------------------ */

/* "file NAME SIZE\n" and the bytes, until "end\n". */
static int unpack(const struct machine *machine, FILE *disk, struct err *err)
{
	char line[256], name[64];
	unsigned long size;

	while (fgets(line, sizeof(line), disk)) {
		char *bytes, *path;
		FILE *file;

		if (strcmp(line, "end\n") == 0)
			return 0;
		if (sscanf(line, "file %63s %lu", name, &size) != 2 || strchr(name, '/') ||
		    size > DISK_BYTES)
			break;
		bytes = xcalloc(1, size + 1);
		path = xasprintf("%s/files/%s", machine->dir, name);
		file = fopen(path, "we");
		if (fread(bytes, 1, size, disk) == size && file)
			(void)fwrite(bytes, 1, size, file);
		if (file)
			fclose(file);
		free(bytes);
		free(path);
	}
	return err_set(err, -EIO, "the machine ended before its jobs did");
}

char *machine_file(const struct machine *machine, unsigned int job, const char *what)
{
	char *path = job ? xasprintf("%s/files/%u.%s", machine->dir, job, what)
			 : xasprintf("%s/files/%s", machine->dir, what);
	char *text = file_read(path);

	free(path);
	return text;
}

/* ---- a run -------------------------------------------------------------------------------------
 */

struct console {
	char last[160]; /* of what is not ours: a panic, say */
};

static void on_line(void *opaque, const char *line, size_t length)
{
	struct console *console = opaque;

	if (length > 3 && strncmp(line, "@@ ", 3) != 0)
		(void)snprintf(console->last, sizeof(console->last), "%.*s", (int)length, line);
}

static void add_qemu(struct argv *argv, const struct machine *machine, const char *kernel,
		     const char *cpio, const char *disk, size_t nr)
{
	static const char *const fixed[] = {
		QEMU,
		"-accel",
		"tcg,thread=single",
		"-icount",
		"shift=0,sleep=off",
		"-M",
		"q35",
		"-cpu",
		"EPYC,+svm",
		"-smp",
		"1",
		"-m",
		"1536",
		"-nodefaults",
		"-no-user-config",
		"-display",
		"none",
		"-no-reboot",
		"-seed",
		"1",
		"-rtc",
		"base=2020-01-01,clock=vm",
		"-serial",
		"stdio",
	};

	argv_add(argv, "/bin/sh");
	argv_add(argv, "-c");
	argv_add(argv, "ulimit -t %zu && exec \"$@\"",
		 START_CPU_SECONDS + PER_JOB_CPU_SECONDS * nr);
	argv_add(argv, "sh");
	for (size_t i = 0; i < NR_OF(fixed); i++)
		argv_add(argv, "%s", fixed[i]);
	argv_add(argv, "-kernel");
	argv_add(argv, "%s/vmlinuz", kernel);
	argv_add(argv, "-initrd");
	argv_add(argv, "%s", cpio);
	argv_add(argv, "-append");
	/* What comes later wins. */
	argv_add(argv, "%s %s", kernel_words, machine->kernel_words);
	argv_add(argv, "-drive");
	argv_add(argv, "file=%s,format=raw,if=virtio,cache=unsafe", disk);
	argv_add(argv, "-plugin");
	argv_add(argv, "%s/exact/libexact.so,dir=%s", machine->build_dir, machine->dir);
}

static void explain(const struct spawn_result *result, const struct console *console,
		    struct err *err)
{
	if (strstr(result->complaint, "exact plugin: "))
		(void)err_set(err, -EIO, "%.200s; is there room on the disk, and memory?",
			      strstr(result->complaint, "exact plugin: "));
	else if (strstr(result->complaint, "plugin"))
		(void)err_set(err, -EPROTO, "%.180s; it needs a QEMU with TCG plugins, as Debian's",
			      result->complaint);
	else if (result->end == SPAWN_EXITED && result->status == 0 && console->last[0])
		(void)err_set(err, -EPROTO, "the machine ended: %s", console->last);
	else
		spawn_explain(result, err);
}

static int boot(const struct machine *machine, const char *kernel, const char *cpio, size_t nr,
		struct err *err)
{
	char *path = xasprintf("%s/disk", machine->dir);
	struct console console = {0};
	struct argv argv = {0};
	struct spawn_request request = {.signal_fd = machine->signal_fd,
					.on_line = on_line,
					.opaque = &console,
					.timeout_ms = HOST_TIMEOUT_MS};
	struct spawn_result result = {0};
	FILE *disk = fopen(path, "w+e");
	int ret = 0;

	if (!disk || ftruncate(fileno(disk), DISK_BYTES) < 0)
		ret = err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (!ret) {
		add_qemu(&argv, machine, kernel, cpio, path, nr);
		request.argv = argv.at;
		ret = spawn_run(&request, &result, err);
	}
	if (!ret)
		ret = unpack(machine, disk, err);
	if (ret && result.end_ns)
		explain(&result, &console, err);
	if (result.end == SPAWN_INTERRUPTED)
		ret = -EINTR;
	if (disk)
		fclose(disk);
	(void)unlink(path);
	argv_free(&argv);
	free(path);
	return ret;
}

int machine_run(const struct machine *machine, struct plan_job *const *jobs, size_t nr,
		struct err *err)
{
	const struct list list = {.jobs = jobs, .nr = nr};
	char *files = xasprintf("%s/files", machine->dir), *kernel = NULL;
	char *cpio = xasprintf("%s/level1.cpio", machine->dir);
	int ret = machine_find_kernel(machine->build_dir, &kernel, err);

	if (!ret)
		ret = file_make_directory(files, err);
	if (!ret)
		ret = file_replace(machine->dir, "jobs", put_jobs, &list, err);
	if (!ret)
		ret = pack(machine, kernel, jobs, nr, cpio, err);
	if (!ret)
		ret = boot(machine, kernel, cpio, nr, err);
	(void)unlink(cpio);
	free(kernel);
	free(files);
	free(cpio);
	return ret;
}
