/* SPDX-License-Identifier: MIT */
/* How far a run is. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "guest/tinybench/base/spawn.h"
#include "guest/tinybench/measure/progress.h"

#define CLEAR_LINE "\r\033[K"

void progress_format_time(int64_t seconds, char *text, size_t size)
{
	if (seconds >= 3600)
		(void)snprintf(text, size, "%" PRId64 " h %" PRId64 " min", seconds / 3600,
			       seconds % 3600 / 60);
	else if (seconds >= 60)
		(void)snprintf(text, size, "%" PRId64 " min %" PRId64 " s", seconds / 60,
			       seconds % 60);
	else
		(void)snprintf(text, size, "%" PRId64 " s", seconds);
}

void progress_start(struct progress *progress, size_t total)
{
	progress->on_terminal = isatty(STDERR_FILENO);
	progress->start_ns = spawn_now_ns();
	progress->deadline_ns = 0;
	progress->done = 0;
	progress->total = total;
}

/* From the mean of the cells so far: all arms and benchmarks come up in each round. */
static void time_left(const struct progress *progress, char *text, size_t size)
{
	int64_t elapsed = spawn_now_ns() - progress->start_ns;
	int64_t cells = (int64_t)(progress->total - progress->done), left = INT64_MAX;

	if (progress->done)
		left = cells <= 0 ? 0 : elapsed / (int64_t)progress->done * cells;
	if (progress->deadline_ns && progress->deadline_ns - progress->start_ns - elapsed < left)
		left = progress->deadline_ns - progress->start_ns - elapsed;
	if (left == INT64_MAX)
		(void)snprintf(text, size, "unknown");
	else
		progress_format_time(left < 0 ? 0 : left / 1000000000, text, size);
}

void progress_cell(struct progress *progress, unsigned int round, const char *bench,
		   const char *arm)
{
	char left[64];

	if (!progress->on_terminal)
		return;
	time_left(progress, left, sizeof(left));
	fprintf(stderr, CLEAR_LINE "%3zu %%  round %u  %s in %s  %s left",
		100 * progress->done / (progress->total ? progress->total : 1), round, bench, arm,
		left);
}

void progress_cell_done(struct progress *progress)
{
	progress->done++;
}

void progress_round(struct progress *progress, const char *what)
{
	char left[64];

	if (progress->on_terminal)
		return;
	time_left(progress, left, sizeof(left));
	fprintf(stderr, "tinybench: %s done, %zu of %zu runs, %s left\n", what, progress->done,
		progress->total, left);
}

void progress_tell(const struct progress *progress, const char *format, ...)
{
	va_list ap;

	fputs(progress->on_terminal ? CLEAR_LINE : "tinybench: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void progress_end(struct progress *progress)
{
	if (progress->on_terminal)
		fputs(CLEAR_LINE, stderr);
}
