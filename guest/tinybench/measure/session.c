/* SPDX-License-Identifier: MIT */
/* What a run works with. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/cpus.h"
#include "guest/tinybench/base/file.h"
#include "guest/tinybench/host/host.h"
#include "guest/tinybench/measure/choose.h"
#include "guest/tinybench/measure/own.h"
#include "guest/tinybench/measure/resume.h"
#include "guest/tinybench/measure/session.h"

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

static int hash_bench_file(struct session *session, struct err *err)
{
	struct argv argv = {0};
	char *output, *sum;
	int ret = 0;

	argv_add(&argv, "sha256sum");
	argv_add(&argv, "%s", session->bench_file);
	output = spawn_capture(argv.at, err);
	argv_free(&argv);
	if (!output)
		return err_prefix(err, -EIO, "sha256sum %s", session->bench_file);
	sum = output + (*output == '\\'); /* its mark for a path with a backslash or a new line */
	if (strspn(sum, "0123456789abcdef") == sizeof(session->sha256) - 1)
		memcpy(session->sha256, sum, sizeof(session->sha256) - 1);
	else
		ret = err_set(err, -EIO, "sha256sum %s: printed no sum", session->bench_file);
	free(output);
	return ret;
}

static int find_bench_file(struct session *session, struct err *err)
{
	char *path;
	int ret;

	session->build_dir = session->settings->build_dir
				     ? realpath(session->settings->build_dir, NULL)
				     : session_own_directory();
	if (!session->build_dir)
		return err_set(err, -EINVAL, "--build %s: %s", session->settings->build_dir,
			       strerror(errno));
	path = xasprintf("%s/guest/bench.elf", session->build_dir);
	session->bench_file = path;
	if (!file_exists(path))
		return err_set(err, -ENOENT, "%s is missing; run make, or say --build DIR", path);
	ret = hash_bench_file(session, err);
	return ret ? ret : catalog_load(&session->all, path, err);
}

int session_open(struct session *session, const struct settings *settings, struct err *err)
{
	int ret;

	memset(session, 0, sizeof(*session));
	session->settings = settings;
	session->signal_fd = -1;
	session->claim = CLAIM_NONE;
	dataset_init(&session->data);
	ret = find_bench_file(session, err);
	own_add_to_catalog(&session->all);
	if (!ret && settings->bench)
		ret = choose_benches(session, settings->bench, err);
	if (!ret && settings->arms)
		ret = choose_arms(session, settings->arms, err);
	return ret;
}

int session_claim(struct session *session, const char *dir, struct err *err)
{
	int ret = claim_take(&session->claim, dir, err);

	if (!ret && session->claim.before)
		netlab_sweep(session->claim.before);
	return ret;
}

/* ---- preparation ---- */

static int catch_signals(struct session *session, struct err *err)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	session->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (session->signal_fd < 0)
		return err_set(err, -errno, "signalfd: %s", strerror(errno));
	return 0;
}

static void prepare_arms(struct session *session)
{
	struct dataset *data = &session->data;
	struct host_kvm kvm;
	struct arm *arm;
	const char *name;
	size_t i;

	host_kvm_read("", &kvm);
	session->context = (struct arm_context){.build_dir = session->build_dir,
						.bench_file = session->bench_file,
						.scratch = session->claim.path,
						.pin = session->settings->pin,
						.dead = session->claim.before,
						.kvm_device = "/dev/kvm",
						.software_kvm = kvm.software};
	for (i = 0; i < session->arm_names.nr; i++) {
		arm = &session->arms[i];
		name = dataset_arm(data, arm->name);
		arm_prepare(arm);
		dataset_forget_arm_notes(data, name);
		if (!arm->ready)
			dataset_add_note(data, NULL, name, 0, false, arm->why_not.text);
	}
}

static int check_cpus(struct session *session, struct err *err)
{
	const struct settings *settings = session->settings;
	int ret = settings->pin ? cpus_confine(settings->pin, err) : 0;

	session->nr_cpus = cpus_usable();
	if (!ret && settings->cpus > session->nr_cpus)
		ret = err_set(err, -EINVAL,
			      "--cpus %u: this run may use %u (taskset -p $$ and --pin decide)",
			      settings->cpus, session->nr_cpus);
	return ret;
}

int session_prepare(struct session *session, struct err *err)
{
	int ret = resume_choice(session, err);

	if (!ret)
		ret = check_cpus(session, err);
	if (!ret)
		ret = catch_signals(session, err);
	if (!ret)
		prepare_arms(session);
	return ret;
}

bool session_wants(const struct session *session, size_t bench_index, size_t arm_index)
{
	return !session->left_out ||
	       !session->left_out[bench_index * session->arm_names.nr + arm_index];
}

void session_close(struct session *session)
{
	size_t i;

	for (i = 0; session->arms && i < session->arm_names.nr; i++)
		arm_release(&session->arms[i]);
	free(session->arms);
	free(session->idle);
	free(session->left_out);
	names_free(&session->arm_names);
	netlab_remove(&session->net);
	if (session->signal_fd >= 0)
		close(session->signal_fd);
	free(session->disk);
	free(session->bench);
	free(session->build_dir);
	free(session->bench_file);
	dataset_free(&session->data);
	catalog_free(&session->all);
	claim_release(&session->claim);
}

bool session_interrupted(const struct session *session)
{
	struct pollfd fd = {session->signal_fd, POLLIN, 0};

	return session->signal_fd >= 0 && poll(&fd, 1, 0) > 0;
}
