/* SPDX-License-Identifier: MIT */
/* How fast a guest may reset itself: see the header. */
#include "vmm/restarts.h"

uint64_t restarts_wait_ns(const struct restarts *restarts, uint64_t now_ns)
{
	uint64_t ago_ns;

	if (restarts->nr < RESTARTS_BURST)
		return 0;
	ago_ns = now_ns - restarts->begun_ns[restarts->nr % RESTARTS_BURST];
	return ago_ns < RESTARTS_WINDOW_NS ? RESTARTS_WINDOW_NS - ago_ns : 0;
}

bool restarts_worth_a_word(struct restarts *restarts, uint64_t now_ns)
{
	if (restarts_wait_ns(restarts, now_ns) == 0 ||
	    (restarts->told_ns != 0 && now_ns - restarts->told_ns < RESTARTS_TELL_NS))
		return false;
	restarts->told_ns = now_ns;
	return true;
}

void restarts_begin(struct restarts *restarts, uint64_t now_ns)
{
	restarts->begun_ns[restarts->nr++ % RESTARTS_BURST] = now_ns;
}
