/* SPDX-License-Identifier: MIT */
/* One job in one arm. */
#include <string.h>

#include "guest/tinybench/measure/job_run.h"

static void judge_end(struct cell *cell, const struct arm *arm, const struct job_watch *watch,
		      const struct spawn_result *result)
{
	struct err why;

	if (watch->takes_lines) {
		cell_program_ended(cell, arm, result);
	} else if (result->end != SPAWN_EXITED || result->status != 0) {
		spawn_explain(result, &why);
		cell_fail(cell, why.text);
	}
}

bool job_run(struct session *session, struct arm *arm, struct cell *cell, const struct job *job,
	     const struct job_watch *watch, struct spawn_result *result)
{
	unsigned int timeout_s = watch->timeout_s ? watch->timeout_s : session->settings->timeout_s;
	struct argv argv = {0};
	struct spawn_request request = {.timeout_ms = (int)timeout_s * 1000,
					.signal_fd = session->signal_fd,
					.on_line = watch->takes_lines ? cell_take_line : NULL,
					.on_tick = watch->on_tick,
					.tick_ms = watch->tick_ms,
					.opaque = watch->takes_lines ? cell : watch->opaque};
	struct err why;
	int ret;

	memset(result, 0, sizeof(*result));
	ret = arm->class->command(arm, job, &argv, &why);
	request.argv = argv.at;
	if (!ret)
		ret = spawn_run(&request, result, &why);
	if (ret)
		cell_cannot_run(cell, ret, &why);
	else
		judge_end(cell, arm, watch, result);
	if (result->end != SPAWN_EXITED && arm->class->clean_up)
		arm->class->clean_up(arm);
	argv_free(&argv);
	return result->end != SPAWN_INTERRUPTED;
}
