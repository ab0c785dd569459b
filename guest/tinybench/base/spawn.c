/* SPDX-License-Identifier: MIT */
/* Runs one program to its end. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/file.h"
#include "guest/tinybench/base/spawn.h"
#include "vmm/core/array.h"

/* What a run has open and where it stands. */
struct run {
	const struct spawn_request *request;
	struct spawn_result *result;
	pid_t pid;
	int out_fd, err_fd, pid_fd;
	char *line; /* SPAWN_LINE_MAX bytes: the beginning of a line whose end has not come */
	size_t line_length, total;
	int64_t next_tick_ns;
};

int64_t spawn_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void argv_add(struct argv *argv, const char *format, ...)
{
	va_list ap;
	char *text;

	if (argv->nr + 1 >= NR_OF(argv->at)) {
		fputs("tinybench: too many arguments for a program\n", stderr);
		abort();
	}
	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		abort();
	va_end(ap);
	argv->at[argv->nr++] = text;
}

void argv_free(struct argv *argv)
{
	while (argv->nr)
		free(argv->at[--argv->nr]);
	argv->at[0] = NULL;
}

/* ---- start ---- */

/* dup2() leaves a descriptor that is in its place already closed on exec. */
static bool put_in_place(int from, int to)
{
	return from == to ? fcntl(to, F_SETFD, 0) == 0 : dup2(from, to) == to;
}

/*
 * In the child, which has the parent's memory until it is another program: calls into the kernel,
 * and nothing else. Returns on failure only.
 */
static void become(char *const *argv, pid_t parent, int out, int err)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sigset_t none;

	sigemptyset(&none);
	(void)signal(SIGPIPE, SIG_DFL); /* which tinybench ignores */
	/*
	 * Its own group: Ctrl-C reaches tinybench alone, and a kill reaches all of it. It ends with
	 * tinybench, however that ends.
	 */
	if (null >= 0 && put_in_place(null, STDIN_FILENO) && put_in_place(out, STDOUT_FILENO) &&
	    put_in_place(err, STDERR_FILENO) && setpgid(0, 0) == 0 &&
	    prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent &&
	    sigprocmask(SIG_SETMASK, &none, NULL) == 0)
		execvp(argv[0], argv);
}

/* vfork(2): a copy of the page tables would be in the time that an arm takes to start. */
static int spawn_with(struct run *run, int out, int err)
{
	char *const *argv = run->request->argv;
	volatile int failure = 0;
	pid_t parent = getpid(), pid;

	run->result->start_ns = spawn_now_ns();
	pid = vfork();
	if (pid == 0) {
		become(argv, parent, out, err);
		failure = errno ? errno : EIO;
		_exit(127);
	}
	if (pid < 0)
		return -errno;
	run->pid = pid;
	if (!failure)
		return 0;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return -failure;
}

static int start(struct run *run, struct err *err)
{
	int out[2], errors[2], ret;

	if (pipe2(out, O_CLOEXEC) < 0)
		return err_set(err, -errno, "cannot make a pipe: %s", strerror(errno));
	if (pipe2(errors, O_CLOEXEC) < 0) {
		ret = err_set(err, -errno, "cannot make a pipe: %s", strerror(errno));
		goto close_out;
	}
	ret = spawn_with(run, out[1], errors[1]);
	if (ret) {
		err_set(err, ret, "%s: cannot start: %s", run->request->argv[0], strerror(-ret));
		goto close_err;
	}
	close(out[1]);
	close(errors[1]);
	run->out_fd = out[0];
	run->err_fd = errors[0];
	fcntl(run->out_fd, F_SETFL, O_NONBLOCK);
	fcntl(run->err_fd, F_SETFL, O_NONBLOCK);
	run->pid_fd = (int)syscall(SYS_pidfd_open, run->pid, 0);
	return 0;

close_err:
	close(errors[0]);
	close(errors[1]);
close_out:
	close(out[0]);
	close(out[1]);
	return ret;
}

/* ---- output ---- */

static void take_bytes(struct run *run, const char *bytes, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++) {
		if (bytes[i] != '\n') {
			if (run->line_length < SPAWN_LINE_MAX)
				run->line[run->line_length++] = bytes[i];
			continue;
		}
		/* A serial port ends its lines with a carriage return too. */
		while (run->line_length && run->line[run->line_length - 1] == '\r')
			run->line_length--;
		if (run->request->on_line)
			run->request->on_line(run->request->opaque, run->line, run->line_length);
		run->line_length = 0;
	}
}

/* False when nothing more will come. */
static bool read_output(struct run *run)
{
	char bytes[4096];
	ssize_t got;

	while ((got = read(run->out_fd, bytes, sizeof(bytes))) > 0) {
		if (!run->result->first_output_ns)
			run->result->first_output_ns = spawn_now_ns();
		run->total += (size_t)got;
		take_bytes(run, bytes, (size_t)got);
		if (run->total > SPAWN_OUTPUT_MAX || run->line_length >= SPAWN_LINE_MAX) {
			run->result->end = SPAWN_FLOODED;
			return false;
		}
	}
	return got < 0 && errno == EAGAIN;
}

/* Keeps the last line that is not empty. */
static bool read_complaint(struct run *run)
{
	char bytes[4096], *line, *cursor;
	ssize_t got;

	while ((got = read(run->err_fd, bytes, sizeof(bytes) - 1)) > 0) {
		bytes[got] = '\0';
		cursor = bytes;
		while ((line = strsep(&cursor, "\r\n")))
			if (*line != '\0')
				(void)snprintf(run->result->complaint,
					       sizeof(run->result->complaint), "%s", line);
	}
	return got < 0 && errno == EAGAIN;
}

/* ---- the wait ---- */

static int wait_ms(const struct run *run, int64_t now, int64_t deadline)
{
	int64_t until = deadline;

	if (run->request->tick_ms && run->next_tick_ns < until)
		until = run->next_tick_ns;
	return until <= now ? 0 : (int)((until - now) / 1000000 + 1);
}

/* Until the process has ended or has to: the caller then kills what is left. */
static void follow(struct run *run)
{
	struct pollfd fds[] = {{run->pid_fd, POLLIN, 0},
			       {run->request->signal_fd, POLLIN, 0},
			       {run->out_fd, POLLIN, 0},
			       {run->err_fd, POLLIN, 0}};
	int64_t deadline = run->result->start_ns + (int64_t)run->request->timeout_ms * 1000000;
	int64_t tick_ns = (int64_t)run->request->tick_ms * 1000000, now;

	run->next_tick_ns = run->result->start_ns + tick_ns;
	for (;;) {
		now = spawn_now_ns();
		if (now >= deadline) {
			run->result->end = SPAWN_TIMED_OUT;
			return;
		}
		if (tick_ns && now >= run->next_tick_ns) {
			run->request->on_tick(run->request->opaque, run->pid);
			run->next_tick_ns = now + tick_ns;
		}
		if (poll(fds, 4, wait_ms(run, now, deadline)) < 0)
			continue; /* EINTR */
		if (fds[2].revents && !read_output(run)) {
			if (run->result->end == SPAWN_FLOODED)
				return;
			fds[2].fd = -1; /* closed: only the end of the process is left */
		}
		if (fds[2].revents && !run->request->on_line)
			fds[2].fd = -1;
		if (fds[3].revents && !read_complaint(run))
			fds[3].fd = -1;
		if (fds[1].revents) {
			run->result->end = SPAWN_INTERRUPTED;
			return;
		}
		if (fds[0].revents)
			return;
	}
}

static void reap(struct run *run)
{
	struct rusage usage = {0};

	run->result->end_ns = spawn_now_ns();
	if (run->result->end != SPAWN_EXITED)
		kill(-run->pid, SIGKILL);
	while (wait4(run->pid, &run->result->status, 0, &usage) < 0 && errno == EINTR)
		;
	/* What it left behind in its group must not disturb the next run. */
	kill(-run->pid, SIGKILL);
	run->result->cpu_ns =
		((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000 +
		((int64_t)usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
	run->result->switches = usage.ru_nvcsw;
	if (run->result->end == SPAWN_EXITED)
		(void)read_output(run);
	(void)read_complaint(run);
}

int spawn_run(const struct spawn_request *request, struct spawn_result *result, struct err *err)
{
	struct run run = {.request = request, .result = result};
	int ret;

	memset(result, 0, sizeof(*result));
	ret = start(&run, err);
	if (ret)
		return ret;
	run.line = xcalloc(SPAWN_LINE_MAX, 1);
	follow(&run);
	reap(&run);
	if (run.line_length && result->end == SPAWN_EXITED && request->on_line)
		request->on_line(request->opaque, run.line, run.line_length);
	free(run.line);
	close(run.out_fd);
	close(run.err_fd);
	if (run.pid_fd >= 0)
		close(run.pid_fd);
	return 0;
}

void spawn_explain(const struct spawn_result *result, struct err *err)
{
	double seconds = (double)(result->end_ns - result->start_ns) / 1e9;
	const char *colon = result->complaint[0] ? ": " : "";
	int status = result->status;

	if (result->end == SPAWN_TIMED_OUT)
		err_set(err, 0, "did not end within %.1f s, and was killed", seconds);
	else if (result->end == SPAWN_INTERRUPTED)
		err_set(err, 0, "interrupted");
	else if (result->end == SPAWN_FLOODED)
		err_set(err, 0, "flooded its output, and was killed");
	else if (WIFSIGNALED(status))
		err_set(err, 0, "killed by signal %d (%s)%s%s", WTERMSIG(status),
			strsignal(WTERMSIG(status)), colon, result->complaint);
	else
		err_set(err, 0, "ended with status %d%s%s", WEXITSTATUS(status), colon,
			result->complaint);
}

bool spawn_is_gone(pid_t pid)
{
	char path[64], text[512], *state;

	if (kill(pid, 0) < 0 && errno == ESRCH)
		return true;
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	/* The state comes after the command's name, which may contain anything. */
	state = strrchr(file_read_line(path, text, sizeof(text)), ')');
	return state && (strncmp(state, ") Z", 3) == 0 || strncmp(state, ") X", 3) == 0);
}

/* ---- whole output ---- */

struct capture {
	char *text;
	size_t length;
};

static void capture_line(void *opaque, const char *line, size_t length)
{
	struct capture *capture = opaque;
	char *text;

	if (capture->length + length > 1 << 20)
		return;
	text = xcalloc(capture->length + length + 2, 1);
	memcpy(text, capture->text, capture->length);
	memcpy(text + capture->length, line, length);
	capture->length += length;
	text[capture->length++] = '\n';
	free(capture->text);
	capture->text = text;
}

char *spawn_capture(char *const *argv, struct err *err)
{
	struct capture capture = {xstrdup(""), 0};
	struct spawn_request request = {.argv = argv,
					.timeout_ms = 20000,
					.signal_fd = -1,
					.on_line = capture_line,
					.opaque = &capture};
	struct spawn_result result;

	if (spawn_run(&request, &result, err) < 0) {
		free(capture.text);
		return NULL;
	}
	if (result.end != SPAWN_EXITED || result.status != 0) {
		spawn_explain(&result, err);
		free(capture.text);
		return NULL;
	}
	return capture.text;
}
