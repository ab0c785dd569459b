/* SPDX-License-Identifier: MIT */
/* The network of net.*, made by ip(8). */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/file.h"
#include "guest/tinybench/arms/netlab.h"
#include "guest/tinybench/base/spawn.h"

/* Runs a script; names come from us, so nothing has to be quoted. */
static int run_script(char *script, struct reason *reason)
{
	char shell[] = "sh", option[] = "-ec";
	char *const argv[] = {shell, option, script, NULL};
	char *output = spawn_capture(argv, reason);

	free(script);
	free(output);
	return output ? 0 : -EIO;
}

static int make_interfaces(const struct netlab *lab, struct reason *reason)
{
	return run_script(xasprintf("ip netns add %s\n"
				    "ip link add %sh type veth peer name eth0 netns %s\n"
				    "ip addr add 198.18.0.1/24 dev %sh; ip link set %sh up\n"
				    "ip -n %s addr add 198.18.0.2/24 dev eth0\n"
				    "ip -n %s link set eth0 up; ip -n %s link set lo up\n"
				    "ip tuntap add %s mode tap\n"
				    "ip addr add 198.18.1.1/24 dev %s; ip link set %s up\n",
				    lab->name, lab->name, lab->name, lab->name, lab->name,
				    lab->name, lab->name, lab->name, lab->tap, lab->tap, lab->tap),
			  reason);
}

/* It runs as long as the lab does. */
static int start_peer(struct netlab *lab, const char *bench_file, struct reason *reason)
{
	char *program = xstrdup(bench_file);
	char serve[] = "serve", address[] = "address=0.0.0.0:7";
	char *const argv[] = {program, serve, address, NULL};
	posix_spawn_file_actions_t actions;
	int error;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	error = posix_spawn(&lab->peer, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	free(program);
	if (error)
		return reason_set(reason, -error, "%s: cannot start the peer: %s", bench_file,
				  strerror(error));
	return 0;
}

int netlab_make(struct netlab *lab, const char *bench_file, struct reason *reason)
{
	struct reason why;
	int error;

	memset(lab, 0, sizeof(*lab));
	if (geteuid() != 0)
		return reason_set(reason, -EPERM, "network namespaces and TAP need root");
	(void)snprintf(lab->name, sizeof(lab->name), "tb%d", (int)getpid() % 1000000);
	(void)snprintf(lab->tap, sizeof(lab->tap), "%.12st", lab->name);
	error = make_interfaces(lab, &why);
	if (!error)
		error = start_peer(lab, bench_file, &why);
	if (error) {
		reason_set(reason, error, "no network for it: %.300s", why.text);
		netlab_remove(lab);
	}
	return error;
}

void netlab_remove(struct netlab *lab)
{
	struct reason reason;

	if (lab->peer > 0) {
		kill(lab->peer, SIGKILL);
		while (waitpid(lab->peer, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (lab->name[0]) /* the namespace takes its end of the pair along */
		(void)run_script(xasprintf("ip netns del %s || true; ip link del %s || true",
					   lab->name, lab->tap),
				 &reason);
	memset(lab, 0, sizeof(*lab));
}
