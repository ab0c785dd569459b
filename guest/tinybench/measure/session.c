/* SPDX-License-Identifier: MIT */
/* What a run works with. */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/measure/cell.h"
#include "guest/tinybench/base/file.h"
#include "guest/tinybench/host/host.h"
#include "guest/tinybench/measure/own.h"
#include "guest/tinybench/measure/session.h"

/* ---- names ---- */

static int add_arm(struct session *session, size_t i, struct reason *reason)
{
	size_t j;

	for (j = 0; j < i; j++)
		if (strcmp(session->arm_names.at[j], session->arm_names.at[i]) == 0)
			return reason_set(reason, -EINVAL, "--arms: \"%s\" is there twice",
					  session->arm_names.at[i]);
	return arm_parse(&session->arms[i], session->arm_names.at[i], &session->context, reason);
}

static int choose_arms(struct session *session, struct reason *reason)
{
	int error = 0;
	size_t i;

	names_split(&session->arm_names, session->settings->arms);
	if (session->arm_names.nr == 0)
		return reason_set(reason, -EINVAL, "--arms \"%s\": name one at least",
				  session->settings->arms);
	session->arms = xcalloc(session->arm_names.nr, sizeof(*session->arms));
	session->idle = xcalloc(session->arm_names.nr, sizeof(*session->idle));
	for (i = 0; !error && i < session->arm_names.nr; i++)
		error = add_arm(session, i, reason);
	return error;
}

static int unknown_bench(const struct session *session, const char *pattern, struct reason *reason)
{
	struct names known = {0};
	char nearest[160];
	size_t i;

	for (i = 0; i < session->all.nr; i++)
		names_add(&known, session->all.at[i]->name);
	names_nearest(&known, pattern, 3, nearest, sizeof(nearest));
	names_free(&known);
	return reason_set(reason, -EINVAL,
			  "--bench: \"%s\" fits no benchmark; the nearest are %s (tinybench list "
			  "shows all)",
			  pattern, nearest);
}

static int choose_benches(struct session *session, struct reason *reason)
{
	struct names patterns = {0};
	int error = 0;
	size_t i, j;

	names_split(&patterns, session->settings->bench);
	if (patterns.nr == 0)
		error = reason_set(reason, -EINVAL, "--bench \"%s\": name one at least",
				   session->settings->bench);
	for (j = 0; !error && j < patterns.nr; j++) {
		for (i = 0; i < session->all.nr; i++)
			if (names_match(patterns.at[j], session->all.at[i]->name))
				break;
		if (i == session->all.nr)
			error = unknown_bench(session, patterns.at[j], reason);
	}
	session->bench = xcalloc(session->all.nr + 1, sizeof(*session->bench));
	for (i = 0; i < session->all.nr; i++)
		if (names_match(session->settings->bench, session->all.at[i]->name))
			session->bench[session->nr_bench++] = session->all.at[i];
	names_free(&patterns);
	return error;
}

/* ---- the benchmark file ---- */

char *session_own_directory(void)
{
	char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[length > 0 ? length : 0] = '\0';
	if (strrchr(path, '/'))
		*strrchr(path, '/') = '\0';
	return xstrdup(path);
}

static int hash_bench_file(struct session *session, struct reason *reason)
{
	struct argv argv = {0};
	char *output;

	argv_add(&argv, "sha256sum");
	argv_add(&argv, "%s", session->bench_file);
	output = spawn_capture(argv.at, reason);
	argv_free(&argv);
	if (!output || strlen(output) < 64) {
		free(output);
		return -EIO;
	}
	memcpy(session->sha256, output, 64);
	free(output);
	return 0;
}

static int find_bench_file(struct session *session, struct reason *reason)
{
	char *path;
	int error;

	session->build_dir = session->settings->build_dir
				     ? realpath(session->settings->build_dir, NULL)
				     : session_own_directory();
	if (!session->build_dir)
		return reason_set(reason, -EINVAL, "--build %s: %s", session->settings->build_dir,
				  strerror(errno));
	path = xasprintf("%s/guest/bench.elf", session->build_dir);
	session->bench_file = path;
	if (!file_exists(path))
		return reason_set(reason, -ENOENT, "%s is missing; run make, or say --build DIR",
				  path);
	error = hash_bench_file(session, reason);
	return error ? error : catalog_load(&session->all, path, reason);
}

int session_open(struct session *session, const struct settings *settings, struct reason *reason)
{
	int error;

	memset(session, 0, sizeof(*session));
	session->settings = settings;
	session->signal_fd = -1;
	dataset_init(&session->data);
	error = find_bench_file(session, reason);
	own_add_to_catalog(&session->all);
	if (!error)
		error = choose_benches(session, reason);
	if (!error)
		error = choose_arms(session, reason);
	return error;
}

/* ---- preparation ---- */

/* tinybench itself moves to these CPUs; what it starts inherits that. */
static int confine(const char *list, struct reason *reason)
{
	char *copy = xstrdup(list), *cursor = copy, *part;
	unsigned int first, last;
	cpu_set_t set;
	int fields;

	CPU_ZERO(&set);
	while ((part = strsep(&cursor, ","))) {
		fields = sscanf(part, "%u-%u", &first, &last);
		for (last = fields == 2 ? last : first;
		     fields >= 1 && first <= last && first < CPU_SETSIZE; first++)
			CPU_SET(first, &set);
	}
	free(copy);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		return reason_set(reason, -EINVAL, "--pin %s: none of these CPUs can be used",
				  list);
	return 0;
}

static int catch_signals(struct session *session, struct reason *reason)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	session->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (session->signal_fd < 0)
		return reason_set(reason, -errno, "signalfd: %s", strerror(errno));
	return 0;
}

static int make_scratch(struct session *session, const char *dir, struct reason *reason)
{
	char *absolute = realpath(dir, NULL), *path;

	if (!absolute)
		return reason_set(reason, -errno, "%s: %s", dir, strerror(errno));
	path = xasprintf("%s/.scratch-XXXXXX", absolute);
	free(absolute);
	if (!mkdtemp(path)) {
		reason_set(reason, -errno, "%s: cannot make the directory: %s", path,
			   strerror(errno));
		free(path);
		return -EIO;
	}
	session->scratch = path;
	return 0;
}

static void prepare_arms(struct session *session)
{
	struct dataset *data = &session->data;
	struct arm *arm;
	const char *name;
	size_t i;

	session->context = (struct arm_context){.build_dir = session->build_dir,
						.bench_file = session->bench_file,
						.scratch = session->scratch,
						.pin = session->settings->pin,
						.software_kvm = host_has_software_kvm()};
	for (i = 0; i < session->arm_names.nr; i++) {
		arm = &session->arms[i];
		name = dataset_arm(data, arm->name);
		arm_prepare(arm);
		dataset_forget_arm_notes(data, name);
		if (!arm->ready)
			dataset_add_note(data, NULL, name, 0, false, arm->why_not.text);
	}
}

int session_prepare(struct session *session, const char *dir, struct reason *reason)
{
	int error = 0;

	if (session->settings->pin)
		error = confine(session->settings->pin, reason);
	if (!error)
		error = make_scratch(session, dir, reason);
	if (!error)
		error = catch_signals(session, reason);
	if (!error)
		prepare_arms(session);
	return error;
}

void session_close(struct session *session)
{
	size_t i;

	for (i = 0; session->arms && i < session->arm_names.nr; i++)
		arm_release(&session->arms[i]);
	free(session->arms);
	free(session->idle);
	names_free(&session->arm_names);
	netlab_remove(&session->net);
	if (session->scratch)
		file_remove_tree(session->scratch);
	if (session->signal_fd >= 0)
		close(session->signal_fd);
	free(session->scratch);
	free(session->disk);
	free(session->bench);
	free(session->build_dir);
	free(session->bench_file);
	dataset_free(&session->data);
	catalog_free(&session->all);
}

bool session_interrupted(const struct session *session)
{
	struct pollfd fd = {session->signal_fd, POLLIN, 0};

	return session->signal_fd >= 0 && poll(&fd, 1, 0) > 0;
}
