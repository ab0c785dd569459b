/* SPDX-License-Identifier: MIT */
/*
 * `tinybench run` on a directory that has results continues them: what the user does not say is as
 * it was.
 */
#ifndef GUEST_TINYBENCH_MEASURE_RESUME_H
#define GUEST_TINYBENCH_MEASURE_RESUME_H

#include "guest/tinybench/measure/session.h"

/*
 * Settings of the last run in `data`, where they were not said: --samples, --min-ms, --cpus, --pin,
 * --quick and --arg. Strings point into `data`. 0, or -EINVAL with a message if they are none that
 * a user could have said.
 */
int resume_settings(struct settings *settings, const struct dataset *data, struct err *err);

/*
 * Benchmarks and arms where they were not said: those that the session's data has, each benchmark
 * in the arms that have it; without data those of the settings. 0, or -EINVAL with a message.
 */
int resume_choice(struct session *session, struct err *err);

#endif
