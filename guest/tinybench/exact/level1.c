/* SPDX-License-Identifier: MIT */
/*
 * What `tinybench exact` runs in level 1, the machine whose instructions are counted: reads jobs,
 * starts each program, tells the plugin by markers what follows (guest/abi.h), and writes what the
 * programs said, and where their code was, to a file that init.sh hands to the host.
 *
 *	level1 JOBS RESULT
 *
 * JOBS has a line for each job, fields separated by tabs: number, kind, seconds, program,
 * arguments. A kind is
 *
 *	setup	a command that has to succeed; nothing of it is recorded
 *	pass	a program whose markers enclose what is counted
 *	life	a program that is counted from execve(2) to its end
 *	peer	a program that runs beside the jobs that follow, until the next peer
 *
 * The result is "file NAME SIZE\n" and the bytes, for each file, and "end\n".
 *
 * A program's output goes to a file in memory: a reader that wakes up would be part of the count.
 *Where its code lies is read when it is about to end, by ptrace(2), which a program that gets no
 *signal does not notice. A life would, so it has a life before that is not counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest/abi.h"

#define MAX_FIELDS 128
#define MAX_OUTPUT (256 << 10) /* of a program's output, that is handed on */

static FILE *disk;	/* what it will get */
static uint8_t *marker; /* a page for the marker with a number */

struct job {
	unsigned int number, seconds;
	const char *kind;
	char **argv;
};

/*
 * The marker between a CPUID and a jump: at the marker the plugin may change its mode, which
 * QEMU 7.2 survives behind an instruction that is both watched and carried out by a function of
 * QEMU's (plugin.c), and at the end of a block that has no call and no return.
 */
static void mark(unsigned int what)
{
	static const uint8_t code[] = {
		0x0f, 0xa2,			    /* cpuid */
		0x0f, 0x1f, 0x84, 0x00, 0, 0, 0, 0, /* nopl DISPLACEMENT(%rax,%rax,1) */
		0xeb, 0x00,			    /* jmp to the next instruction */
		0xc3,				    /* ret */
	};
	uint32_t displacement = (uint32_t)TINYVMM_MARK | what, leaf = 0;

	memcpy(marker, code, sizeof(code));
	memcpy(marker + 6, &displacement, sizeof(displacement));
	__asm__ volatile("call *%1" : "+a"(leaf) : "r"(marker) : "rbx", "rcx", "rdx", "memory");
}

static void put_bytes(const char *name, const void *bytes, size_t size)
{
	fprintf(disk, "file %s %zu\n", name, size);
	fwrite(bytes, 1, size, disk);
}

/* A whole file, or what is readable of it, at most its last `limit` bytes. */
static void put_file(const char *name, const char *path, size_t limit)
{
	FILE *file = fopen(path, "re");
	size_t size = 0, capacity = 1 << 16, got, skip;
	char *text = malloc(capacity);

	while (file && text && (got = fread(text + size, 1, capacity - size, file)) > 0) {
		size += got;
		if (size == capacity) {
			char *larger = realloc(text, capacity *= 2);

			if (!larger)
				break;
			text = larger;
		}
	}
	skip = size > limit ? size - limit : 0;
	if (text)
		put_bytes(name, text + skip, size - skip);
	free(text);
	if (file)
		fclose(file);
}

static void put_text(unsigned int number, const char *what, const char *format, ...)
{
	char name[64], text[256];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	(void)snprintf(name, sizeof(name), "%u.%s", number, what);
	put_bytes(name, text, strlen(text));
}

static _Noreturn void become(const struct job *job, bool is_life)
{
	int in = open("/dev/null", O_RDONLY);
	int out = open("/tmp/out", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	int err = open("/tmp/err", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(in, 0);
	dup2(out, 1);
	dup2(err, 2);
	for (int fd = 3; fd < 16; fd++)
		close(fd);
	setpgid(0, 0);
	if (is_life)
		mark(TINYVMM_MARK_START);
	execv(job->argv[0], job->argv);
	dprintf(2, "%s: %s\n", job->argv[0], strerror(errno));
	_exit(127);
}

/* Waits for a change of the child; false when the time is up. */
static bool await_child(pid_t pid, const struct timespec *end, int *status)
{
	struct timespec now, rest;
	sigset_t chld;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	while (waitpid(pid, status, WNOHANG | __WALL) != pid) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec >= end->tv_sec)
			return false;
		rest = (struct timespec){.tv_sec = end->tv_sec - now.tv_sec};
		sigtimedwait(&chld, NULL, &rest);
	}
	return true;
}

/* At PTRACE_EVENT_EXIT the address space is still there. */
static void keep_maps(const struct job *job, pid_t pid)
{
	char path[64], name[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	(void)snprintf(name, sizeof(name), "%u.maps", job->number);
	put_file(name, path, SIZE_MAX);
}

/* Runs it to its end; the status as of waitpid(2), or -1 when it had to be killed. */
static int run(const struct job *job, bool is_life, bool traced)
{
	struct timespec end;
	pid_t pid;
	int status, fds[2];
	char go = 0;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += job->seconds;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		close(fds[1]);
		if (traced)
			(void)!read(fds[0], &go, 1);
		become(job, is_life);
	}
	close(fds[0]);
	if (traced)
		ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACEEXIT);
	close(fds[1]);
	for (;;) {
		if (!await_child(pid, &end, &status)) {
			kill(-pid, SIGKILL);
			while (waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status))
				ptrace(PTRACE_CONT, pid, NULL, NULL);
			return -1;
		}
		if (!WIFSTOPPED(status))
			return status;
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8)) {
			keep_maps(job, pid);
			ptrace(PTRACE_CONT, pid, NULL, NULL);
		} else {
			ptrace(PTRACE_CONT, pid, NULL, (long)WSTOPSIG(status));
		}
	}
}

static void put_outcome(const struct job *job, int status)
{
	char name[64];

	if (status < 0)
		put_text(job->number, "status", "timeout %u", job->seconds);
	else if (WIFSIGNALED(status))
		put_text(job->number, "status", "signal %d", WTERMSIG(status));
	else
		put_text(job->number, "status", "exit %d", WEXITSTATUS(status));
	(void)snprintf(name, sizeof(name), "%u.out", job->number);
	put_file(name, "/tmp/out", MAX_OUTPUT);
	(void)snprintf(name, sizeof(name), "%u.err", job->number);
	put_file(name, "/tmp/err", MAX_OUTPUT);
}

static void run_job(const struct job *job)
{
	bool is_life = strcmp(job->kind, "life") == 0;
	int status;

	printf("@@ job %u\n", job->number);
	if (strcmp(job->kind, "pass") == 0) {
		mark(TINYVMM_MARK_JOB | job->number);
		status = run(job, false, true);
		mark(TINYVMM_MARK_JOB);
	} else if (is_life) {
		status = run(job, false, true);
		for (int i = 0; i < 2 && status >= 0; i++) {
			if (i == 0)
				mark(TINYVMM_MARK_LIFE | job->number);
			status = run(job, true, false);
			mark(TINYVMM_MARK_STOP);
		}
		mark(TINYVMM_MARK_JOB);
	} else {
		status = run(job, false, false);
	}
	put_outcome(job, status);
}

/* A peer is ready when it has had the time to be. */
static pid_t start_peer(const struct job *job, pid_t before)
{
	struct timespec while_it_starts = {.tv_nsec = 200000000};
	pid_t pid;

	if (before > 0) {
		kill(-before, SIGKILL);
		waitpid(before, NULL, 0);
	}
	pid = fork();
	if (pid == 0)
		become(job, false);
	nanosleep(&while_it_starts, NULL);
	return pid;
}

static bool parse(char *line, struct job *job, char **fields)
{
	size_t nr = 0;
	char *field;

	line[strcspn(line, "\n")] = '\0';
	while (nr < MAX_FIELDS - 1 && (field = strsep(&line, "\t")))
		fields[nr++] = field;
	fields[nr] = NULL;
	if (nr < 4)
		return false;
	job->number = (unsigned int)atoi(fields[0]);
	job->kind = fields[1];
	job->seconds = (unsigned int)atoi(fields[2]);
	job->argv = fields + 3;
	return true;
}

static int write_all(int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t written = write(fd, bytes, size);

		if (written <= 0)
			return -1;
		bytes += written;
		size -= (size_t)written;
	}
	return 0;
}

int main(int argc, char **argv)
{
	FILE *jobs = argc == 3 ? fopen(argv[1], "re") : NULL;
	char *line = NULL, *fields[MAX_FIELDS];
	size_t capacity = 0;
	struct job job;
	sigset_t chld;
	pid_t peer = 0;
	char *kept;
	size_t kept_bytes;
	int fd;

	/* Written when all is done, so that a job costs the same wherever it stands in the list. */
	disk = open_memstream(&kept, &kept_bytes);
	marker = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	if (!jobs || !disk || marker == MAP_FAILED) {
		fprintf(stderr, "usage: level1 JOBS RESULT\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	put_file("kallsyms", "/proc/kallsyms", SIZE_MAX);
	put_file("modules", "/proc/modules", SIZE_MAX);
	put_file("version", "/proc/version", SIZE_MAX);
	while (getline(&line, &capacity, jobs) > 0) {
		if (!parse(line, &job, fields))
			continue;
		if (strcmp(job.kind, "peer") == 0)
			peer = start_peer(&job, peer);
		else
			run_job(&job);
	}
	put_file("kallsyms", "/proc/kallsyms", SIZE_MAX);
	put_file("modules", "/proc/modules", SIZE_MAX);
	fprintf(disk, "end\n");
	fclose(disk);
	fd = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write_all(fd, kept, kept_bytes) < 0) {
		perror(argv[2]);
		return 1;
	}
	printf("@@ end\n");
	return 0;
}
