/* SPDX-License-Identifier: MIT */
/* The network of net.*, made by ip(8). */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/tinybench/arms/netlab.h"
#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/file.h"
#include "guest/tinybench/base/spawn.h"

/* Runs a script; names come from us, so nothing has to be quoted. */
static int run_script(char *script, struct err *err)
{
	char shell[] = "sh", option[] = "-ec";
	char *const argv[] = {shell, option, script, NULL};
	char *output = spawn_capture(argv, err);

	free(script);
	free(output);
	return output ? 0 : -EIO;
}

static int make_interfaces(const struct netlab *lab, struct err *err)
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
			  err);
}

/* It runs as long as the lab does, and not longer than this process, however that ends. */
static int start_peer(struct netlab *lab, const char *bench_file, struct err *err)
{
	pid_t parent = getpid();

	lab->peer = fork();
	if (lab->peer < 0)
		return err_set(err, -errno, "%s: cannot start the peer: %s", bench_file,
			       strerror(errno));
	if (lab->peer == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		(void)signal(SIGPIPE, SIG_DFL);
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent || null < 0 ||
		    dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
			_exit(1);
		execl(bench_file, bench_file, "serve", "address=0.0.0.0:7", (char *)NULL);
		_exit(1);
	}
	return 0;
}

/* Its interfaces' names have to fit into IFNAMSIZ with the largest process number there is. */
static void name_lab(struct netlab *lab, pid_t pid)
{
	memset(lab, 0, sizeof(*lab));
	(void)snprintf(lab->name, sizeof(lab->name), "tinyb%d", (int)pid);
	(void)snprintf(lab->tap, sizeof(lab->tap), "%.14st", lab->name);
}

int netlab_make(struct netlab *lab, const char *bench_file, struct err *err)
{
	struct err why;
	int ret;

	memset(lab, 0, sizeof(*lab));
	if (geteuid() != 0)
		return err_set(err, -EPERM, "network namespaces and TAP need root");
	name_lab(lab, getpid());
	ret = make_interfaces(lab, &why);
	if (!ret)
		ret = start_peer(lab, bench_file, &why);
	if (ret) {
		err_set(err, ret, "no network for it: %.300s", why.text);
		netlab_remove(lab);
	}
	return ret;
}

void netlab_remove(struct netlab *lab)
{
	struct err why;

	if (lab->peer > 0) {
		kill(lab->peer, SIGKILL);
		while (waitpid(lab->peer, NULL, 0) < 0 && errno == EINTR)
			;
	}
	/* The pair's end in the namespace goes with the other, even if a process is still there. */
	if (lab->name[0])
		(void)run_script(xasprintf("ip link del %sh || true; ip link del %s || true; "
					   "ip netns del %s || true",
					   lab->name, lab->tap, lab->name),
				 &why);
	memset(lab, 0, sizeof(*lab));
}

static bool is_there(const char *format, const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), format, name);
	return file_exists(path);
}

void netlab_sweep(pid_t dead)
{
	struct netlab lab;

	if (geteuid() != 0 || !spawn_is_gone(dead))
		return;
	name_lab(&lab, dead);
	if (is_there("/run/netns/%s", lab.name) || is_there("/sys/class/net/%s", lab.tap))
		netlab_remove(&lab);
}
