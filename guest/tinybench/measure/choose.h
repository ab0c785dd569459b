/* SPDX-License-Identifier: MIT */
/* From what was typed to arms and benchmarks. */
#ifndef GUEST_TINYBENCH_MEASURE_CHOOSE_H
#define GUEST_TINYBENCH_MEASURE_CHOOSE_H

#include "guest/tinybench/measure/session.h"

/* The arms of a comma-separated list. 0, or -EINVAL with a message that names --arms. */
int choose_arms(struct session *session, const char *list, struct err *err);

/* The benchmarks that fit one of the patterns. 0, or -EINVAL with a message that names --bench. */
int choose_benches(struct session *session, const char *list, struct err *err);

#endif
